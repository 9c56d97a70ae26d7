/** Which bridge (and which container of this machine) a name means. */
import { refOfObject, type BridgeRef } from '../../protocol/heartbeat.ts';
import { labels } from '../../protocol/names.ts';
import { resources, type Cluster } from '../adapters/cluster/index.ts';
import type { ContainerSummary, Docker } from '../adapters/docker/index.ts';
import type { Bridge } from '../../protocol/objects.ts';
import { BridgeError } from '../errors.ts';
import { objectsOfLink } from '../link/disconnect-link.ts';
import { suggest } from '../parse/suggest.ts';

export interface Found {
  /** Absent for a container without a target. */
  ref?: BridgeRef;
  container?: ContainerSummary;
  bridge?: Bridge;
}

function notFound(name: string, namespace: string, apps: readonly ContainerSummary[]): BridgeError {
  const elsewhere = apps.find((app) => app.labels[labels.bridge] === name)?.labels[labels.namespace];
  if (elsewhere !== undefined) {
    return new BridgeError({ kind: 'usage', code: 'bridge-not-found', what: `there is no bridge ${name} in the namespace ${namespace}`, why: `${name} is in the namespace ${elsewhere}`, next: `the same with -n ${elsewhere}` });
  }
  const known = apps.map((app) => app.labels[labels.bridge] ?? app.name);
  const meant = suggest(name, known);
  const why = known.length === 0 ? 'there are none of yours on this machine' : `there ${known.length === 1 ? 'is' : 'are'}: ${known.join(', ')}${meant === undefined ? '' : `; did you mean ${meant}?`}`;
  return new BridgeError({ kind: 'usage', code: 'bridge-not-found', what: `there is no bridge or container ${name} (namespace ${namespace})`, why, next: 'bridge list' });
}

/** Containers of this link, by the name that `bridge list` shows. */
export function appsOf(docker: Docker, link: string): Promise<ContainerSummary[]> {
  return docker.containers.list({ [labels.link]: link, [labels.role]: 'app' });
}

export function refOf(container: ContainerSummary): BridgeRef | undefined {
  const [name, namespace] = [container.labels[labels.bridge], container.labels[labels.namespace]];
  return name === undefined || namespace === undefined ? undefined : { namespace, name };
}

export interface NameQuestion {
  docker: Docker;
  cluster: Cluster;
  link: string;
  name: string;
  /** `-n`; absent: wherever a container of this machine says, else the context's. */
  namespace?: string;
}

/** Throws `bridge-not-found`, or `bridge-ambiguous` when containers of several namespaces have the name. */
export async function findBridge({ docker, cluster, link, name, namespace }: NameQuestion): Promise<Found> {
  const apps = await appsOf(docker, link);
  const named = apps.filter((app) => (app.labels[labels.bridge] ?? app.name) === name && (namespace === undefined || app.labels[labels.namespace] === namespace));
  if (named.length > 1) {
    throw new BridgeError({ kind: 'usage', code: 'bridge-ambiguous', what: `there are several bridges ${name}`, why: `in the namespaces ${named.map((app) => app.labels[labels.namespace]).join(', ')}`, next: `give the namespace with -n` });
  }
  const [container] = named;
  const ref = container === undefined ? { namespace: namespace ?? cluster.context.namespace, name } : refOf(container);
  const bridge = ref === undefined ? undefined : await cluster.find<Bridge>(resources.Bridge, ref.name, ref.namespace);
  if (container === undefined && bridge === undefined) throw notFound(name, ref?.namespace ?? '', apps);
  return { ...(ref === undefined ? {} : { ref }), ...(container === undefined ? {} : { container }), ...(bridge === undefined ? {} : { bridge }) };
}

/** Everything of this link: containers of this machine, and bridges whose container is not (or no longer) here. */
export async function everyBridge({ docker, cluster, link }: Pick<NameQuestion, 'docker' | 'cluster' | 'link'>): Promise<Found[]> {
  const [apps, bridges] = await Promise.all([appsOf(docker, link), objectsOfLink(docker, cluster, link)]);
  const found: Found[] = apps.map((container) => {
    const ref = refOf(container);
    return { container, ...(ref === undefined ? {} : { ref }) };
  });
  const known = new Set(found.map(({ ref }) => `${ref?.namespace}/${ref?.name}`));
  return [...found, ...bridges.map((bridge) => ({ ref: refOfObject(bridge), bridge })).filter(({ ref: { namespace, name } }) => !known.has(`${namespace}/${name}`))];
}
