/** `bridge compose down`: bridges end first, so that no request meets a container that stops; then Compose removes the project. */
import { labels } from '../../protocol/names.ts';
import type { Bridge } from '../../protocol/objects.ts';
import { resources, type Cluster } from '../adapters/cluster/index.ts';
import type { ContainerSummary, Docker } from '../adapters/docker/index.ts';
import { refOf } from '../bridge/find-bridge.ts';
import { defaultBridgeName } from '../bridge/owner-slug.ts';
import { stopBridge, type Stopped } from '../bridge/stop.ts';
import { withLinkLock } from '../lock.ts';
import { takeDownLink } from '../link/take-down.ts';
import type { Steps } from '../steps/steps.ts';
import { baseName, joinedContainers, remainsOf } from './containers.ts';
import { joinKey, type ComposeModel } from './model.ts';
import { type ComposeChoice, type ComposeProgram } from './program.ts';

export interface DownRequest {
  compose: ComposeProgram;
  choice: ComposeChoice;
  model: ComposeModel;
  docker: Docker;
  cluster: Cluster;
  steps: Steps;
  /** Name of the link, and of its owner. */
  link: string;
  owner: string;
  /** For `docker compose down`. */
  rest: string[];
  /** Ends waiting for open requests. */
  force: AbortSignal;
}

export interface ProjectStopped {
  project: string;
  bridges: Stopped[];
  /** Containers and networks of the project that stand still: services of other files of it, say, which Compose leaves alone. `service worker`, `network shop_default`. */
  left: string[];
  /** The link that was made for the project ended with it. */
  link: string | null;
}

/** Of services whose containers somebody has removed already, by `docker compose down` for one. */
async function orphaned({ model, cluster, link, owner }: DownRequest, ended: readonly Stopped[]): Promise<{ namespace: string; name: string }[]> {
  const found = await Promise.all(Object.entries(model.services).map(async ([service, { [joinKey]: join }]) => {
    const { target, namespace = cluster.context.namespace } = (join ?? {}) as { target?: string; namespace?: string };
    const name = defaultBridgeName(baseName(model.name, service), owner);
    if (target === undefined || ended.some((each) => each.name === name)) return [];
    const bridge = await cluster.find<Bridge>(resources.Bridge, name, namespace);
    return bridge?.spec.client === link ? [{ namespace, name }] : [];
  }));
  return found.flat();
}

export async function composeDown(request: DownRequest): Promise<ProjectStopped> {
  const { compose, choice, model, docker, cluster, steps, link, rest, force } = request;
  const containers = (await joinedContainers(docker, model.name)).filter((container) => container.labels[labels.link] === link);
  const bridges = await Promise.all(containers.map((container) => {
    const ref = refOf(container);
    return stopBridge({ docker, cluster, steps, link, container, force, ...(ref === undefined ? {} : { ref }) });
  }));
  const orphans = await orphaned(request, bridges);
  bridges.push(...await Promise.all(orphans.map((ref) => stopBridge({ docker, cluster, steps, link, ref, force }))));
  const left = await steps.run({
    id: 'compose', title: `Remove ${model.name}`,
    async act({ signal, waiting }) {
      await compose.runModel(model, choice, ['down', ...rest], { signal, onLine: waiting });
      return remainsOf(docker, model.name);
    },
    detail: (remains) => (remains.length === 0 ? undefined : `all but ${remains.join(', ')}`),
  });
  return { project: model.name, bridges, left, link: await endMadeLink(request, containers) ? link : null };
}

/** The link that was made for these containers, which are gone: when nobody else uses it, it goes too. */
export async function endMadeLink({ docker, cluster, steps, link }: Pick<DownRequest, 'docker' | 'cluster' | 'steps' | 'link'>, containers: readonly ContainerSummary[]): Promise<boolean> {
  if (!containers.some((container) => container.labels[labels.madeLink] === 'true')) return false;
  return steps.run({
    id: 'link', title: 'Disconnect from the cluster',
    act: () => withLinkLock(link, async () => {
      if ((await docker.containers.list({ [labels.link]: link, [labels.role]: 'app' })).length > 0) return false;
      await takeDownLink({ docker, cluster, link });
      return true;
    }),
    detail: (ended) => (ended ? undefined : 'others use it'),
  });
}
