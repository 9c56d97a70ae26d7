/** Ends one bridge and its container, as Ctrl-C of a foreground run does. */
import type { BridgeRef } from '../../protocol/heartbeat.ts';
import { labels } from '../../protocol/names.ts';
import type { Cluster } from '../adapters/cluster/index.ts';
import type { ContainerSummary, Docker } from '../adapters/docker/index.ts';
import { openRunningControl } from '../link/control-client.ts';
import type { Steps } from '../steps/steps.ts';
import { endBridge } from './end-bridge.ts';
import { removeFiles } from '../volumes/remove-files.ts';
import { removeLoopback } from './loopback.ts';
import { removeContainer } from './remove-container.ts';

export interface StopRequest {
  docker: Docker;
  cluster: Cluster;
  steps: Steps;
  link: string;
  ref?: BridgeRef;
  container?: ContainerSummary;
  /** Ends waiting for open requests. */
  force: AbortSignal;
}

/** Cargo may be gone, or may never have been told: forwards of a bridge that is no more lead nowhere anyway. */
async function unforward(docker: Docker, link: string, bridge: BridgeRef): Promise<void> {
  const control = (await openRunningControl(docker, link))?.control;
  if (control === undefined) return;
  try {
    await control.call('unforward', { bridge });
  } finally {
    control.close();
  }
}

export interface Stopped {
  name: string;
  namespace: string | null;
  bridge: boolean;
  container: string | null;
}

export async function stopBridge({ docker, cluster, steps, link, ref, container, force }: StopRequest): Promise<Stopped> {
  const name = ref?.name ?? container?.name ?? '';
  let ended = false;
  if (ref !== undefined) {
    ended = await steps.run({ id: `end-${ref.namespace}-${name}`, title: `End bridge ${name} in ${ref.namespace}`, act: ({ waiting }) => endBridge(cluster, ref, link, force, waiting) });
    await unforward(docker, link, ref).catch(() => undefined);
  }
  if (container !== undefined) {
    await steps.run({
      id: `remove-${container.id}`, title: `Remove container ${container.name}`,
      act: async ({ waiting }) => {
        await removeContainer(docker, container.id, force, waiting);
        if (container.labels[labels.loopback] !== undefined) await removeLoopback(docker, container.id);
      },
    });
  }
  const namespace = ref?.namespace ?? container?.labels[labels.namespace];
  const bridge = ref?.name ?? container?.labels[labels.bridge];
  if (namespace !== undefined && bridge !== undefined) await removeFiles(docker, { link, namespace, bridge });
  return { name, namespace: ref?.namespace ?? null, bridge: ended, container: container?.name ?? null };
}
