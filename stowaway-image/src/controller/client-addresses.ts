/**
 * Which client has which WireGuard address, and which bridge has which for its way out. What stands in their status stays; only doubles and
 * strangers to the pool get a new one.
 */
import type { Bridge, Client } from '../../../protocol/objects.ts';
import { isIpv4 } from '../network/ipv4.ts';
import { assignable, freeAddress } from '../network/pool.ts';

/** By uid. An object is missing in the result when the pool is full. @param known addresses given by us that the objects may not show yet */
export function assignAddresses(holders: Iterable<Client | Bridge>, pool: string, known: ReadonlyMap<string, string>): Map<string, string> {
  const ordered = [...holders].sort((one, other) => (age(one) < age(other) ? -1 : 1));
  const result = new Map<string, string>();
  const taken = new Set<string>();
  for (const holder of ordered) {
    const uid = holder.metadata.uid ?? '';
    const address = addressOf(holder) ?? known.get(uid);
    if (address === undefined || !isIpv4(address) || !assignable(pool, address) || taken.has(address)) continue;
    taken.add(address);
    result.set(uid, address);
  }
  for (const { metadata: { uid = '' } } of ordered) {
    if (result.has(uid)) continue;
    const address = freeAddress(pool, taken);
    if (address === undefined) break;
    taken.add(address);
    result.set(uid, address);
  }
  return result;
}

function addressOf(holder: Client | Bridge): string | undefined {
  return isBridge(holder) ? holder.status?.egress?.address : holder.status?.address;
}

const isBridge = (holder: Client | Bridge): holder is Bridge => 'target' in holder.spec;
const age = ({ metadata }: Client | Bridge): string => `${metadata.creationTimestamp ?? ''} ${metadata.uid ?? ''}`;
