import type { Command, CommandContext } from '../command.ts';
import { version } from '../version.ts';
import { clusterChoice } from './choices.ts';

async function clusterSide(context: CommandContext): Promise<{ context: string; kubernetes: string; podbridge: string | null }> {
  const [{ connectCluster }, { findInstalled }] = await Promise.all([import('../adapters/cluster/index.ts'), import('../install/version.ts')]);
  const cluster = await connectCluster(context.host, clusterChoice(context));
  try {
    const [kubernetes, installed] = await Promise.all([cluster.serverVersion(), findInstalled(cluster)]);
    return { context: cluster.context.name, kubernetes, podbridge: installed?.version ?? null };
  } finally {
    cluster.close();
  }
}

export const command: Command = {
  name: 'version',
  summary: 'Show the versions of this program, Docker and the cluster',
  options: [{ name: 'client', description: 'only this program: ask neither Docker nor the cluster' }],
  async run(context) {
    const client = { podbridge: version, node: context.host.nodeVersion };
    if (context.options.client === true) return { data: { client }, text: `podbridge ${version} (Node ${client.node})` };
    const [cluster] = await Promise.allSettled([clusterSide(context)]);
    const { factsOf } = await import('../ui/error-text.ts');
    const side = cluster.status === 'fulfilled' ? cluster.value : { error: factsOf(cluster.reason).what };
    const words = 'error' in side ? `not known: ${side.error}` : `Kubernetes ${side.kubernetes}, podbridge ${side.podbridge ?? 'not installed'} (context ${side.context})`;
    return { data: { client, cluster: side }, text: `podbridge ${version} (Node ${client.node})\ncluster   ${words}` };
  },
};
