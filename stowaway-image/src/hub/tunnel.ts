/** The hub's end of all WireGuard tunnels. */
import { readFile } from 'node:fs/promises';
import { relayMtu } from '../../../protocol/datagram-stream.ts';
import { ports } from '../../../protocol/ports.ts';
import type { Ip } from '../adapters/ip.ts';
import type { Nft } from '../adapters/nft.ts';
import type { Wg, WgPeer } from '../adapters/wg.ts';
import { hubAddress } from '../network/pool.ts';
import { uplinkMtu } from '../network/uplink.ts';
import type { EgressTunnels } from './egress-tunnels.ts';
import { renderElements, renderTable } from './firewall.ts';
import type { KeyPair } from './key.ts';
import { peerChanges, type HubPlan } from './plan.ts';

export const device = 'wg0';
/** Outer IPv4 or IPv6, UDP and WireGuard headers around a packet (40 + 8 + 32). */
const wireguardOverheadBytes = 80;
/** WireGuard's own default on a path of 1500. */
const defaultMtu = 1420;
/** Packets that may wait for wireguard-go, as many as in cargo: the default of 500 drops bursts of UDP that its crypto threads would clear in milliseconds. */
const transmitQueueLength = 10_000;

export interface TunnelTools {
  wg: Wg;
  ip: Ip;
  nft: Nft;
  egress: EgressTunnels;
}

/** Of what goes through WireGuard. */
async function pathMtu(): Promise<number> {
  return Math.min(await uplinkMtu() - wireguardOverheadBytes, defaultMtu);
}

/** @throws Error when the pod's network does not forward and cannot be made to. */
export async function requireForwarding(read: () => Promise<string> = () => readFile('/proc/sys/net/ipv4/ip_forward', 'utf8')): Promise<void> {
  if ((await read()).trim() === '1') return;
  throw new Error('net.ipv4.ip_forward is 0 in the hub\'s pod: pods inherit it from their node, and Kubernetes nodes have 1. Set it on the node, or allow it as a pod sysctl');
}

export async function bringUp({ wg, ip, nft }: TunnelTools, key: KeyPair, pool: string): Promise<void> {
  // Before the tunnel carries anything, so that nothing passes unjudged.
  await nft.apply(renderTable(device, pool));
  await wg.setInterface(device, { privateKey: key.privateKey, listenPort: ports.wireguard });
  const prefix = pool.slice(pool.indexOf('/'));
  await ip.batch([
    // The device takes what the relay takes; the route says what the path over UDP takes. Clients behind the relay have routes of their own.
    `address replace ${hubAddress(pool)}${prefix} dev ${device} noprefixroute`,
    `link set dev ${device} mtu ${relayMtu} txqueuelen ${transmitQueueLength} up`,
    `route replace ${pool} dev ${device} src ${hubAddress(pool)} mtu ${await pathMtu()}`,
  ]);
}

/** Brings peers and ports to what is planned. Idempotent; what is right already is not touched. */
export class Tunnel {
  readonly #tools: TunnelTools;
  #elements = '';
  #closed = false;
  #applying: Promise<boolean> = Promise.resolve(false);
  #relayed: readonly string[] = [];
  /** Goes on until the end. */
  #lasting: Pick<HubPlan, 'egress' | 'agents'> = { egress: [], agents: [] };
  /** What the device was last seen to have. */
  #peers: WgPeer[] | undefined;

  constructor(tools: TunnelTools) {
    this.#tools = tools;
  }

  /** Compare with the device itself next time, whatever we believe. */
  distrust(): void {
    this.#peers = undefined;
  }

  /** Returns whether anything changed. Not to be called while an earlier call is under way. */
  async apply(plan: HubPlan): Promise<boolean> {
    if (this.#closed) return false;
    this.#applying = this.#change(plan);
    return await this.#applying;
  }

  /** From now on new connections to all hub ports are refused; open ones go on. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#applying.catch(() => undefined);
    await this.#tools.nft.apply(renderElements({ ports: [], silent: [], ...this.#lasting }));
  }

  async #change(plan: HubPlan): Promise<boolean> {
    const { wg, nft, egress } = this.#tools;
    await this.#route(plan.relayed);
    const changes = peerChanges(this.#peers ?? await wg.peers(device), plan.peers);
    this.#peers = undefined;
    const peersDiffer = changes.remove.length + changes.put.length > 0;
    const elements = renderElements(plan);
    const portsDiffer = elements !== this.#elements;
    // Ports of a client whose address went to another must be closed before the new peer is there.
    if (portsDiffer) {
      await nft.apply(elements);
      this.#elements = elements;
      this.#lasting = { egress: plan.egress, agents: plan.agents };
    }
    const egressDiffers = await egress.apply(plan.egress);
    if (peersDiffer) await wg.change(device, changes);
    else this.#peers = plan.peers;
    return peersDiffer || portsDiffer || egressDiffers;
  }

  async #route(relayed: readonly string[]): Promise<void> {
    const lines = [
      ...this.#relayed.filter((address) => !relayed.includes(address)).map((address) => `route del ${address}/32 dev ${device}`),
      ...relayed.filter((address) => !this.#relayed.includes(address)).map((address) => `route replace ${address}/32 dev ${device} mtu ${relayMtu}`),
    ];
    if (lines.length === 0) return;
    await this.#tools.ip.batch(lines);
    this.#relayed = relayed;
  }
}
