import type { Command } from '../command.ts';
import { clusterChoice } from './choices.ts';

export const command: Command = {
  name: 'down',
  mustKnow: ['context'],
  summary: 'End the link to the cluster, and every bridge over it',
  description: 'Requests go to the original pods again, then the link\'s containers, network, volumes and its object in the cluster are removed. Other users, and your links to other clusters, are not touched.',
  examples: [{ command: 'bridge down', explains: 'the link of the current context' }],
  async run(context) {
    const [{ connectCluster }, { connectDocker }, { disconnectHere, disconnectLink }, { findLinkName }, { Steps }, { downAnswer }] = await Promise.all([
      import('../adapters/cluster/index.ts'), import('../adapters/docker/index.ts'), import('../link/disconnect-link.ts'), import('../link/connect-link.ts'), import('../steps/steps.ts'), import('../link/answer.ts'),
    ]);
    const { host, reporter } = context;
    const [cluster, docker] = await Promise.all([connectCluster(host, clusterChoice(context)), connectDocker(host)]);
    const steps = new Steps(reporter, () => host.now());
    // The first signal ends the waiting for open requests, nothing else: half a link helps nobody.
    const force = new AbortController();
    const stop = host.onSignal(() => force.abort());
    try {
      const act = async (waiting: (waitingFor: string) => void) => {
        try {
          const { name } = await findLinkName(docker, cluster);
          return [{ link: name, ...await disconnectLink({ docker, cluster, link: name, force: force.signal, waiting }) }];
        } catch (error) {
          const here = await disconnectHere(docker, cluster, error);
          reporter.emit({ type: 'warning', code: here.error.facts.code, text: `${here.error.facts.what}: only this machine's side was removed`, next: 'the cluster forgets the link by itself, after 12 h without a heartbeat', at: host.now() });
          return here.removed;
        }
      };
      const removed = await steps.run({
        id: 'down', title: 'Disconnect from the cluster', act: ({ waiting }) => act(waiting),
        detail: (links) => {
          const count = links.flatMap(({ bridges }) => bridges).length;
          return count === 0 ? undefined : `${count} bridge${count === 1 ? '' : 's'} ended`;
        },
      });
      return downAnswer(cluster.context.name, removed);
    } finally {
      stop();
      cluster.close();
    }
  },
};
