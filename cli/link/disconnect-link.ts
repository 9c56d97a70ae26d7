/** `bridge down` as a function: ends the link's bridges without losing a request, then removes the link. */
import type { LinkStatus } from '../../protocol/control.ts';
import { labels } from '../../protocol/names.ts';
import { refOfObject, type BridgeRef } from '../../protocol/heartbeat.ts';
import type { Bridge } from '../../protocol/objects.ts';
import { resources, type Cluster } from '../adapters/cluster/index.ts';
import type { Docker } from '../adapters/docker/index.ts';
import { endBridge } from '../bridge/end-bridge.ts';
import { isBridgeError, type BridgeError } from '../errors.ts';
import { timing } from '../timing.ts';
import { openRunningControl, type Control } from './control-client.ts';
import { isOutOfReach, linksHere } from './out-of-reach.ts';
import { withLinkLock } from '../lock.ts';
import { takeDownLink, type TakenDown } from './take-down.ts';

export interface DisconnectRequest {
  docker: Docker;
  cluster: Cluster;
  link: string;
  force?: AbortSignal;
  waiting?: (waitingFor: string) => void;
}

export interface Disconnected extends TakenDown {
  bridges: BridgeRef[];
}

/**
 * Bridges of one client in every namespace that the user may list; where he may not list all, in those that the link's
 * containers and cargo name, and the context's own.
 */
export async function bridgesOfLink(docker: Docker, cluster: Cluster, link: string): Promise<BridgeRef[]> {
  return (await objectsOfLink(docker, cluster, link)).map(refOfObject);
}

/** The same as objects. */
export async function objectsOfLink(docker: Docker, cluster: Cluster, link: string): Promise<Bridge[]> {
  const mine = ({ items }: { items: Bridge[] }): Bridge[] => items.filter(({ spec }) => spec.client === link);
  const tolerant = (error: unknown, ...codes: string[]): never[] => {
    if (isBridgeError(error) && codes.includes(error.facts.code)) return [];
    throw error;
  };
  try {
    return mine(await cluster.list<Bridge>(resources.Bridge));
  } catch (error) {
    if (!isBridgeError(error) || error.facts.code !== 'cluster-forbidden') return tolerant(error, 'cluster-kind-missing', 'cluster-not-found');
  }
  const [containers, known] = await Promise.all([docker.containers.list({ [labels.link]: link }), namespacesOfCargo(docker, link)]);
  const namespaces = new Set([cluster.context.namespace, ...known, ...containers.flatMap((container) => container.labels[labels.namespace] ?? [])]);
  const found = await Promise.all([...namespaces].map((namespace) => cluster.list<Bridge>(resources.Bridge, { namespace }).then(mine, (error: unknown) => tolerant(error, 'cluster-forbidden', 'cluster-kind-missing', 'cluster-not-found'))));
  return found.flat();
}

/** Of bridges whose makers cargo watches, or that it leads requests of: a tap has no container. */
async function namespacesOfCargo(docker: Docker, link: string): Promise<string[]> {
  let control: Control | undefined;
  try {
    control = (await openRunningControl(docker, link))?.control;
    const status: Partial<LinkStatus> | undefined = await control?.call('status', {}, timing.cargoLastWordsTimeoutMs);
    return [...status?.sessions ?? [], ...(status?.forwards ?? []).map(({ bridge }) => bridge)].map(({ namespace }) => namespace);
  } catch {
    // An older one, or one that is going: the containers know most.
    return [];
  } finally {
    control?.close();
  }
}

export async function disconnectLink({ docker, cluster, link, force = new AbortController().signal, waiting }: DisconnectRequest): Promise<Disconnected> {
  const bridges = await bridgesOfLink(docker, cluster, link);
  await Promise.all(bridges.map((bridge) => endBridge(cluster, bridge, link, force, waiting)));
  return { bridges, ...await withLinkLock(link, () => takeDownLink({ docker, cluster, link })) };
}

export interface LocalOnly {
  /** Why the cluster was left out. */
  error: BridgeError;
  removed: (Disconnected & { link: string })[];
}

/** The cluster does not answer (deleted, perhaps): the Docker side of the links that were made for this context and server. Throws any other error as it is. */
export async function disconnectHere(docker: Docker, { context }: Cluster, error: unknown): Promise<LocalOnly> {
  if (!isOutOfReach(error)) throw error;
  const links = await linksHere(docker, context);
  if (links.length === 0) throw error;
  return { error, removed: await Promise.all(links.map(async ({ link }) => ({ link, bridges: [], ...await takeDownLink({ docker, link }) }))) };
}
