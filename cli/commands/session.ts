/** What most commands begin with: Docker and the cluster, connected side by side, and closed at the end. */
import type { Cluster } from '../adapters/cluster/index.ts';
import type { Docker } from '../adapters/docker/index.ts';
import type { CommandContext } from '../command.ts';
import { clusterChoice } from './choices.ts';

export interface Session {
  docker: Docker;
  cluster: Cluster;
  /** Name of the link of this user, cluster and Docker, whether it is up or not. */
  link: string;
  owner: string;
}

/** Leftovers of killed runs are swept on the way, and the link's token is renewed when it is time. */
export async function withSession<T>(context: CommandContext, act: (session: Session) => Promise<T>): Promise<T> {
  const { host } = context;
  const [{ connectCluster }, { connectDocker }] = await Promise.all([import('../adapters/cluster/index.ts'), import('../adapters/docker/index.ts')]);
  const [docker, cluster] = await Promise.all([connectDocker(host), connectCluster(host, clusterChoice(context))]);
  try {
    const [{ findLinkName }, { sweep }, { renewRelayOf }] = await Promise.all([import('../link/connect-link.ts'), import('../bridge/sweep.ts'), import('../link/renew-relay.ts')]);
    const [{ name, owner }] = await Promise.all([findLinkName(docker, cluster), sweep(docker, cluster, host, context.reporter)]);
    const renewed = renewRelayOf({ docker, cluster, link: name });
    const result = await act({ docker, cluster, link: name, owner });
    await renewed;
    return result;
  } finally {
    cluster.close();
  }
}
