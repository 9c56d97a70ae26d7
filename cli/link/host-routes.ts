/** Networks that this machine knows without Docker: its interfaces, and on Linux its routes. A VPN's ranges are among them. */
import { readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';

/** Routes in /proc/net/route (little-endian hexadecimal, proc(5)) as CIDRs, without the default route. */
export function routesOf(procNetRoute: string): string[] {
  const dotted = (hex: string): string => (hex.match(/../g) ?? []).reverse().map((octet) => parseInt(octet, 16)).join('.');
  return procNetRoute.split('\n').slice(1).flatMap((line) => {
    const [, destination, , , , , , mask] = line.split('\t');
    if (destination === undefined || mask === undefined || mask === '00000000') return [];
    const bits = parseInt(mask, 16).toString(2).replaceAll('0', '').length;
    return [`${dotted(destination)}/${bits}`];
  });
}

export async function hostNetworks(): Promise<string[]> {
  const own = Object.values(networkInterfaces()).flatMap((addresses) => (addresses ?? []).flatMap(({ cidr, internal, family }) => (internal || cidr === null || family !== 'IPv4' ? [] : [cidr])));
  const routes = await readFile('/proc/net/route', 'utf8').then(routesOf, () => []);
  return [...new Set([...own, ...routes])];
}
