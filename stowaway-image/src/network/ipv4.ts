/** Ranges of IPv4 addresses as numbers. IPv6 ranges are of no concern here: clients have IPv4 addresses only. */
import ipaddr from 'ipaddr.js';

/** First and last address, inclusive. */
export interface Range {
  first: number;
  last: number;
}

export function isIpv4(address: string): boolean {
  return ipaddr.IPv4.isValidFourPartDecimal(address);
}

/** @throws Error when it is no dotted IPv4 address. */
export function toNumber(address: string): number {
  if (!isIpv4(address)) throw new Error(`${address} is no IPv4 address`);
  return ipaddr.IPv4.parse(address).octets.reduce((sum, octet) => sum * 256 + octet, 0);
}

export function toAddress(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}

/** Undefined for what is no IPv4 CIDR (IPv6 ranges of dual-stack clusters, nonsense). */
export function parseRange(cidr: string): Range | undefined {
  const [address = '', prefix = ''] = cidr.split('/');
  const bits = Number(prefix);
  if (!isIpv4(address) || !/^\d{1,2}$/.test(prefix) || bits > 32) return undefined;
  const size = 2 ** (32 - bits);
  const first = Math.floor(toNumber(address) / size) * size;
  return { first, last: first + size - 1 };
}

export function overlap(one: Range, other: Range): boolean {
  return one.first <= other.last && other.first <= one.last;
}

export function contains(range: Range, address: string): boolean {
  const value = toNumber(address);
  return range.first <= value && value <= range.last;
}
