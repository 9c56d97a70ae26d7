/** `bridge up` as a function: the network, cargo, the Client and the tunnel, each reused when it is there. */
import { labels, systemNamespace } from '../../protocol/names.ts';
import type { LinkStatus } from '../../protocol/control.ts';
import type { Transport } from '../../protocol/objects.ts';
import { resources, type Cluster } from '../adapters/cluster/index.ts';
import type { Docker } from '../adapters/docker/index.ts';
import { timing } from '../timing.ts';
import { ensureCargo, type RunningCargo } from './cargo.ts';
import { ensureClient, findClient, type ReadyClient } from './client-object.ts';
import { connectTunnel, isAlive, standingTunnel } from './connect-tunnel.ts';
import type { ControlAhead } from './control-ahead.ts';
import { openControl, type Control } from './control-client.ts';
import { lastingControl } from './lasting-control.ts';
import { cargoName, linkName, networkName } from './link-name.ts';
import { withLinkLock } from '../lock.ts';
import { findRelay } from './relay-access.ts';
import { renewRelay } from './renew-relay.ts';
import { clashes, ensureNetwork, type LinkNetwork } from './network.ts';
import { takeDownLink } from './take-down.ts';
import { findWays, type TransportChoice } from './transport.ts';

export interface LinkRequest {
  docker: Docker;
  cluster: Cluster;
  /** Reference of the cargo image; Docker must have it when the promise resolves. */
  cargoImage: Promise<string>;
  transport?: TransportChoice;
  /** How long it may be silent before the cluster removes its bridges, as a Go duration. */
  ttl?: string;
  signal?: AbortSignal;
  waiting?: (waitingFor: string) => void;
  /** To the link's cargo, if it runs already. */
  ahead?: ControlAhead;
}

export interface Link {
  /** Name of the Client object and of the link. */
  client: string;
  owner: string;
  /** The Docker network's name, and cargo's address in it: gateway and DNS of the containers. */
  network: string;
  gateway: string;
  subnet: string;
  /** The client's WireGuard address. */
  address: string;
  domain: string;
  /** Name and id of cargo. */
  cargo: string;
  cargoId: string;
  transport: Transport;
  endpoint: string;
  status: LinkStatus;
  /** False when it was up already. */
  created: boolean;
  /** Its container was there, but did not run. */
  revived?: true;
  control: Control;
}

interface Made {
  network: LinkNetwork;
  cargo: RunningCargo;
  client: ReadyClient;
}

/** Names the link of this user, cluster and Docker. */
export async function findLinkName(docker: Docker, cluster: Cluster): Promise<{ name: string; owner: string }> {
  const [{ username }, { id }] = await Promise.all([cluster.whoAmI(), docker.info()]);
  return { name: linkName({ server: cluster.context.server, username, dockerId: id }), owner: username };
}

/** What this call has made so far, and would remove if it failed. */
interface Own {
  network: boolean;
  cargo: boolean;
  client: boolean;
}

async function make(request: LinkRequest, name: string, owner: string, avoid: readonly string[], own: Own): Promise<Made> {
  const { docker, cluster, signal, waiting } = request;
  const more = { [labels.context]: cluster.context.name, [labels.server]: cluster.context.server, [labels.owner]: owner };
  const existing = findClient(cluster, name);
  existing.catch(() => undefined);
  waiting?.('the link\'s container');
  const image = await request.cargoImage;
  const prepare = async (): Promise<{ network: LinkNetwork; cargo: RunningCargo }> => {
    const network = await ensureNetwork({ docker, link: name, labels: more, avoid });
    own.network ||= network.created;
    return { network, cargo: await ensureCargo({ docker, link: name, network, image, labels: more, onCreated: () => { own.cargo = true; }, ...(request.ahead === undefined ? {} : { ahead: request.ahead }) }) };
  };
  const runs = (await docker.containers.find(cargoName(name)))?.running === true;
  const { network, cargo } = runs ? await prepare() : await withLinkLock(name, prepare);
  try {
    const client = await ensureClient({
      cluster, name, owner, publicKey: cargo.hello.publicKey, ...(request.ttl === undefined ? {} : { ttl: request.ttl }), existing, onCreated: () => { own.client = true; }, ...(signal === undefined ? {} : { signal }), ...(waiting === undefined ? {} : { waiting }),
    });
    return { network, cargo, client };
  } catch (error) {
    cargo.control.close();
    throw error;
  }
}

