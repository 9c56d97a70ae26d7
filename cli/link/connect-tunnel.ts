/** Gives cargo its configuration, one way after the other, until the first heartbeat comes back through the tunnel. */
import type { LinkConfig, LinkStatus } from '../../protocol/control.ts';
import { systemNamespace } from '../../protocol/names.ts';
import type { Docker } from '../adapters/docker/index.ts';
import { BridgeError, isBridgeError } from '../errors.ts';
import { timing } from '../timing.ts';
import type { RunningCargo } from './cargo.ts';
import type { ReadyClient } from './client-object.ts';
import type { LinkNetwork } from './network.ts';
import type { RelayWay } from './relay-access.ts';
import { tunnelMtu, type TransportChoice, type Way } from './transport.ts';

export interface TunnelRequest {
  docker: Docker;
  cargo: RunningCargo;
  network: LinkNetwork;
  client: ReadyClient;
  ways: Way[];
  /** Asks for the way over the API server; absent when it is not wanted. */
  relay?: () => Promise<RelayWay>;
  signal?: AbortSignal;
  waiting?: (waitingFor: string) => void;
}

export function linkConfig({ network, client, relay }: Pick<TunnelRequest, 'network' | 'client' | 'relay'>, way: Way): LinkConfig {
  return {
    address: client.address,
    hub: { publicKey: client.hub.publicKey, address: client.hub.address, endpoints: way.endpoints },
    transport: way.transport, fallBack: relay !== undefined && way.transport !== 'api', mtu: tunnelMtu, dns: client.cluster.dns,
    network: { subnet: network.subnet.cidr, address: network.subnet.cargo, gateway: network.subnet.gateway },
  };
}

/** An echo this old proves a working link: heartbeats go every second. */
const freshEchoMs = 2500;

export function isAlive(status: Pick<LinkStatus, 'echoAgeMs'>): boolean {
  return status.echoAgeMs !== null && status.echoAgeMs <= freshEchoMs;
}

const wayWords = ({ transport, endpoints }: Way): string => [transport, ...(endpoints.length === 0 ? [] : [endpoints.map(({ host, port }) => `${host}:${port}`).join(', ')])].join(' ');

async function waitForEcho({ cargo, signal, waiting }: TunnelRequest, way: Way, limitMs: number): Promise<LinkStatus | undefined> {
  const deadline = Date.now() + limitMs;
  waiting?.(`the first heartbeat over ${wayWords(way)}`);
  for (;;) {
    signal?.throwIfAborted();
    // In slices, so that a given-up command is not kept.
    const status = await cargo.control.call('status', { waitForEchoMs: timing.linkEchoSliceMs });
    if (isAlive(status)) return status;
    if (Date.now() > deadline) return undefined;
  }
}

/** The link as it stands, when it works and goes the way that is wanted: then nothing has to be configured. */
export async function standingTunnel({ cargo }: Pick<TunnelRequest, 'cargo'>, choice: TransportChoice): Promise<LinkStatus | undefined> {
  if (cargo.created || !cargo.hello.configured) return undefined;
  const status = await cargo.control.call('status', {});
  return isAlive(status) && (choice === 'auto' || (choice === status.transport && choice === status.only)) ? status : undefined;
}

async function giveRelay({ docker, cargo }: TunnelRequest, ask: () => Promise<RelayWay>): Promise<string[]> {
  const { access, networks } = await ask();
  for (const network of networks) await docker.networks.connect(network, cargo.id);
  await cargo.control.call('relay', access);
  return networks;
}

export async function connectTunnel(request: TunnelRequest): Promise<{ status: LinkStatus; way: Way }> {
  const { docker, cargo, ways, relay, signal } = request;
  const given = relay === undefined ? undefined : giveRelay(request, relay);
  // Where there is another way, the lack of this one is told only if that one fails too.
  const lacking = given?.then(() => undefined, (error: unknown) => error);
  for (const way of ways) {
    signal?.throwIfAborted();
    if (way.transport === 'api') await given;
    if (way.network !== undefined) await docker.networks.connect(way.network, cargo.id);
    await cargo.control.call('configure', linkConfig(request, way), timing.linkConfigureTimeoutMs);
    const last = way === ways.at(-1);
    const status = await waitForEcho(request, way, last ? timing.linkEchoTimeoutMs : timing.linkWayTimeoutMs);
    // The token must have arrived before the command goes.
    const relayed = await given?.catch(() => []) ?? [];
    if (status !== undefined) return { status, way };
    if (way.network !== undefined && !relayed.includes(way.network)) await docker.networks.disconnect(way.network, cargo.id);
  }
  const { relay: state } = await cargo.control.call('status', {});
  throw hubUnreachable(ways, state?.problem ?? words(await lacking));
}

function words(error: unknown): string | undefined {
  return isBridgeError(error) ? error.facts.what : error instanceof Error ? error.message : undefined;
}

function hubUnreachable(ways: Way[], problem: string | undefined): BridgeError {
  const over = problem === undefined ? '' : `; over the API server: ${problem}`;
  return new BridgeError({
    kind: 'environment', code: 'hub-unreachable', what: `the hub does not answer (tried ${ways.map(wayWords).join('; ')})`,
    why: `${ways.every(({ transport }) => transport === 'api') ? 'the API server does not lead to it' : 'UDP to the cluster\'s nodes is blocked by a firewall'}, or the hub does not run${over}`, next: `kubectl -n ${systemNamespace} get pods,services`,
  });
}
