/** A /24 for the link's Docker network that overlaps with nothing that is known here. */
import ipaddr from 'ipaddr.js';

export interface Subnet {
  cidr: string;
  /** The bridge's own address: cargo's way out. */
  gateway: string;
  /** Default route and DNS of the containers; Docker gives it to nobody, cargo takes it. */
  cargo: string;
}

const prefixBits = 24;

/** Rarely used by companies, by Docker's own pools (172.17-31, 192.168) and by Kubernetes distributions (10.42-43, 10.96, 10.244, 10.0). */
function* candidates(start: number): Generator<string> {
  for (let index = 0; index < 256; index++) yield `10.87.${(start + index) % 256}.0/${prefixBits}`;
  for (let index = 0; index < 256; index++) yield `172.31.${255 - index}.0/${prefixBits}`;
  for (let index = 0; index < 256; index++) yield `192.168.${255 - index}.0/${prefixBits}`;
}

export function overlaps(a: string, b: string): boolean {
  const [addressA, bitsA] = ipaddr.parseCIDR(a);
  const [addressB, bitsB] = ipaddr.parseCIDR(b);
  if (addressA.kind() !== addressB.kind()) return false;
  const bits = Math.min(bitsA, bitsB);
  return addressA.kind() === 'ipv4'
    ? (addressA as ipaddr.IPv4).match(addressB, bits)
    : (addressA as ipaddr.IPv6).match(addressB, bits);
}

/** Those of the CIDRs that overlap; what is no CIDR does not. */
export function overlapping(cidr: string, others: readonly string[]): string[] {
  return others.filter((other) => {
    try {
      return overlaps(cidr, other);
    } catch {
      return false;
    }
  });
}

export function subnetOf(cidr: string): Subnet {
  const base = ipaddr.IPv4.networkAddressFromCIDR(cidr).toByteArray();
  const at = (host: number): string => [...base.slice(0, 3), (base[3] ?? 0) + host].join('.');
  return { cidr, gateway: at(1), cargo: at(2) };
}

/**
 * The first free one. @param seed spreads the links of one machine, so that simultaneous ones rarely want the same subnet.
 * undefined when all are taken.
 */
export function chooseSubnet(taken: readonly string[], seed: number): Subnet | undefined {
  for (const candidate of candidates(seed % 256)) if (overlapping(candidate, taken).length === 0) return subnetOf(candidate);
  return undefined;
}
