/** What `bridge open` and `bridge curl` have in common: the bridge that is meant, cargo's image, and a run without a target. */
import type { Bridge } from '../../protocol/objects.ts';
import type { Cluster } from '../adapters/cluster/index.ts';
import type { RunRequest } from '../bridge/run-request.ts';
import type { RunSummary } from '../bridge/summary.ts';
import type { CommandContext, CommandResult } from '../command.ts';
import { clusterChoice, flag, text } from './choices.ts';
import type { Host } from '../host.ts';

export interface Own {
  cluster: Cluster;
  namespace: string;
  bridge: Bridge;
  /** Of the cluster's DNS. */
  domain: string;
  /** Reference of cargo's image, which is there. */
  image: string;
}

export async function withOwnBridge(context: CommandContext, act: (own: Own) => Promise<CommandResult>, name: string | undefined, why: string): Promise<CommandResult> {
  const { host, reporter } = context;
  const [{ connectCluster }, { connectDocker }, { ensureImage }, { Steps }, { chooseBridge }, { findClient }] = await Promise.all([
    import('../adapters/cluster/index.ts'), import('../adapters/docker/index.ts'), import('../image/build.ts'), import('../steps/steps.ts'), import('../preview/previews.ts'), import('../link/client-object.ts'),
  ]);
  const [docker, cluster] = await Promise.all([connectDocker(host), connectCluster(host, clusterChoice(context))]);
  try {
    const namespace = text(context, 'namespace') ?? cluster.context.namespace;
    const bridge = await chooseBridge(cluster, namespace, name, why);
    const steps = new Steps(reporter, () => host.now());
    const [{ reference }, client] = await Promise.all([
      steps.run({ id: 'own-image', title: 'Image of the link\'s container', act: ({ signal, waiting }) => ensureImage('cargo', { docker, host, waiting, signal }) }), findClient(cluster, bridge.spec.client),
    ]);
    return await act({ cluster, namespace, bridge, domain: client?.status?.cluster?.dns.domain ?? 'cluster.local', image: reference });
  } finally {
    cluster.close();
  }
}

/** @returns the container's exit code */
export async function runOwn(context: CommandContext, host: Host, request: RunRequest, onReady: (summary: RunSummary) => void, onLine?: (stream: 'stdout' | 'stderr', line: string) => void): Promise<number> {
  const { reporter } = context;
  const [{ connectCluster }, { connectDocker }, { openLink }, { runAll }, { sweep }] = await Promise.all([
    import('../adapters/cluster/index.ts'), import('../adapters/docker/index.ts'), import('../link/open-link.ts'), import('../bridge/run-all.ts'), import('../bridge/sweep.ts'),
  ]);
  const clustered = connectCluster(host, clusterChoice(context));
  try {
    return await runAll([request], {
      host, reporter, docker: () => connectDocker(host), cluster: () => clustered, sweep, onReady, ...(onLine === undefined ? {} : { onLine }),
      openLink: (docker, cluster, steps) => openLink({ docker, cluster, steps, host, reporter, yes: flag(context, 'yes') }),
    });
  } finally {
    await clustered.then((cluster) => cluster.close(), () => undefined);
  }
}
