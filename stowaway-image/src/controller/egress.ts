/** Through which pod a bridge with `egress: pod` goes out. Pure. */
import { nextTunnel } from '../../../protocol/egress.ts';
import type { BridgeEgress, BridgePod } from '../../../protocol/objects.ts';
import type { TargetPod } from './pods.ts';

export interface EgressQuestion {
  address: string;
  /** As it was decided last. */
  before: BridgeEgress | undefined;
  /** The target's pods on nodes; none that is about to end. */
  pods: readonly TargetPod[];
  /** The entry that a living agent has written for a pod. */
  entryOf: (pod: TargetPod) => BridgePod | undefined;
}

/**
 * The pod stays as long as it lives: a move breaks connections. The next one is a ready one if there is any, and entered by its agent already, so
 * that the way is open at once. One whose agent starts anew is kept when there is no other.
 */
export function chooseEgress({ address, before, pods, entryOf }: EgressQuestion): BridgeEgress {
  const present = before?.address === address ? before : undefined;
  const current = pods.find(({ metadata }) => metadata.name === present?.pod);
  if (present !== undefined && current !== undefined && isEntered(entryOf(current))) return present;
  const [next] = pods.filter((pod) => isEntered(entryOf(pod))).sort((one, other) => Number(other.ready) - Number(one.ready) || (one.metadata.name < other.metadata.name ? -1 : 1));
  const pod = (next ?? current)?.metadata.name;
  if (pod === undefined) return { address, tunnel: present?.tunnel ?? nextTunnel(address, undefined) };
  return pod === present?.pod ? present : { address, tunnel: nextTunnel(address, present?.tunnel), pod };
}

/** Its network namespace is there and known to the agent. */
function isEntered(entry: BridgePod | undefined): boolean {
  return entry?.address !== undefined;
}
