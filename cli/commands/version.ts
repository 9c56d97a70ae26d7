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

async function dockerSide({ host }: CommandContext): Promise<{ version: string; api: string; endpoint: string }> {
  const { connectDocker } = await import('../adapters/docker/index.ts');
  const docker = await connectDocker(host);
  const { serverVersion, apiVersion } = await docker.info();
  return { version: serverVersion, api: apiVersion, endpoint: docker.endpoint.url };
}

export const command: Command = {
  name: 'version',
  summary: 'Show the versions of this program, Docker and the cluster',
  takesProject: 'nothing',
  options: [{ name: 'client', description: 'only this program: ask neither Docker nor the cluster' }],
  async run(context) {
    const client = { podbridge: version, node: context.host.nodeVersion };
    if (context.options.client === true) return { data: { client }, text: `podbridge ${version} (Node ${client.node})` };
    const { factsOf } = await import('../ui/error-text.ts');
    // What is not there is part of the answer, not a failure of it.
    const known = <T extends object>(side: Promise<T>) => side.catch((error: unknown) => ({ error: factsOf(error).what }));
    const [docker, cluster] = await Promise.all([known(dockerSide(context)), known(clusterSide(context))]);
    const lines = [
      `podbridge ${version} (Node ${client.node})`,
      `Docker    ${'error' in docker ? `not known: ${docker.error}` : `${docker.version}, API ${docker.api} (${docker.endpoint})`}`,
      `cluster   ${'error' in cluster ? `not known: ${cluster.error}` : `Kubernetes ${cluster.kubernetes}, podbridge ${cluster.podbridge ?? 'not installed'} (context ${cluster.context})`}`,
    ];
    return { data: { client, docker, cluster }, text: lines.join('\n') };
  },
};
