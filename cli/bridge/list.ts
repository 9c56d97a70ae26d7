/** What there is: bridges with their containers, containers without a target, and links. */
import { asTyped } from '../advice.ts';
import type { Program } from '../host.ts';
import { labels } from '../../protocol/names.ts';
import type { Bridge, BridgeTarget } from '../../protocol/objects.ts';
import { describeRule } from '../../protocol/rule.ts';
import { longTargetWords } from '../../protocol/target.ts';
import { resources, type Cluster } from '../adapters/cluster/index.ts';
import type { ContainerSummary, Docker } from '../adapters/docker/index.ts';
import { isBridgeError, type BridgeError } from '../errors.ts';
import { linkStates, type ListedLink } from '../link/link-state.ts';
import { age, table } from '../ui/table.ts';
import { appsOf, refOf } from './find-bridge.ts';
import { frozenWords } from './frozen-words.ts';
import { takenWords, toldTreatment, type ToldTreatment } from './taken-words.ts';

export interface ListedBridge extends ToldTreatment {
  namespace: string;
  name: string;
  owner: string;
  client: string;
  /** Of this machine and user. */
  mine: boolean;
  target: BridgeTarget;
  ports: { port: number; protocol: string; local: number }[];
  rules: string[];
  phase: string;
  pods: { name: string; node: string; ready: boolean; serving?: boolean; frozen?: boolean }[];
  desiredPods: number | null;
  /** Who the container is for others: the hub's pod (null), or a pod of the target (`pod` is null while there is none). */
  egress: { pod: string | null } | null;
  created: string | null;
  container: ListedContainer | null;
}

export interface ListedContainer {
  name: string;
  id: string;
  image: string;
  state: string;
  address: string | null;
  namespace: string | null;
  /** Name of the bridge that it was made for, whether or not that is still there. */
  bridge: string | null;
}

export interface Listed {
  bridges: ListedBridge[];
  /** Containers without a bridge: started without --target, or kept by --retain. */
  containers: ListedContainer[];
  /** All of this Docker; `current`: of this context, cluster and user. */
  links: (ListedLink & { current: boolean })[];
  /** The cluster could be asked; false: nothing is known of bridges. */
  bridgesKnown: boolean;
}

function listedContainer(container: ContainerSummary): ListedContainer {
  return {
    name: container.name, id: container.id, image: container.image, state: container.state, address: Object.values(container.addresses).find((address) => address !== '') ?? null,
    namespace: container.labels[labels.namespace] ?? null, bridge: container.labels[labels.bridge] ?? null,
  };
}

function listedBridge({ metadata, spec, status }: Bridge, link: string, container: ContainerSummary | undefined): ListedBridge {
  return {
    namespace: metadata.namespace ?? '', name: metadata.name, owner: spec.owner, client: spec.client, mine: spec.client === link, target: spec.target, ports: spec.ports,
    rules: (spec.rules ?? []).map(describeRule), ...toldTreatment(spec), phase: status?.phase ?? 'Pending', desiredPods: status?.desiredPods ?? null, egress: spec.egress === 'pod' ? { pod: status?.egress?.pod ?? null } : null, created: metadata.creationTimestamp ?? null,
    pods: (status?.pods ?? []).map(({ name, node, ready, serving, frozen }) => ({ name, node, ready, ...(serving === undefined ? {} : { serving }), ...(frozen === undefined ? {} : { frozen }) })),
    container: container === undefined ? null : listedContainer(container),
  };
}

async function bridgesIn(cluster: Cluster, namespace: string | undefined): Promise<Bridge[]> {
  try {
    return (await cluster.list<Bridge>(resources.Bridge, namespace === undefined ? {} : { namespace })).items;
  } catch (error) {
    // Not installed (any more): then there are none.
    if (isBridgeError(error) && error.facts.code === 'cluster-kind-missing') return [];
    throw error;
  }
}

export interface ListQuestion {
  docker: Docker;
  cluster: Cluster;
  link: string;
  /** `-n`. */
  namespace?: string;
  allNamespaces: boolean;
  program: Program;
  /** Why the cluster is not asked. */
  unreachable?: BridgeError;
}

