/** The WireGuard device and its one peer, the hub. */
import type { LinkConfig } from '../../../protocol/control.ts';
import type { Ip } from '../adapters/ip.ts';
import type { Peer, Wg } from '../adapters/wg.ts';

export const device = 'wg0';
/** Keeps NAT bindings on the way to the hub alive; heartbeats do too, but not while the link is broken. */
const persistentKeepaliveS = 15;
/** Packets that may wait in front of the tunnel; see docs of UDP loss in adapters/tunnel-device.ts. */
export const transmitQueueLength = 5000;

export interface Tunnel {
  configure(link: LinkConfig): Promise<void>;
  peer(): Promise<Peer | undefined>;
}

export function createTunnel(wg: Wg, ip: Ip, keyPath: string): Tunnel {
  let hubKey: string | undefined;
  return {
    async configure(link) {
      const { publicKey, endpoint } = link.hub;
      const others = (await wg.peers(device)).filter((peer) => peer.publicKey !== publicKey);
      await wg.set(device, [
        'private-key', keyPath,
        ...others.flatMap((peer) => ['peer', peer.publicKey, 'remove']),
        'peer', publicKey, 'endpoint', `${endpoint.host}:${endpoint.port}`, 'allowed-ips', '0.0.0.0/0', 'persistent-keepalive', String(persistentKeepaliveS),
      ]);
      hubKey = publicKey;
      await ip.batch([
        `address flush dev ${device}`,
        `address add ${link.address}/32 dev ${device}`,
        `link set dev ${device} mtu ${link.mtu} txqueuelen ${transmitQueueLength} up`,
      ]);
    },
    async peer() {
      return hubKey === undefined ? undefined : (await wg.peers(device)).find((peer) => peer.publicKey === hubKey);
    },
  };
}
