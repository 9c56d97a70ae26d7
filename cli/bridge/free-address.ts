/**
 * A fixed address for an app container in the link's network: kept over restarts, and known before the container is made.
 * Chosen by the container's name, so that simultaneous runs rarely want the same one; Docker refuses the second, who then takes the next.
 */
import { createHash } from 'node:crypto';
import ipaddr from 'ipaddr.js';
import { labels } from '../../protocol/names.ts';
import type { Docker } from '../adapters/docker/index.ts';
import { BridgeError } from '../errors.ts';

/** Network, gateway and cargo addresses come first in the subnet; Docker hands out from the start too. */
const reservedAtStart = 16;

/** Addresses of the subnet from `from` on, wrapping round, without those at the ends. */
export function* addressesOf(subnet: string, seed: string): Generator<string> {
  const [network, bits] = ipaddr.IPv4.parseCIDR(subnet);
  const base = ipaddr.IPv4.networkAddressFromCIDR(subnet).toByteArray().reduce((sum, byte) => sum * 256 + byte, 0);
  const usable = 2 ** (32 - bits) - reservedAtStart - 1;
  if (usable < 1) throw new RangeError(`${network.toString()}/${bits} is too small`);
  const start = createHash('sha256').update(seed).digest().readUInt32BE(0) % usable;
  for (let index = 0; index < usable; index++) {
    const value = base + reservedAtStart + ((start + index) % usable);
    yield [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255].join('.');
  }
}

export async function freeAddress(docker: Docker, network: string, client: string, seed: string, refused: ReadonlySet<string>): Promise<string> {
  const [info, siblings] = await Promise.all([docker.networks.find(network), docker.containers.list({ [labels.link]: client })]);
  const subnet = info?.subnets.find((candidate) => candidate.includes('.'));
  if (info === undefined || subnet === undefined) {
    throw new BridgeError({ kind: 'environment', code: 'network-not-found', what: `the link's Docker network ${network} is not there`, why: 'it was removed by hand', next: 'bridge up' });
  }
  // Stopped containers keep their address for when they are started again.
  const stopped = await Promise.all(siblings.filter((container) => container.state !== 'running').map((container) => docker.containers.find(container.id)));
  const taken = new Set([
    ...refused, ...(info.gateway === undefined ? [] : [info.gateway]), ...Object.values(info.auxiliary), ...info.containers.map((container) => container.ipv4Address.split('/')[0]!),
    ...stopped.flatMap((container) => container?.networks[network]?.requested ?? []),
  ]);
  for (const address of addressesOf(subnet, seed)) if (!taken.has(address)) return address;
  throw new BridgeError({ kind: 'environment', code: 'network-full', what: `every address of the Docker network ${network} (${subnet}) is taken`, next: 'bridge list, and bridge stop what is not needed' });
}
