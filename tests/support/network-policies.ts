/**
 * NetworkPolicies enforced by nftables, for clusters whose network plugin enforces none: made from the very objects in the cluster,
 * and put into the network namespace of each pod at its outermost: in before anything else has seen a packet, out after everything.
 * There the packets look as they do to a plugin at the pod's interface.
 */
import { resourceFor, resources, type KubeObject } from '../../cli/adapters/cluster/index.ts';
import type { Kube } from './kube.ts';
import { inPodNetwork, onNode, runningPods, type PlacedPod } from './nodes.ts';

interface Selector { matchLabels?: Record<string, string>; matchExpressions?: unknown[] }
interface Peer { podSelector?: Selector; namespaceSelector?: Selector; ipBlock?: { cidr: string; except?: string[] } }
interface Port { protocol?: string; port?: number | string; endPort?: number }
interface Policy extends KubeObject {
  spec: { podSelector?: Selector; policyTypes?: string[]; ingress?: { from?: Peer[]; ports?: Port[] }[]; egress?: { to?: Peer[]; ports?: Port[] }[] };
}
export interface Labelled { namespace: string; labels: Record<string, string>; addresses: string[] }

const table = 'policies_of_test';

function selects(selector: Selector, labels: Record<string, string>): boolean {
  if (selector.matchExpressions !== undefined) throw new Error('matchExpressions are not enforced here');
  return Object.entries(selector.matchLabels ?? {}).every(([name, value]) => labels[name] === value);
}

function addressesOf(peer: Peer, policyNamespace: string, pods: readonly Labelled[], namespaces: ReadonlyMap<string, Record<string, string>>): string[] {
  if (peer.ipBlock !== undefined) {
    if (peer.ipBlock.except !== undefined) throw new Error('ipBlock.except is not enforced here');
    return [peer.ipBlock.cidr];
  }
  const { namespaceSelector, podSelector = {} } = peer;
  const inPlace = ({ namespace }: Labelled): boolean => (namespaceSelector === undefined ? namespace === policyNamespace : selects(namespaceSelector, namespaces.get(namespace) ?? {}));
  return pods.filter((pod) => inPlace(pod) && selects(podSelector, pod.labels)).flatMap(({ addresses }) => addresses);
}

function portMatches(ports: readonly Port[] | undefined): string[] {
  if (ports === undefined || ports.length === 0) return [''];
  return ports.map(({ protocol = 'TCP', port, endPort }) => {
    if (typeof port === 'string') throw new Error(`named port ${port} is not enforced here`);
    return port === undefined ? `meta l4proto ${protocol.toLowerCase()}` : `${protocol.toLowerCase()} dport ${endPort === undefined ? port : `${port}-${endPort}`}`;
  });
}

/** The rules of one pod; empty when no policy selects it. */
export function rulesFor(pod: Labelled, policies: readonly Policy[], pods: readonly Labelled[], namespaces: ReadonlyMap<string, Record<string, string>>): string {
  const mine = policies.filter(({ metadata, spec }) => metadata.namespace === pod.namespace && selects(spec.podSelector ?? {}, pod.labels));
  const chains = (['Ingress', 'Egress'] as const).flatMap((type) => {
    const those = mine.filter(({ spec }) => (spec.policyTypes ?? ['Ingress']).includes(type));
    if (those.length === 0) return [];
    const allowed = those.flatMap(({ metadata, spec }) => {
      const rules = type === 'Ingress' ? (spec.ingress ?? []).map(({ from, ports }) => ({ peers: from, ports })) : (spec.egress ?? []).map(({ to, ports }) => ({ peers: to, ports }));
      return rules.flatMap(({ peers, ports }) => {
        const addresses = peers?.flatMap((peer) => addressesOf(peer, metadata.namespace ?? '', pods, namespaces));
        if (addresses !== undefined && addresses.length === 0) return [];
        const where = addresses === undefined ? '' : `ip ${type === 'Ingress' ? 'saddr' : 'daddr'} { ${[...new Set(addresses)].join(', ')} } `;
        return portMatches(ports).map((port) => `    ${where}${port} accept`);
      });
    });
    // After connection tracking and before mangle; after source address translation.
    const [hook, direction, priority] = type === 'Ingress' ? ['prerouting', 'iifname', -199] : ['postrouting', 'oifname', 200];
    return [`  chain ${type.toLowerCase()} {`, `    type filter hook ${hook} priority ${priority}; policy accept;`, `    ${direction} != "eth0" accept`, '    ct state established,related accept',
      ...allowed, '    counter drop', '  }'];
  });
  return chains.length === 0 ? '' : `table ip ${table} {\n${chains.join('\n')}\n}\n`;
}

export interface Enforcement {
  /** Ends it, and takes every rule away. */
  stop(): Promise<void>;
}

/** Enforces all policies in those namespaces, also in pods that come later, until it is stopped. */
export async function enforcePolicies(kube: Kube, places: readonly string[], nodes: readonly string[]): Promise<Enforcement> {
  const applied = new Map<string, string>();
  // What comes from the node itself (kubelet, API server) passes everywhere.
  const nodeAddresses = (await Promise.all(nodes.map((node) => onNode(node, "ip -4 -o addr show | sed -nE 's/.* inet ([0-9.]+).*/\\1/p' | grep -v ^127")))).flatMap((text) => text.split('\n').filter(Boolean));
  const enforce = async (): Promise<void> => {
    const [policies, allPods, allNamespaces] = await Promise.all([
      Promise.all(places.map((namespace) => kube.list<Policy>(resourceFor({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy' })!, { namespace }))).then((lists) => lists.flatMap(({ items }) => items)),
      kube.list<PlacedPod>(resources.Pod), kube.list(resources.Namespace),
    ]);
    const labelled = (pod: PlacedPod): Labelled => ({ namespace: pod.metadata.namespace ?? '', labels: pod.metadata.labels ?? {}, addresses: pod.status.podIP === undefined ? [] : [pod.status.podIP] });
    const namespaces = new Map(allNamespaces.items.map(({ metadata }) => [metadata.name, { ...metadata.labels, 'kubernetes.io/metadata.name': metadata.name }]));
    const pods = allPods.items.map(labelled);
    const mine = (await Promise.all(places.map((namespace) => runningPods(kube, namespace)))).flat().filter(({ spec }) => spec.hostNetwork !== true);
    await Promise.all(mine.map(async (pod) => {
      const rules = rulesFor(labelled(pod), policies, pods, namespaces).replace('    ct state established', `    ip saddr { ${nodeAddresses.join(', ')} } accept\n    ct state established`);
      const uid = pod.metadata.uid ?? '';
      if (applied.get(uid) === rules) return;
      await inPodNetwork(pod, `printf '%s' "table ip ${table} {}\ndelete table ip ${table}\n${rules.replaceAll('"', '\\"')}" | nft -f -`);
      applied.set(uid, rules);
    }));
  };
  await enforce();
  let failure: unknown;
  let stopped = false;
  const loop = (async () => {
    while (!stopped) {
      // A pod may end between being listed and being entered.
      await enforce().catch((error: unknown) => { failure = error; });
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  })();
  return {
    async stop() {
      stopped = true;
      await loop;
      const pods = (await Promise.all(places.map((namespace) => runningPods(kube, namespace)))).flat();
      await Promise.all(pods.map((pod) => inPodNetwork(pod, `nft delete table ip ${table} 2>/dev/null || true`).catch(() => undefined)));
      if (failure !== undefined && applied.size === 0) throw failure;
    },
  };
}
