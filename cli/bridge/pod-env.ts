/** `bridge env`: what a pod's process has, by a bridge without ports that lives only for the question. */
import { randomBytes } from 'node:crypto';
import type { Identity } from '../../protocol/identity.ts';
import type { Cluster } from '../adapters/cluster/index.ts';
import type { Host } from '../host.ts';
import type { Steps } from '../steps/steps.ts';
import type { ContainerSpec } from '../target/kube-types.ts';
import { describeTarget, type TargetRef } from '../target/parse-target.ts';
import { resolveTarget } from '../target/resolve-target.ts';
import { attach } from './attach.ts';
import { fetchIdentity } from './identity.ts';
import { watchInterrupts } from './interrupts.ts';
import type { UsableLink } from './needs.ts';
import { defaultBridgeName } from './owner-slug.ts';

export interface PodEnvQuestion {
  host: Host;
  cluster: Cluster;
  steps: Steps;
  link: () => Promise<UsableLink>;
  ref: TargetRef;
  namespace: string;
  container?: string;
}

export interface PodEnv {
  identity: Identity;
  /** As the pod's template describes it. */
  container: ContainerSpec;
}

/** Nothing of it stays, neither in the cluster nor here (but a link that was up already). */
export async function podEnv({ host, cluster, steps, link: open, ref, namespace, container }: PodEnvQuestion): Promise<PodEnv> {
  const interrupts = watchInterrupts(host, () => steps.abort(new Error('interrupted')));
  try {
    const opened = open();
    opened.catch(() => undefined);
    const target = await steps.run({
      id: 'target', title: `Target ${describeTarget(ref)} in ${namespace}`, detail: (resolved) => `container ${resolved.container.name}`,
      act: () => resolveTarget(cluster, { ref, namespace, ports: [], withoutPorts: true, ...(container === undefined ? {} : { container }) }),
    });
    const link = await opened;
    // Of its own name: the same workload may be bridged just now.
    const name = `env-${defaultBridgeName(ref.name, link.owner).slice(0, 50).replace(/-+$/, '')}-${randomBytes(3).toString('hex')}`;
    const { watch } = await attach({ request: { rules: [], hideServedBy: false }, cluster, client: link.client, owner: link.owner, link: opened, target, name, steps });
    const identity: Identity = await steps.run({
      id: 'identity', title: 'Environment of the pod', detail: (found) => `pod ${found.pod.name}`,
      act: ({ signal, waiting }) => fetchIdentity({ watch, control: link.control, signal, waiting }),
    });
    return { identity, container: target.container };
  } finally {
    await steps.undo(interrupts.force);
    interrupts.stop();
  }
}
