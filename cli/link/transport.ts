/** How cargo reaches the hub: over a Docker network of this machine when the cluster's nodes are containers here, else over UDP from outside; over the API server where neither is possible. */
import type { HubEndpoint, Transport } from '../../protocol/objects.ts';
import type { Docker } from '../adapters/docker/index.ts';
import { BridgeError } from '../errors.ts';

export const transportChoices = ['auto', 'docker', 'udp', 'api'] as const;
export type TransportChoice = (typeof transportChoices)[number];

export interface Way {
  transport: Transport;
  /** In order of preference; cargo tries the next when one is silent. */
  endpoints: { host: string; port: number }[];
  /** The Docker network that cargo has to join. */
  network?: string;
}

/** WireGuard over a path of 1500 bytes: 60 bytes of outer headers (IPv4 would be 60, IPv6 80) leave this much. */
export const tunnelMtu = 1420;

/** Ways to try, best first. Throws when the choice allows none. */
export async function findWays(docker: Docker, endpoints: readonly HubEndpoint[], choice: TransportChoice, ownNetwork: string): Promise<Way[]> {
  if (choice === 'api') return [{ transport: 'api', endpoints: [] }];
  const ways: Way[] = [];
  if (choice !== 'udp') {
    const running = await docker.containers.list({}, { running: true });
    const networkOf = (host: string): string | undefined => running.flatMap(({ addresses }) => Object.entries(addresses)).find(([network, address]) => address === host && network !== ownNetwork)?.[0];
    const nodes = endpoints.filter(({ kind }) => kind === 'node').map(({ host, port }) => ({ host, port, network: networkOf(host) }));
    const network = nodes.find((node) => node.network !== undefined)?.network;
    if (network !== undefined) ways.push({ transport: 'docker', network, endpoints: nodes.filter((node) => node.network === network).map(({ host, port }) => ({ host, port })) });
  }
  if (choice !== 'docker' && endpoints.length > 0) ways.push({ transport: 'udp', endpoints: endpoints.map(({ host, port }) => ({ host, port })) });
  if (ways.length === 0) {
    if (choice === 'auto') return [{ transport: 'api', endpoints: [] }];
    throw choice === 'docker'
      ? new BridgeError({ kind: 'environment', code: 'transport-unavailable', what: 'the cluster\'s nodes are not containers of this Docker', why: '--transport docker works with kind, k3d, minikube and the like only', next: 'bridge up --transport udp' })
      : new BridgeError({ kind: 'environment', code: 'hub-no-endpoint', what: 'the cluster names no address for its WireGuard port', why: 'its nodes have no address and there is no load balancer', next: 'kubectl -n bridge-system get services' });
  }
  return ways;
}
