/**
 * What cargo needs for the way over the API server: where the server is to be found from a container, and a token that opens
 * port-forwards to the hub's pod and nothing else. The user's own credentials, and the programs that make them, stay on the host.
 */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Endpoint, RelayAccess, RelayStatus } from '../../protocol/control.ts';
import { names, systemNamespace } from '../../protocol/names.ts';
import { ports } from '../../protocol/ports.ts';
import type { Cluster, ContextInfo } from '../adapters/cluster/index.ts';
import type { ContainerSummary, Docker } from '../adapters/docker/index.ts';

/** How containers call the machine itself: an entry in cargo's hosts file, or Docker Desktop's own name, which also reaches what listens on the machine's loopback. */
export const hostName = 'host.docker.internal';

/** A working day and a night: who works each day renews it each day. API servers may give less (`--service-account-max-token-expiration`), never more. */
export const tokenSeconds = 24 * 3600;
/** A token is made anew as soon as this share of its life is over, by whatever command comes next. */
const renewAfterShare = 0.5;

const portForwardPath = `/api/v1/namespaces/${systemNamespace}/pods/${names.hubPod}/portforward?ports=${ports.relay}`;
const bare = (host: string): string => host.replace(/^\[|\]$/g, '');

function endpointOf(url: string): Endpoint {
  const { hostname, port, protocol } = new URL(url);
  return { host: bare(hostname), port: port !== '' ? Number(port) : protocol === 'https:' ? 443 : 80 };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

export interface Reachable {
  addresses: Endpoint[];
  /** Docker networks that cargo has to be in for that. */
  networks: string[];
}

/**
 * Where something that this machine knows as host and port is reached from a container. An address of this machine's loopback is
 * looked for among the published ports of containers (kind, k3d and minikube publish their API server so), then at the host.
 * An address in a Docker network can only be reached from within that network.
 */
export async function reachableFromContainers(target: Endpoint, running: readonly ContainerSummary[], ownNetwork: string, resolve: (host: string) => Promise<string | undefined> = byName): Promise<Reachable> {
  const { host, port } = target;
  if (isLoopback(host)) {
    const published = running.flatMap(({ addresses, ports: published }) => published.filter(({ hostPort, protocol }) => hostPort === port && protocol === 'tcp')
      .flatMap(({ containerPort }) => Object.entries(addresses).filter(([network]) => network !== ownNetwork && network !== 'host').map(([network, address]) => ({ network, host: address, port: containerPort }))));
    return { addresses: [...published.map((each) => ({ host: each.host, port: each.port })), { host: hostName, port }], networks: [...new Set(published.map(({ network }) => network))].slice(0, 1) };
  }
  // Docker's DNS asks the same servers as this machine, but does not read its hosts file.
  const resolved = isIP(host) === 0 ? await resolve(host) : undefined;
  if (resolved !== undefined && isLoopback(resolved)) return reachableFromContainers({ host: resolved, port }, running, ownNetwork, resolve);
  const networks = running.flatMap(({ addresses }) => Object.entries(addresses).filter(([network, address]) => network !== ownNetwork && address === (resolved ?? host)).map(([network]) => network));
  return { addresses: [target, ...(resolved === undefined ? [] : [{ host: resolved, port }])], networks: [...new Set(networks)].slice(0, 1) };
}

async function byName(host: string): Promise<string | undefined> {
  return (await lookup(host, 4).catch(() => undefined))?.address;
}

export interface RelayRequest {
  docker: Docker;
  cluster: Cluster;
  ownNetwork: string;
}

export interface RelayWay {
  access: RelayAccess;
  networks: string[];
}

/** Throws cluster-forbidden where the user may not have such a token. */
export async function findRelay({ docker, cluster, ownNetwork }: RelayRequest): Promise<RelayWay> {
  const { context } = cluster;
  const [token, running] = await Promise.all([cluster.issueToken(names.linkAccount, systemNamespace, tokenSeconds), docker.containers.list({}, { running: true })]);
  const { addresses, networks } = await reachableFromContainers(endpointOf(context.proxyUrl ?? context.server), running, ownNetwork);
  return { access: { ...serverOf(context), addresses, path: portForwardPath, ...token }, networks };
}

function serverOf({ server, certificateAuthority, tlsServerName, skipTlsVerify, proxyUrl }: ContextInfo): Pick<RelayAccess, 'server' | 'serverName' | 'certificateAuthority' | 'insecure' | 'proxy'> {
  return {
    server, insecure: skipTlsVerify,
    ...(tlsServerName === undefined ? {} : { serverName: tlsServerName }), ...(certificateAuthority === undefined ? {} : { certificateAuthority }), ...(proxyUrl === undefined ? {} : { proxy: proxyUrl }),
  };
}

/** Is it time for a new token? Also when cargo never got one, and when the API server does not take it. */
export function isStale(relay: RelayStatus | null | undefined, now: number): boolean {
  if (relay === null || relay === undefined) return true;
  if (relay.refused) return true;
  const [from, to] = [Date.parse(relay.issuedAt), Date.parse(relay.expiresAt)];
  return !(now < from + (to - from) * renewAfterShare);
}
