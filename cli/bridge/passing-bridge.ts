/** A bridge that lives only for a question: `bridge env`, `bridge files`, `bridge tap`. */
import { randomBytes } from 'node:crypto';
import type { Bridge } from '../../protocol/objects.ts';
import type { Cluster } from '../adapters/cluster/index.ts';
import type { Host } from '../host.ts';
import type { Steps } from '../steps/steps.ts';
import { describeTarget, type TargetRef } from '../target/parse-target.ts';
import { resolveTarget, type ResolvedTarget } from '../target/resolve-target.ts';
import { attach, type AttachQuestion } from './attach.ts';
import type { BridgeWatch } from './bridge-watch.ts';
import { Interrupted, watchInterrupts, type Signal } from './interrupts.ts';
import type { UsableLink } from './needs.ts';
import { defaultBridgeName } from './owner-slug.ts';

/** What each such question needs of the link. */
export type PassingLink = Pick<UsableLink, 'client' | 'owner' | 'control'>;

/** Whose pods are asked, as the user names them. */
export interface PassingQuestion<L extends PassingLink = UsableLink> {
  host: Host;
  cluster: Cluster;
  steps: Steps;
  link: () => Promise<L>;
  ref: TargetRef;
  namespace: string;
  container?: string;
  /** Gives it up, as Ctrl-C does. */
  signal?: AbortSignal;
  /** Told as soon as it is known. */
  onTarget?: (target: ResolvedTarget) => void;
}

export interface PassingParts {
  /** First word of its name. */
  purpose: string;
  /** Where it looks at requests; absent: it has no ports. */
  traffic?: { ports: string[]; request: Pick<AttachQuestion['request'], 'rules' | 'traffic'> };
  /** At the first Ctrl-C, or the signal, before everything is given up. */
  onInterrupt?: () => void;
}

export interface PassingBridge<L extends PassingLink = UsableLink> {
  link: L;
  target: ResolvedTarget;
  bridge: Bridge;
  watch: BridgeWatch;
}

/** Room for a dash, and for six digits behind another. */
const nameRoom = 63 - 8;

/** Nothing of it stays when it resolves, neither in the cluster nor here (but a link that was up already). Rejects with what `use` rejects with, or with Interrupted. */
export async function withPassingBridge<T, L extends PassingLink>(question: PassingQuestion<L>, { purpose, traffic, onInterrupt = () => undefined }: PassingParts, use: (passing: PassingBridge<L>) => Promise<T>): Promise<T> {
  const { host, cluster, steps, ref, namespace, container, signal } = question;
  const giveUp = (received?: Signal): void => {
    onInterrupt();
    steps.abort(received === undefined ? new Error('interrupted') : new Interrupted(received));
  };
  const interrupts = watchInterrupts(host, giveUp);
  signal?.addEventListener('abort', () => giveUp(), { once: true });
  if (signal?.aborted === true) giveUp();
  try {
    const opened = question.link();
    opened.catch(() => undefined);
    const target = await steps.run({
      id: 'target', title: `Target ${describeTarget(ref)} in ${namespace}`,
      detail: (resolved) => (traffic === undefined ? `container ${resolved.container.name}` : `port ${resolved.ports.map(({ port }) => port).join(', ')}`),
      act: () => resolveTarget(cluster, { ref, namespace, ...(traffic === undefined ? { ports: [], withoutPorts: true } : { ports: traffic.ports, withRules: true }), ...(container === undefined ? {} : { container }) }),
    });
    question.onTarget?.(target);
    const link = await opened;
    // Of its own name: the same workload may be bridged just now.
    const name = `${purpose}-${defaultBridgeName(ref.name, link.owner).slice(0, nameRoom - purpose.length).replace(/-+$/, '')}-${randomBytes(3).toString('hex')}`;
    const { bridge, watch } = await attach({ request: { rules: [], hideServedBy: false, ...traffic?.request }, cluster, client: link.client, owner: link.owner, link: opened, target, name, steps });
    return await use({ link, target, bridge, watch });
  } catch (error) {
    const received = interrupts.signal();
    throw received === undefined ? error : new Interrupted(received);
  } finally {
    await steps.undo(interrupts.force);
    interrupts.stop();
  }
}
