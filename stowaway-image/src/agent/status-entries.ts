/** This node's share of Bridge.status.pods. */
import type { BridgePod } from '../../../protocol/objects.ts';
import { timestamp } from '../conditions.ts';

export type EntryState = Pick<BridgePod, 'name' | 'ready'> & Partial<Pick<BridgePod, 'serving' | 'frozen' | 'egress' | 'message' | 'note' | 'address'>>;

/** `since` changes only with `ready`. @param previous as written last, by us or by the agent before us */
export function statusEntries(states: readonly EntryState[], previous: readonly BridgePod[], node: string, agent: string, now: Date): BridgePod[] {
  return [...states].sort((a, b) => (a.name < b.name ? -1 : 1)).map(({ name, ready, serving, frozen, egress, message, note, address }) => {
    const before = previous.find((entry) => entry.name === name);
    return {
      name, node, ready, agent,
      since: before !== undefined && before.ready === ready ? before.since : timestamp(now),
      ...(address === undefined ? {} : { address }),
      ...(serving === undefined ? {} : { serving }),
      ...(frozen === undefined ? {} : { frozen }),
      ...(egress === undefined ? {} : { egress }),
      ...(message === undefined ? {} : { message }),
      ...(note === undefined ? {} : { note }),
    };
  });
}
