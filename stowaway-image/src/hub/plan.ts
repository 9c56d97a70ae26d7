/** What the hub has to do for the present Clients and Bridges: peers, ports, and who may use them. Pure. */
import type { Bridge, BridgePod, Client, Protocol } from '../../../protocol/objects.ts';
import type { WgPeer } from '../adapters/wg.ts';
import { isIpv4 } from '../network/ipv4.ts';

export interface HubPort {
  protocol: Protocol;
  hubPort: number;
  /** The client's WireGuard address. */
  address: string;
  /** Addresses that may use the port: the agents', and for UDP the target pods' own, because no agent stands in its way. */
  sources: string[];
}

/** A bridge's way out as one of its target's pods. */
export interface HubEgress {
  /** What comes from this address, and only that, goes this way. */
  address: string;
  tunnel: number;
  /** Address of the agent at the other end; undefined while there is no pod: then it goes nowhere. */
  agent: string | undefined;
}

export interface HubPlan {
  peers: WgPeer[];
  ports: HubPort[];
  egress: HubEgress[];
  /** Addresses of agents that have bridged pods. */
  agents: string[];
  /** Addresses of clients that are silent: what is under way to them is refused. */
  silent: string[];
  /** Addresses of clients whose datagrams come over the API server, where packets may be larger. */
  relayed: string[];
  /** Client name to the reason why it got no peer, for people. */
  refused: Map<string, string>;
}

export interface PlanInput {
  clients: Iterable<Client>;
  bridges: Iterable<Bridge>;
  /** The hub's own key. */
  publicKey: string;
  isOnline: (client: Client) => boolean;
  isRelayed: (client: Client) => boolean;
}

export function planHub({ clients, bridges, publicKey, isOnline, isRelayed }: PlanInput): HubPlan {
  const peers: WgPeer[] = [];
  const refused = new Map<string, string>();
  const silent: string[] = [];
  const relayed: string[] = [];
  const served = new Map<string, Client & { status: { address: string } }>();
  const owned = new Map<string, { client: Client; peer: WgPeer }>();
  const keys = new Map<string, string>([[publicKey, 'the hub']]);
  const addresses = new Map<string, string>();
  // Public keys are no secret: who came first keeps the key, so that nobody can take another's link by copying it.
  for (const client of [...clients].sort(byAge)) {
    const address = client.status?.address;
    if (address === undefined || !isIpv4(address)) continue;
    const holder = keys.get(client.spec.publicKey) ?? addresses.get(address);
    if (holder !== undefined) {
      refused.set(client.metadata.name, `its public key or address belongs to ${holder}`);
      continue;
    }
    keys.set(client.spec.publicKey, `client ${client.metadata.name}`);
    addresses.set(address, `client ${client.metadata.name}`);
    const peer = { publicKey: client.spec.publicKey, allowedIps: [`${address}/32`] };
    peers.push(peer);
    owned.set(client.metadata.name, { client, peer });
    if (isRelayed(client)) relayed.push(address);
    if (isOnline(client)) served.set(client.metadata.name, client as Client & { status: { address: string } });
    else silent.push(address);
  }
  const present = [...bridges].sort(byAge);
  return { peers, refused, silent, relayed, ports: planPorts(present, served), egress: planEgress(present, owned, addresses), agents: agentsOf(present) };
}

/** A second address for the peer of the bridge's client: WireGuard lets nobody else use it. */
function planEgress(bridges: readonly Bridge[], owned: ReadonlyMap<string, { client: Client; peer: WgPeer }>, taken: Map<string, string>): HubEgress[] {
  return bridges.flatMap(({ metadata, spec, status }) => {
    const { client, peer } = owned.get(spec.client) ?? {};
    const egress = status?.egress;
    if (client === undefined || peer === undefined || client.spec.owner !== spec.owner || spec.egress !== 'pod' || egress === undefined || !isIpv4(egress.address) || taken.has(egress.address)) return [];
    taken.set(egress.address, `bridge ${metadata.namespace ?? ''}/${metadata.name}`);
    peer.allowedIps.push(`${egress.address}/32`);
    const entry = status?.pods?.find(({ name }) => name === egress.pod);
    const [agent] = addresses(entry === undefined ? [] : [agentAddress(entry)]);
    return [{ address: egress.address, tunnel: egress.tunnel, agent }];
  });
}

function planPorts(bridges: readonly Bridge[], served: ReadonlyMap<string, Client & { status: { address: string } }>): HubPort[] {
  const ports = new Map<number, HubPort>();
  for (const bridge of bridges) {
    const client = served.get(bridge.spec.client);
    // The admission policy sees to the owner when the bridge is made; the client may have been made anew since by someone else.
    if (client === undefined || client.spec.owner !== bridge.spec.owner) continue;
    const pods = bridge.status?.pods ?? [];
    const sources = {
      TCP: addresses(pods.map(agentAddress)),
      UDP: addresses(pods.map(({ address }) => address ?? '')),
    };
    for (const { hubPort, protocol } of bridge.status?.ports ?? []) {
      if (!ports.has(hubPort)) ports.set(hubPort, { protocol, hubPort, address: client.status.address, sources: sources[protocol] });
    }
  }
  return [...ports.values()];
}

function agentsOf(bridges: readonly Bridge[]): string[] {
  return addresses(bridges.flatMap(({ status }) => (status?.pods ?? []).map(agentAddress)));
}

function agentAddress({ agent }: BridgePod): string {
  return agent.slice(0, agent.lastIndexOf(':'));
}

function addresses(words: string[]): string[] {
  return [...new Set(words.filter(isIpv4))].sort();
}

function byAge(one: Client | Bridge, other: Client | Bridge): number {
  const key = ({ metadata }: Client | Bridge): string => `${metadata.creationTimestamp ?? ''} ${metadata.uid ?? ''}`;
  return key(one) < key(other) ? -1 : 1;
}

/** What turns the present peers into the wanted ones; peers that are right are not touched, so their sessions go on. */
export function peerChanges(present: readonly WgPeer[], wanted: readonly WgPeer[]): { remove: string[]; put: WgPeer[] } {
  // WireGuard has an order of its own.
  const text = (allowedIps: readonly string[]): string => [...allowedIps].sort().join(',');
  const now = new Map(present.map(({ publicKey, allowedIps }) => [publicKey, text(allowedIps)]));
  const keys = new Set(wanted.map(({ publicKey }) => publicKey));
  return {
    remove: present.map(({ publicKey }) => publicKey).filter((key) => !keys.has(key)),
    put: wanted.filter(({ publicKey, allowedIps }) => now.get(publicKey) !== text(allowedIps)),
  };
}