/** Without -n and -A: the context's namespace, and every namespace that a container of this machine stands for. */
export async function listAll({ docker, cluster, link, namespace, allNamespaces, program, unreachable }: ListQuestion): Promise<Listed> {
  const [apps, links] = await Promise.all([appsOf(docker, link), linkStates(docker)]);
  const namespaces = allNamespaces ? [undefined] : namespace !== undefined ? [namespace] : [...new Set([cluster.context.namespace, ...apps.flatMap((app) => refOf(app)?.namespace ?? [])])];
  const bridges = unreachable === undefined ? (await Promise.all(namespaces.map((each) => bridgesIn(cluster, each)))).flat() : [];
  const containerOf = (bridge: Bridge) => apps.find((app) => app.labels[labels.bridgeUid] === bridge.metadata.uid);
  const used = new Set(bridges.map((bridge) => containerOf(bridge)?.id));
  return {
    bridgesKnown: unreachable === undefined,
    bridges: bridges.map((bridge) => listedBridge(bridge, link, containerOf(bridge))),
    containers: apps.filter((app) => !used.has(app.id) && (namespace === undefined || app.labels[labels.namespace] === namespace)).map(listedContainer),
    links: links.map((each) => ({ ...each, current: each.link === link, attention: each.attention === null ? null : { ...each.attention, next: asTyped(program, each.attention.next) } })),
  };
}

function podWords({ pods, desiredPods }: ListedBridge): string {
  return `${pods.filter((pod) => pod.ready).length}/${desiredPods ?? '?'}`;
}

function portWords({ ports }: ListedBridge): string {
  return ports.map(({ port, protocol, local }) => `${port}${local === port ? '' : `:${local}`}${protocol === 'UDP' ? '/udp' : ''}`).join(',') || '-';
}

/** What agents see of the container says something about the app only while there is a way to it. */
function servingWords({ pods, container, phase, client }: ListedBridge, links: Listed['links']): string {
  if (container === null) return '';
  if (phase === 'Suspended' || phase === 'Failed' || links.some(({ link, condition }) => link === client && condition !== 'up')) return container.state;
  const known = pods.filter((pod) => pod.serving !== undefined);
  return known.length > 0 && known.every((pod) => pod.serving === false) ? `${container.state}, not listening` : container.state;
}

export function listText(listed: Listed, wide: boolean, now: number): string {
  const sections: string[] = [];
  if (listed.bridges.length > 0) {
    const headings = ['NAMESPACE', 'BRIDGE', 'TARGET', 'PORTS', 'RULES', 'PODS', 'PHASE', 'CONTAINER', 'OWNER', 'AGE', ...(wide ? ['LINK', 'IMAGE', 'ADDRESS', 'NODES', 'EGRESS'] : [])];
    sections.push(table(headings, listed.bridges.map((bridge) => [
      bridge.namespace, bridge.name, longTargetWords(bridge.target), portWords(bridge), takenWords(bridge.rules.join(' | ') || 'all traffic', bridge), podWords(bridge), `${bridge.phase}${frozenWords(bridge.pods)}`,
      bridge.container === null ? (bridge.mine ? '(gone)' : '(elsewhere)') : servingWords(bridge, listed.links), bridge.owner, age(bridge.created ?? undefined, now),
      ...(wide ? [bridge.client, bridge.container?.image ?? '', bridge.container?.address ?? '', [...new Set(bridge.pods.map((pod) => pod.node))].join(','), bridge.egress === null ? 'hub' : bridge.egress.pod ?? '(no pod)'] : []),
    ])));
  }
  if (listed.containers.length > 0) {
    // Usually these have none; what was kept by --retain, or cannot be looked up, has.
    const bridged = listed.containers.some(({ bridge }) => bridge !== null);
    sections.push(table(['CONTAINER', ...(bridged ? ['BRIDGE'] : []), 'NAMESPACE', 'IMAGE', 'STATE', 'ADDRESS'], listed.containers.map(({ name, bridge, namespace, image, state, address }) => [name, ...(bridged ? [bridge ?? ''] : []), namespace ?? '', image, state, address ?? ''])));
  }
  if (listed.links.length > 0) {
    sections.push(table(['', 'LINK', 'CONTEXT', 'OWNER', 'STATE', 'TRANSPORT', 'CONTAINERS', 'VERSION'], listed.links.map((link) => [link.current ? '*' : '', link.link, link.context, link.owner, link.condition ?? link.state, link.transport ?? '', String(link.containers), link.version])));
    sections.push(...listed.links.flatMap(({ link, attention }) => (attention === null ? [] : [`Link ${link}: ${attention.what}\n  next: ${attention.next}`])));
  }
  return sections.length === 0 ? 'There are no bridges, containers or links.' : sections.join('\n\n');
}
