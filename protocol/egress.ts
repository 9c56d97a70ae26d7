/**
 * `--egress pod`: packets of an app container leave from the network namespace of one of the target's pods. Cargo gives them a source address
 * of the bridge's own; the hub puts what comes from it into a VXLAN tunnel to the agent of the pod's node, whose other end is a device
 * inside the pod. All numbers and names follow from the tunnel's number, so that hub and agent need not agree on anything else.
 */

/** VXLAN network identifiers have 24 bits (RFC 7348). */
export const tunnelNumbers = 2 ** 24;

/** Both ends know each other's hardware address, so nobody has to ask: locally administered, the same in every tunnel. */
export const tunnelMac = { hub: '02:70:62:00:00:01', pod: '02:70:62:00:00:02' } as const;

/** Where the hub sends what goes through a tunnel; no device has this address. */
export const tunnelNextHop = '169.254.77.2';

/** In the app container: the loopback interface (127.0.0.1) of the pod. Link-local (RFC 3927), as a pod's own packets never leave their node with it. */
export const podLoopback = { address: '169.254.77.1', name: 'pod-localhost' } as const;

/** VXLAN over IPv4: outer IP, UDP and VXLAN headers, and the inner Ethernet header. */
export const tunnelOverheadBytes = 50;

const devicePrefix = 'pbe';
/** As nftables and `ip` see all of them. */
export const tunnelDevices = `${devicePrefix}*`;

/** The same name at both ends. */
export function tunnelDevice(tunnel: number): string {
  return `${devicePrefix}${tunnel.toString(16).padStart(6, '0')}`;
}

export function isTunnelDevice(name: string): boolean {
  return new RegExp(`^${devicePrefix}[0-9a-f]{6}$`).test(name);
}

/** The first tunnel of an address of the pool, and the next one after a move: 16 bits of the address, which are its own, and 8 bits that count. */
export function nextTunnel(address: string, before: number | undefined): number {
  const [, , third = 0, fourth = 0] = address.split('.').map(Number);
  return (third * 256 + fourth) * 256 + (before === undefined ? 0 : (before + 1) % 256);
}
