/**
 * The addresses of clients: one pool for the whole cluster side, chosen once by the controller so that it overlaps nothing of
 * the cluster, and kept in a ConfigMap, because links hold on to their addresses.
 */
import type { KubeObject } from '../kube/index.ts';
import { names } from '../../../protocol/names.ts';
import { overlap, parseRange, toAddress, toNumber, type Range } from './ipv4.ts';

/** The shared space 100.64.0.0/10 (RFC 6598) first: neither offices nor Docker use it. It is full of other overlays' pools at its start, so from above. */
const candidates = ['100.96.0.0/16', '100.112.0.0/16', '100.80.0.0/16', '100.126.0.0/16', '10.219.0.0/16', '172.27.0.0/16', '198.18.0.0/16', '10.83.0.0/16', '192.168.160.0/20'];

export interface PoolConfigMap extends KubeObject {
  data?: Record<string, string>;
}

/** The first candidate that overlaps none of the cluster's CIDRs; undefined when all do. */
export function choosePool(taken: readonly string[]): string | undefined {
  const ranges = taken.map(parseRange).filter((range) => range !== undefined);
  return candidates.find((candidate) => {
    const range = parsePool(candidate);
    return !ranges.some((other) => overlap(range, other));
  });
}

export function poolOf(config: PoolConfigMap | undefined): string | undefined {
  const pool = config?.data?.[names.networkPoolField];
  return pool !== undefined && parseRange(pool) !== undefined ? pool : undefined;
}

/** @throws Error when it is no CIDR. */
export function parsePool(pool: string): Range {
  const range = parseRange(pool);
  if (range === undefined) throw new Error(`the client pool ${pool} is no IPv4 CIDR`);
  return range;
}

/** The hub has the first usable address of the pool. */
export function hubAddress(pool: string): string {
  return toAddress(parsePool(pool).first + 1);
}

/** The lowest address that nobody has; undefined when the pool is full. */
export function freeAddress(pool: string, taken: ReadonlySet<string>): string | undefined {
  const { first, last } = parsePool(pool);
  // Neither the network's own address nor the hub's, nor the broadcast address.
  for (let value = first + 2; value < last; value += 1) {
    const address = toAddress(value);
    if (!taken.has(address)) return address;
  }
  return undefined;
}

/** May a client have this address? */
export function assignable(pool: string, address: string): boolean {
  const { first, last } = parsePool(pool);
  const value = toNumber(address);
  return value > first + 1 && value < last;
}
