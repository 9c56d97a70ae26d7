/**
 * Which bridged port gets which hub port. Nothing is remembered but what stands in the bridges' status, so a controller that
 * starts anew continues where the last one stopped.
 */
import type { AssignedPort, BridgePort, BridgeSpec } from '../../../protocol/objects.ts';
import { hubPortRange } from '../../../protocol/ports.ts';

export interface PortHolder {
  uid: string;
  createdAt: string;
  ports: BridgeSpec['ports'];
  /** As its status has them. */
  assigned: readonly AssignedPort[];
}

const size = hubPortRange.last - hubPortRange.first + 1;

/** Per uid; undefined when no port is left. Of two bridges that hold the same port the older one keeps it. */
export function assignHubPorts(holders: readonly PortHolder[]): Map<string, AssignedPort[] | undefined> {
  const taken = new Set<number>();
  const ordered = [...holders].sort((one, other) => (age(one) < age(other) ? -1 : 1));
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
  const result = new Map<string, AssignedPort[] | undefined>();
  for (const { uid, ports } of ordered) {
    const assigned = ports.map((port) => {
      const hubPort = kept.get(uid)?.get(key(port)) ?? free(taken, `${uid} ${key(port)}`);
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
const age = ({ createdAt, uid }: PortHolder): string => `${createdAt} ${uid}`;
