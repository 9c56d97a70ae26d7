/** Gives cargo its configuration, one way after the other, until the first heartbeat comes back through the tunnel. */
import type { LinkConfig, LinkStatus } from '../../protocol/control.ts';
import { systemNamespace } from '../../protocol/names.ts';
import type { Docker } from '../adapters/docker/index.ts';
import { BridgeError } from '../errors.ts';
import { timing } from '../timing.ts';
import type { RunningCargo } from './cargo.ts';
import type { ReadyClient } from './client-object.ts';
import type { LinkNetwork } from './network.ts';
import { tunnelMtu, type TransportChoice, type Way } from './transport.ts';

export interface TunnelRequest {
  docker: Docker;
  cargo: RunningCargo;
  network: LinkNetwork;
  client: ReadyClient;
  ways: Way[];
  signal?: AbortSignal;
  waiting?: (waitingFor: string) => void;
}

export function linkConfig({ network, client }: Pick<TunnelRequest, 'network' | 'client'>, way: Way): LinkConfig {
  const [endpoint, ...fallbacks] = way.endpoints;
  if (endpoint === undefined) throw new Error('a way has at least one endpoint');
  return {
    address: client.address,
    hub: { publicKey: client.hub.publicKey, address: client.hub.address, endpoint, fallbacks },
    transport: way.transport, mtu: tunnelMtu, dns: client.cluster.dns,
    network: { subnet: network.subnet.cidr, address: network.subnet.cargo, gateway: network.subnet.gateway },
  };
}

/** An echo this old proves a working link: heartbeats go every second. */
const freshEchoMs = 2500;

export function isAlive(status: Pick<LinkStatus, 'echoAgeMs'>): boolean {
  return status.echoAgeMs !== null && status.echoAgeMs <= freshEchoMs;
}

async function waitForEcho({ cargo, signal, waiting }: TunnelRequest, way: Way, limitMs: number): Promise<LinkStatus | undefined> {
  const deadline = Date.now() + limitMs;
  waiting?.(`the first heartbeat over ${way.transport} (${way.endpoints.map(({ host, port }) => `${host}:${port}`).join(', ')})`);
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
  return isAlive(status) && (choice === 'auto' || choice === status.transport) ? status : undefined;
}

export async function connectTunnel(request: TunnelRequest): Promise<{ status: LinkStatus; way: Way }> {
  const { docker, cargo, ways, signal } = request;
  for (const way of ways) {
    signal?.throwIfAborted();
    if (way.network !== undefined) await docker.networks.connect(way.network, cargo.id);
    await cargo.control.call('configure', linkConfig(request, way), timing.linkConfigureTimeoutMs);
    const last = way === ways.at(-1);
    const status = await waitForEcho(request, way, last ? timing.linkEchoTimeoutMs : timing.linkWayTimeoutMs);
    if (status !== undefined) return { status, way };
    if (way.network !== undefined) await docker.networks.disconnect(way.network, cargo.id);
  }
  throw new BridgeError({
    kind: 'environment', code: 'hub-unreachable', what: `the hub does not answer (tried ${ways.map(({ transport, endpoints }) => `${transport} ${endpoints.map(({ host, port }) => `${host}:${port}`).join(', ')}`).join('; ')})`,
    why: 'UDP to the cluster\'s nodes is blocked by a firewall, or the hub does not run', next: `kubectl -n ${systemNamespace} get pods,services`,
  });
}
