/** The WireGuard device and its one peer, the hub. */
import type { Endpoint, LinkConfig } from '../../../protocol/control.ts';
import type { Peer, Wg } from '../adapters/wg.ts';

export const device = 'wg0';
/** Keeps NAT bindings on the way to the hub alive; heartbeats do too, but not while the link is broken. */
const persistentKeepaliveS = 15;
/**
 * Packets that may wait in front of the tunnel. With the default of 500 (28 ms at 200 Mbit/s) the kernel drops whenever wireguard-go is not
 * scheduled for that long: 5 to 50 % of bulk UDP on a busy machine, seen as TX dropped of the device; with 10000 none. The hub does the same.
 * No other queue needs help: wireguard-go forces 7 MB onto its own socket.
 */
export const transmitQueueLength = 10_000;

export interface Tunnel {
  /** Key and peer; the address is the gateway's matter. */
  configure(link: LinkConfig, endpoint: Endpoint): Promise<void>;
  /** Forgets the session and begins a new one. */
  renew(link: LinkConfig, endpoint: Endpoint): Promise<void>;
  /** The same session by another way: the hub follows with the first datagram that it gets. */
  lead(link: LinkConfig, endpoint: Endpoint): Promise<void>;
  peer(): Promise<Peer | undefined>;
}

/** Lines for `ip -batch` that give the device its address; they stand before the routes that use it. */
export function deviceLines(link: LinkConfig): string[] {
  return [
    `address flush dev ${device}`,
    `address add ${link.address}/32 dev ${device}`,
    `link set dev ${device} mtu ${link.mtu} txqueuelen ${transmitQueueLength} up`,
  ];
}

function peerArgs({ hub }: LinkConfig, endpoint: Endpoint): string[] {
  return ['peer', hub.publicKey, 'endpoint', `${endpoint.host}:${endpoint.port}`, 'allowed-ips', '0.0.0.0/0', 'persistent-keepalive', String(persistentKeepaliveS)];
}

export function createTunnel(wg: Wg, keyPath: string): Tunnel {
  // The device is as old as this process: nobody else has given it a peer.
  let hubKey: string | undefined;
  return {
    async configure(link, endpoint) {
      const { publicKey } = link.hub;
      const old = hubKey === undefined || hubKey === publicKey ? [] : ['peer', hubKey, 'remove'];
      await wg.set(device, ['private-key', keyPath, ...old, ...peerArgs(link, endpoint)]);
      hubKey = publicKey;
    },
    async renew(link, endpoint) {
      await wg.set(device, ['peer', link.hub.publicKey, 'remove']);
      await wg.set(device, peerArgs(link, endpoint));
    },
    async lead({ hub }, { host, port }) {
      await wg.set(device, ['peer', hub.publicKey, 'endpoint', `${host}:${port}`]);
    },
    async peer() {
      return hubKey === undefined ? undefined : (await wg.peers(device)).find((peer) => peer.publicKey === hubKey);
    },
  };
}
