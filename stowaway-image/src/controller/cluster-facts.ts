/** What laptops need to know of the cluster: address ranges, DNS, and where the hub can be reached. */
import type { ClusterFacts, HubEndpoint } from '../../../protocol/objects.ts';
import { ports } from '../../../protocol/ports.ts';
import type { KubeObject } from '../kube/index.ts';
import { contains, isIpv4, parseRange } from '../network/ipv4.ts';

export interface NodeInfo {
  metadata: { name: string; resourceVersion?: string; uid?: string };
  ready: boolean;
  linux: boolean;
  internal: string[];
  external: string[];
  podCidrs: string[];
}

interface RawNode extends KubeObject {
  spec?: { podCIDR?: string; podCIDRs?: string[] };
  status?: { addresses?: { type: string; address: string }[]; conditions?: { type: string; status: string }[]; nodeInfo?: { operatingSystem?: string } };
}

export function trimNode({ metadata, spec = {}, status = {} }: RawNode): NodeInfo {
  const { name, resourceVersion, uid } = metadata;
  const addresses = (type: string): string[] => (status.addresses ?? []).filter((entry) => entry.type === type && isIpv4(entry.address)).map(({ address }) => address);
  return {
    metadata: { name, ...(resourceVersion === undefined ? {} : { resourceVersion }), ...(uid === undefined ? {} : { uid }) },
    ready: status.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') === true,
    linux: (status.nodeInfo?.operatingSystem ?? 'linux') === 'linux',
    internal: addresses('InternalIP'),
    external: addresses('ExternalIP'),
    podCidrs: spec.podCIDRs ?? (spec.podCIDR === undefined ? [] : [spec.podCIDR]),
  };
}

export interface HubService extends KubeObject {
  spec?: { ports?: { port: number; nodePort?: number; protocol?: string }[] };
  status?: { loadBalancer?: { ingress?: { ip?: string; hostname?: string }[] } };
}

/** Nodes named as endpoints: any of them leads to the hub, and a laptop need not try hundreds. */
const endpointNodes = 16;

/** Load balancers are there on purpose, so they come first; then the hub's own node, which saves a hop. */
export function hubEndpoints(service: HubService | undefined, nodes: Iterable<NodeInfo>, hubNode: string | undefined): HubEndpoint[] {
  const port = service?.spec?.ports?.find((candidate) => candidate.port === ports.wireguard);
  const balancers = (service?.status?.loadBalancer?.ingress ?? []).flatMap(({ ip, hostname }) => {
    const host = ip ?? hostname;
    return host === undefined ? [] : [{ kind: 'loadBalancer' as const, host, port: ports.wireguard }];
  });
  const nodePort = port?.nodePort;
  if (nodePort === undefined) return balancers;
  const rank = ({ metadata, ready }: NodeInfo): number => (metadata.name === hubNode ? 0 : ready ? 1 : 2);
  const ordered = [...nodes].filter(({ linux }) => linux).sort((one, other) => rank(one) - rank(other) || (one.metadata.name < other.metadata.name ? -1 : 1)).slice(0, endpointNodes);
  const hosts = [...ordered.flatMap(({ internal }) => internal), ...ordered.flatMap(({ external }) => external)];
  return [...balancers, ...hosts.map((host) => ({ kind: 'node' as const, host, port: nodePort }))];
}

export interface RangeSources {
  nodes: Iterable<NodeInfo>;
  /** From the ServiceCIDR API; empty where there is none. */
  serviceCidrs: readonly string[];
  /** Address of the Service `kubernetes`, always there. */
  apiService: string;
  /** Addresses that pods really have: network plugins with their own ranges leave the nodes' podCIDRs empty or wrong. */
  podAddresses: Iterable<string>;
}

/** Pod, service and node CIDRs, IPv4. Where the cluster does not say, a generous guess around known addresses. */
export function clusterRanges({ nodes, serviceCidrs, apiService, podAddresses }: RangeSources): string[] {
  const all = [...nodes];
  const ranges = new Set(all.flatMap(({ podCidrs }) => podCidrs).filter((cidr) => parseRange(cidr) !== undefined));
  const services = serviceCidrs.filter((cidr) => parseRange(cidr) !== undefined);
  for (const cidr of services.length > 0 ? services : guessServices(apiService)) ranges.add(cidr);
  const nodeAddresses = new Set(all.flatMap(({ internal }) => internal));
  for (const address of podAddresses) {
    if (!isIpv4(address) || nodeAddresses.has(address) || within(ranges, address)) continue;
    ranges.add(`${address.split('.').slice(0, 2).join('.')}.0.0/16`);
  }
  return [...ranges, ...[...nodeAddresses].map((address) => `${address}/32`)].sort();
}

/** kubeadm's default is 10.96.0.0/12; others mostly take a /16. */
function guessServices(apiService: string): string[] {
  if (!isIpv4(apiService)) return [];
  if (contains({ first: 0x0a600000, last: 0x0a6fffff }, apiService)) return ['10.96.0.0/12'];
  return [`${apiService.split('.').slice(0, 2).join('.')}.0.0/16`];
}

function within(ranges: Iterable<string>, address: string): boolean {
  return [...ranges].some((cidr) => {
    const range = parseRange(cidr);
    return range !== undefined && contains(range, address);
  });
}

/** The pod's own resolv.conf says what the cluster's DNS is, whatever it is called and whoever made it. */
export function dnsFrom(resolvConf: string, namespace: string): ClusterFacts['dns'] {
  const lines = resolvConf.split('\n').map((line) => line.trim().split(/\s+/));
  const server = lines.find(([word, address]) => word === 'nameserver' && address !== undefined && isIpv4(address))?.[1];
  const prefix = `${namespace}.svc.`;
  const search = lines.filter(([word]) => word === 'search').flatMap(([, ...domains]) => domains).find((domain) => domain.startsWith(prefix));
  if (server === undefined) throw new Error('/etc/resolv.conf of the controller names no IPv4 nameserver');
  return { server, domain: search?.slice(prefix.length).replace(/\.$/, '') ?? 'cluster.local' };
}
