/**
 * Which bridged port gets which hub port. Nothing is remembered but what stands in the bridges' status, so a controller that
 * starts anew continues where the last one stopped.
 */
import type { AssignedPort, BridgePort, BridgeSpec } from '../../../protocol/objects.ts';
import { hubPortRange } from '../../../protocol/ports.ts';

/**
 * full: what it lacks is given to it. held: it keeps what it has. spare: too, but only until a full one needs it and no other is left.
 */
export type PortClaim = 'full' | 'held' | 'spare';

export type HubPorts = AssignedPort[] | 'share' | undefined;

export interface PortHolder {
  uid: string;
  owner: string;
  claim: PortClaim;
  createdAt: string;
  ports: BridgeSpec['ports'];
  /** As its status has them. */
  assigned: readonly AssignedPort[];
}

/** Nobody gets more than so many hub ports, so that others get some. */
export const hubPortsOfOwner = 2000;

const size = hubPortRange.last - hubPortRange.first + 1;

/** Per uid; 'share' when its owner has as many as he may have, undefined when otherwise not every port of it has a hub port. Of two bridges that hold the same port the older one keeps it, unless only the other is to work. */
export function assignHubPorts(holders: readonly PortHolder[]): Map<string, HubPorts> {
  const taken = new Set<number>();
  const ordered = [...holders].sort((one, other) => (rank(one) < rank(other) ? -1 : 1));
  const kept = new Map<string, Map<string, number>>();
  for (const { uid, ports, assigned } of ordered) {
    const mine = new Map<string, number>();
    for (const port of ports) {
      const before = assigned.find((candidate) => same(candidate, port))?.hubPort;
      if (before === undefined || taken.has(before) || before < hubPortRange.first || before > hubPortRange.last) continue;
      taken.add(before);
      mine.set(key(port), before);
    }
    kept.set(uid, mine);
  }
  const result = new Map<string, HubPorts>();
  /** Of those that work; what is spare is anybody's. */
  const ofOwner = new Map<string, number>();
  const count = (owner: string, more: number): void => { ofOwner.set(owner, (ofOwner.get(owner) ?? 0) + more); };
  for (const { uid, owner, claim } of ordered) if (claim !== 'spare') count(owner, kept.get(uid)?.size ?? 0);
  const spare = ordered.filter(({ uid, claim }) => claim === 'spare' && kept.get(uid)?.size !== 0).map(({ uid }) => uid);
  /** Of the youngest spare one. */
  const takeBack = (): boolean => {
    const uid = spare.pop();
    for (const hubPort of kept.get(uid ?? '')?.values() ?? []) taken.delete(hubPort);
    kept.delete(uid ?? '');
    return uid !== undefined;
  };
  const give = (seed: string): number | undefined => {
    let hubPort = free(taken, seed);
    while (hubPort === undefined && takeBack()) hubPort = free(taken, seed);
    return hubPort;
  };
  for (const { uid, owner, claim, ports } of ordered) {
    const lacking = ports.length - (kept.get(uid)?.size ?? 0);
    if (claim === 'full' && lacking > 0) {
      if ((ofOwner.get(owner) ?? 0) + lacking > hubPortsOfOwner) {
        result.set(uid, 'share');
        continue;
      }
      count(owner, lacking);
    }
    const assigned = ports.map((port) => {
      const hubPort = kept.get(uid)?.get(key(port)) ?? (claim === 'full' ? give(`${uid} ${key(port)}`) : undefined);
      if (hubPort !== undefined) taken.add(hubPort);
      return hubPort === undefined ? undefined : { ...port, hubPort };
    });
    result.set(uid, assigned.every((port) => port !== undefined) ? assigned : undefined);
  }
  return result;
}

/**
 * The first free port from a place that depends on the bridge: so a port that has just become free is unlikely to be given away
 * while connections of its last holder still end.
 */
function free(taken: ReadonlySet<number>, seed: string): number | undefined {
  const start = hash(seed) % size;
  for (let step = 0; step < size; step += 1) {
    const port = hubPortRange.first + ((start + step) % size);
    if (!taken.has(port)) return port;
  }
  return undefined;
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of Buffer.from(text)) value = Math.imul(value ^ byte, 0x01000193) >>> 0;
  return value;
}

const key = ({ port, protocol }: BridgePort): string => `${port}/${protocol}`;
const same = (one: BridgePort, other: BridgePort): boolean => one.port === other.port && one.protocol === other.protocol;
/** Spare ones last; then by age. */
const rank = ({ claim, createdAt, uid }: PortHolder): string => `${claim === 'spare' ? 1 : 0} ${createdAt} ${uid}`;
