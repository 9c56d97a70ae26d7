/** Which client has which WireGuard address. What stands in their status stays; only doubles and strangers to the pool get a new one. */
import type { Client } from '../../../protocol/objects.ts';
import { isIpv4 } from '../network/ipv4.ts';
import { assignable, freeAddress } from '../network/pool.ts';

/** By uid. A client is missing in the result when the pool is full. @param known addresses given by us that the clients may not show yet */
export function assignAddresses(clients: Iterable<Client>, pool: string, known: ReadonlyMap<string, string>): Map<string, string> {
  const ordered = [...clients].sort((one, other) => (age(one) < age(other) ? -1 : 1));
  const result = new Map<string, string>();
  const taken = new Set<string>();
  for (const client of ordered) {
    const uid = client.metadata.uid ?? '';
    const address = client.status?.address ?? known.get(uid);
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

const age = ({ metadata }: Client): string => `${metadata.creationTimestamp ?? ''} ${metadata.uid ?? ''}`;
