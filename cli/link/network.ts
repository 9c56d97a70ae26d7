/** The link's Docker network: made once, found again, safe when several commands make it at the same moment. */
import { labels, managedBy } from '../../protocol/names.ts';
import type { Docker, NetworkInfo } from '../adapters/docker/index.ts';
import { BridgeError, isBridgeError } from '../errors.ts';
import { version } from '../version.ts';
import { hostNetworks } from './host-routes.ts';
import { networkName } from './link-name.ts';
import { chooseSubnet, overlapping, type Subnet } from './subnet.ts';

export interface LinkNetwork {
  id: string;
  name: string;
  subnet: Subnet;
  created: boolean;
}

/** Docker's name for the address that containers get as default gateway instead of the bridge's. */
const defaultGatewayKey = 'DefaultGatewayIPv4';
const createAttempts = 20;

function linkNetwork(info: NetworkInfo, created: boolean): LinkNetwork | undefined {
  const [cidr] = info.subnets;
  const cargo = info.auxiliary[defaultGatewayKey];
  if (cidr === undefined || cargo === undefined || info.gateway === undefined) return undefined;
  return { id: info.id, name: info.name, subnet: { cidr, gateway: info.gateway, cargo }, created };
}

/** Docker lets two networks of one name come into being when two clients ask at once; everyone keeps the oldest. */
function oldest(networks: NetworkInfo[]): NetworkInfo | undefined {
  return [...networks].sort((a, b) => a.created.localeCompare(b.created) || a.id.localeCompare(b.id))[0];
}

export interface NetworkRequest {
  docker: Docker;
  link: string;
  labels: Record<string, string>;
  /** CIDRs that must not overlap beside Docker's and the host's: the cluster's. */
  avoid: readonly string[];
}

export async function ensureNetwork({ docker, link, labels: more, avoid }: NetworkRequest): Promise<LinkNetwork> {
  const name = networkName(link);
  const seed = parseInt(link.slice(-6), 16) || 0;
  // A subnet that Docker refuses is not tried again: something that it does not list has it.
  const refused: string[] = [];
  for (let attempt = 0; attempt < createAttempts; attempt++) {
    const all = await docker.networks.list();
    const same = all.filter((network) => network.name === name);
    const existing = oldest(same);
    if (existing !== undefined) {
      const found = linkNetwork(existing, false);
      if (found === undefined) throw foreignNetwork(name);
      return found;
    }
    const subnet = chooseSubnet([...all.flatMap((network) => network.subnets), ...await hostNetworks(), ...avoid, ...refused], seed);
    if (subnet === undefined) throw noSubnet();
    try {
      const id = await docker.networks.create({
        name, labels: { [labels.managedBy]: managedBy, [labels.role]: 'network', [labels.link]: link, [labels.version]: version, ...more },
        subnet: subnet.cidr, gateway: subnet.gateway, auxiliary: { [defaultGatewayKey]: subnet.cargo },
      });
      const winner = oldest((await docker.networks.list({ [labels.link]: link })).filter((network) => network.name === name));
      if (winner === undefined || winner.id === id) return { id, name, subnet, created: true };
      await docker.networks.remove(id);
    } catch (error) {
      const code = isBridgeError(error) ? error.facts.code : '';
      if (code === 'network-overlap') refused.push(subnet.cidr);
      else if (code !== 'name-conflict') throw error;
    }
  }
  throw noSubnet();
}

function foreignNetwork(name: string): BridgeError {
  return new BridgeError({ kind: 'environment', code: 'network-unusable', what: `the Docker network ${name} was not made by podbridge`, why: 'it has no gateway address for the link', next: `docker network rm ${name}` });
}

function noSubnet(): BridgeError {
  return new BridgeError({ kind: 'environment', code: 'no-free-subnet', what: 'no subnet is free for the link\'s Docker network', why: 'all that were tried overlap with Docker networks, routes of this machine or ranges of the cluster', next: 'docker network prune' });
}

/** Those of the cluster's ranges that containers could not reach, because the network has the same addresses. */
export function clashes(network: LinkNetwork, clusterRanges: readonly string[]): string[] {
  return overlapping(network.subnet.cidr, clusterRanges);
}
