/**
 * Removes what a killed run left on this machine: containers whose Bridge is gone, or whose foreground `bridge run` is. Only
 * those of the context's own link are looked at, and whatever fails is left for the next command: sweeping is never in the way.
 */
import { labels } from '../../protocol/names.ts';
import type { Bridge } from '../../protocol/objects.ts';
import { resources, type Cluster } from '../adapters/cluster/index.ts';
import type { ContainerSummary, Docker } from '../adapters/docker/index.ts';
import type { Host } from '../host.ts';
import type { Reporter } from '../ui/events.ts';
import { findLinkName } from '../link/connect-link.ts';
import { removeFiles } from '../volumes/remove-files.ts';

type Process = Pick<Host, 'process'>;

/** Value of {@link labels.session} for containers of this process. */
export function sessionOf({ process }: Process): string {
  return `${process.machine}/${process.pid}`;
}

/** False also when another machine would have to be asked. */
function sessionHasEnded(session: string | undefined, { process }: Process): boolean {
  const [, machine, pid] = /^(.*)\/(\d+)$/.exec(session ?? '') ?? [];
  return machine === process.machine && !process.isRunning(Number(pid));
}

type Leftover = 'run-killed' | 'bridge-gone';

/** Undefined when it is still wanted. */
async function leftoverOf(cluster: Cluster, host: Process, { labels: own }: Pick<ContainerSummary, 'labels'>): Promise<Leftover | undefined> {
  if (own[labels.retain] === 'true') return undefined;
  if (sessionHasEnded(own[labels.session], host)) return 'run-killed';
  const [name, namespace, uid] = [own[labels.bridge], own[labels.namespace], own[labels.bridgeUid]];
  if (name === undefined || namespace === undefined || uid === undefined) return undefined;
  const bridge = await cluster.find<Bridge>(resources.Bridge, name, namespace);
  return bridge?.metadata.uid === uid ? undefined : 'bridge-gone';
}

export interface SweptContainer {
  name: string;
  /** `namespace/name`, when it is its bridge that is gone, and not its run. */
  lostBridge: string | undefined;
}

export async function sweepLeftovers(docker: Docker, cluster: Cluster, host: Process): Promise<SweptContainer[]> {
  const apps = await docker.containers.list({ [labels.role]: 'app', [labels.link]: '' });
  if (apps.length === 0 && (await docker.volumes.list({ [labels.role]: 'volume', [labels.link]: '' })).length === 0) return [];
  const { name: link } = await findLinkName(docker, cluster);
  const own = apps.filter((container) => container.labels[labels.link] === link);
  const removed = await Promise.all(own.map(async (container): Promise<SweptContainer[]> => {
    const why = await leftoverOf(cluster, host, container);
    if (why === undefined || !(await docker.containers.remove(container.id, { force: true, volumes: true }))) return [];
    return [{ name: container.name, lostBridge: why === 'bridge-gone' ? `${container.labels[labels.namespace]}/${container.labels[labels.bridge]}` : undefined }];
  }));
  await sweepFiles(docker, cluster, host, link);
  return removed.flat();
}

/** After the app containers, which have the files mounted. */
async function sweepFiles(docker: Docker, cluster: Cluster, host: Process, link: string): Promise<void> {
  const volumes = await docker.volumes.list({ [labels.role]: 'volume', [labels.link]: link });
  await Promise.all(volumes.map(async ({ labels: own }) => {
    const [bridge, namespace, bridgeUid] = [own[labels.bridge], own[labels.namespace], own[labels.bridgeUid]];
    if (bridge === undefined || namespace === undefined || bridgeUid === undefined || (await leftoverOf(cluster, host, { labels: own })) === undefined) return;
    await removeFiles(docker, { link, namespace, bridge, bridgeUid });
  }));
}

/** Of killed runs nothing is said: who has killed one knows. A detached container whose bridge somebody else has deleted would be missed. */
export async function sweep(docker: Docker, cluster: Cluster, host: Pick<Host, 'process' | 'now'>, reporter: Reporter): Promise<void> {
  const swept = await sweepLeftovers(docker, cluster, host).catch(() => []);
  for (const { name, lostBridge } of swept) {
    if (lostBridge !== undefined) reporter.emit({ type: 'warning', code: 'container-swept', text: `container ${name} was removed: its bridge ${lostBridge} is gone from the cluster`, at: host.now() });
  }
}
