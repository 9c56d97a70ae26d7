/** `bridge up` as a function: the network, cargo, the Client and the tunnel, each reused when it is there. */
import { labels } from '../../protocol/names.ts';
import type { LinkStatus } from '../../protocol/control.ts';
import type { Transport } from '../../protocol/objects.ts';
import type { Cluster } from '../adapters/cluster/index.ts';
import type { Docker } from '../adapters/docker/index.ts';
import { ensureCargo, type RunningCargo } from './cargo.ts';
import { ensureClient, type ReadyClient } from './client-object.ts';
import { connectTunnel } from './connect-tunnel.ts';
import type { Control } from './control-client.ts';
import { linkName, networkName } from './link-name.ts';
import { clashes, ensureNetwork, type LinkNetwork } from './network.ts';
import { takeDownLink } from './take-down.ts';
import { findWays, type TransportChoice } from './transport.ts';

export interface LinkRequest {
  docker: Docker;
  cluster: Cluster;
  /** Reference of the cargo image; Docker must have it when the promise resolves. */
  cargoImage: Promise<string>;
  transport?: TransportChoice;
  signal?: AbortSignal;
  waiting?: (waitingFor: string) => void;
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

async function make(request: LinkRequest, name: string, owner: string, avoid: readonly string[]): Promise<Made> {
  const { docker, cluster, signal, waiting } = request;
  const more = { [labels.context]: cluster.context.name, [labels.owner]: owner };
  waiting?.('the Docker network');
  const [network, image] = await Promise.all([ensureNetwork({ docker, link: name, labels: more, avoid }), request.cargoImage]);
  waiting?.('the link\'s container');
  const cargo = await ensureCargo({ docker, link: name, network, image, labels: more });
  try {
    const client = await ensureClient({ cluster, name, owner, publicKey: cargo.hello.publicKey, ...(signal === undefined ? {} : { signal }), ...(waiting === undefined ? {} : { waiting }) });
    return { network, cargo, client };
  } catch (error) {
    cargo.control.close();
    throw error;
  }
}

/** Idempotent; several at once end with the same link. A failure removes what this call has made. */
export async function connectLink(request: LinkRequest): Promise<Link> {
  const { docker, cluster, transport = 'auto', signal, waiting } = request;
  const { name, owner } = await findLinkName(docker, cluster);
  const before = await docker.containers.list({ [labels.link]: name, [labels.role]: 'cargo' });
  try {
    let made = await make(request, name, owner, []);
    const ranges = [...made.client.cluster.ranges, made.client.hub.pool];
    if (clashes(made.network, ranges).length > 0) {
      // The cluster's ranges are known only now: once more, beside them.
      made.cargo.control.close();
      await takeDownLink({ docker, link: name });
      made = await make(request, name, owner, ranges);
    }
    const { network, cargo, client } = made;
    try {
      const ways = await findWays(docker, client.cluster.endpoints, transport, networkName(name));
      const { status, way } = await connectTunnel({ docker, cargo, network, client, ways, ...(signal === undefined ? {} : { signal }), ...(waiting === undefined ? {} : { waiting }) });
      for (const { bridge, forwards } of cargo.carriedOver) await cargo.control.call('forward', { bridge, forwards });
      return {
        client: name, owner, network: network.name, gateway: network.subnet.cargo, subnet: network.subnet.cidr, address: client.address, domain: client.cluster.dns.domain,
        cargo: cargo.name, cargoId: cargo.id, transport: way.transport, endpoint: status.endpoint, status, created: cargo.created || client.created, control: cargo.control,
      };
    } catch (error) {
      cargo.control.close();
      throw error;
    }
  } catch (error) {
    // Only what was not there before: a link that merely does not answer just now may serve containers.
    if (before.length === 0) await takeDownLink({ docker, cluster, link: name }).catch(() => undefined);
    throw error;
  }
}