/** Containers of other commands hang on the link. */
export async function inUse(docker: Docker, link: string): Promise<boolean> {
  return (await docker.containers.list({ [labels.link]: link, [labels.role]: 'app' })).length > 0;
}

/** After a failure: only what this call has made, and not if another command has brought the link up meanwhile. */
async function unmake({ docker, cluster, signal }: LinkRequest, link: string, own: Own): Promise<void> {
  if (!own.network && !own.cargo && !own.client) return;
  const [cargo] = await docker.containers.list({ [labels.link]: link, [labels.role]: 'cargo' }, { running: true });
  if (cargo !== undefined) {
    const control = await openControl(docker, cargo.id).catch(() => undefined);
    const status = await control?.call('status', {}, timing.cargoLastWordsTimeoutMs).catch(() => undefined);
    control?.close();
    // Given up in the moment in which it came up: it is this call's, unless somebody uses it already.
    if (status !== undefined && isAlive(status) && (signal?.aborted !== true || await inUse(docker, link))) return;
  }
  if (own.client) await cluster.delete(resources.Client, link, { namespace: systemNamespace }).catch(() => undefined);
  if (own.cargo || own.network) await withLinkLock(link, () => takeDownLink({ docker, link }));
}

/** Idempotent; several at once end with the same link. A failure removes what this call has made. */
export async function connectLink(request: LinkRequest): Promise<Link> {
  const { docker, cluster, transport = 'auto', signal, waiting } = request;
  const { name, owner } = await findLinkName(docker, cluster);
  const own: Own = { network: false, cargo: false, client: false };
  try {
    let made = await make(request, name, owner, [], own);
    const ranges = [...made.client.cluster.ranges, made.client.hub.pool];
    if (clashes(made.network, ranges).length > 0) {
      // The cluster's ranges are known only now: once more, beside them.
      made.cargo.control.close();
      await withLinkLock(name, () => takeDownLink({ docker, link: name }));
      made = await make(request, name, owner, ranges, own);
    }
    const { network, cargo, client } = made;
    const connect = async (): Promise<LinkStatus> => {
      const ways = await findWays(docker, client.cluster.endpoints, transport, networkName(name));
      const relay = transport === 'auto' || transport === 'api' ? () => findRelay({ docker, cluster, ownNetwork: networkName(name) }) : undefined;
      return (await connectTunnel({ docker, cargo, network, client, ways, ...(relay === undefined ? {} : { relay }), ...(signal === undefined ? {} : { signal }), ...(waiting === undefined ? {} : { waiting }) })).status;
    };
    try {
      const standing = await standingTunnel({ cargo }, transport);
      const status = standing ?? await connect();
      // A token that cannot be renewed now may be renewed by the next command.
      if (standing !== undefined) await renewRelay({ docker, cluster, link: name, status: standing }, cargo.control).catch(() => undefined);
      for (const { bridge, forwards } of cargo.carriedOver) await cargo.control.call('forward', { bridge, forwards });
      return {
        client: name, owner, network: network.name, gateway: network.subnet.cargo, subnet: network.subnet.cidr, address: client.address, domain: client.cluster.dns.domain,
        cargo: cargo.name, cargoId: cargo.id, transport: status.transport, endpoint: status.endpoint, status, created: cargo.created || client.created, ...(cargo.revived === true ? { revived: true as const } : {}), control: lastingControl(docker, name, cargo.control),
      };
    } catch (error) {
      cargo.control.close();
      throw error;
    }
  } catch (error) {
    await unmake(request, name, own).catch(() => undefined);
    throw error;
  }
}
