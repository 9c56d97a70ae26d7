/** What most commands begin with: Docker and the cluster, connected side by side, and closed at the end. */
import type { Cluster } from '../adapters/cluster/index.ts';
import type { Docker } from '../adapters/docker/index.ts';
import type { CommandContext } from '../command.ts';
import type { BridgeError } from '../errors.ts';
import type { UiEvent } from '../ui/events.ts';
import { clusterChoice } from './choices.ts';

export interface Session {
  docker: Docker;
  cluster: Cluster;
  /** Name of the link of this user, cluster and Docker, whether it is up or not. */
  link: string;
  owner: string;
  /** Why the cluster cannot be asked: only where `orHere` was said. */
  unreachable?: BridgeError;
}

/** The link as this machine knows it, when the cluster cannot say who asks. Throws the cluster's error where there is none, and any other one. */
async function linkHere(docker: Docker, { context }: Cluster, error: unknown): Promise<{ name: string; owner: string; unreachable: BridgeError }> {
  const { isOutOfReach, linksHere } = await import('../link/out-of-reach.ts');
  if (!isOutOfReach(error)) throw error;
  const [link] = await linksHere(docker, context);
  if (link === undefined) throw error;
  return { name: link.link, owner: link.owner, unreachable: error };
}

/** What a command says that shows this machine's side only. */
export function onlyHere({ facts: { code, what, why, next } }: BridgeError, at: number): UiEvent {
  // Credentials can be renewed, and then everything goes on: nothing is to be removed for their sake.
  const then = code === 'cluster-unreachable' ? 'bridge down  (removes this machine\'s side; the cluster forgets the link by itself)' : `${next}  (and renew the credentials: link and bridges stay as they are)`;
  return { type: 'warning', code, text: `${what}${why === undefined ? '' : ` (${why})`}: only this machine's side is shown, and no bridge is known`, next: then, at };
}

/**
 * Leftovers of killed runs are swept on the way, and the link's token is renewed when it is time.
 *
 * @param orHere go on with this machine's side when the cluster cannot be asked
 */
export async function withSession<T>(context: CommandContext, act: (session: Session) => Promise<T>, { orHere = false } = {}): Promise<T> {
  const { host } = context;
  const [{ connectCluster }, { connectDocker }] = await Promise.all([import('../adapters/cluster/index.ts'), import('../adapters/docker/index.ts')]);
  const [docker, cluster] = await Promise.all([connectDocker(host), connectCluster(host, clusterChoice(context))]);
  try {
    const [{ findLinkName }, { sweep }, { renewRelayOf }] = await Promise.all([import('../link/connect-link.ts'), import('../bridge/sweep.ts'), import('../link/renew-relay.ts')]);
    const named: Promise<{ name: string; owner: string; unreachable?: BridgeError }> = findLinkName(docker, cluster);
    const [{ name, owner, unreachable }] = await Promise.all([orHere ? named.catch((error: unknown) => linkHere(docker, cluster, error)) : named, sweep(docker, cluster, host, context.reporter)]);
    const renewed = unreachable === undefined ? renewRelayOf({ docker, cluster, link: name }) : undefined;
    const result = await act({ docker, cluster, link: name, owner, ...(unreachable === undefined ? {} : { unreachable }) });
    await renewed;
    return result;
  } finally {
    cluster.close();
  }
}
