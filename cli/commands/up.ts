import type { Command } from '../command.ts';
import { clusterChoice, flag, text } from './choices.ts';

export const command: Command = {
  name: 'up',
  summary: 'Connect this machine\'s Docker to the cluster',
  description: 'Makes the link: one container that is the gateway of one Docker network. `bridge run` does this by itself; here it is done ahead, or with another transport. Safe to repeat.',
  examples: [
    { command: 'bridge up', explains: 'to the cluster of the current context' },
    { command: 'bridge up --context staging', explains: 'a second link beside it' },
    { command: 'bridge up --transport udp', explains: 'by the nodes\' addresses, even if the cluster runs in this Docker' },
  ],
  options: [
    { name: 'transport', description: 'how the tunnel reaches the cluster', value: { placeholder: 'WAY', choices: ['auto', 'docker', 'udp'] }, default: 'auto', env: 'PODBRIDGE_TRANSPORT' },
  ],
  async run(context) {
    const [{ connectCluster }, { connectDocker }, { openLink }, { Steps }, { upAnswer }] = await Promise.all([
      import('../adapters/cluster/index.ts'), import('../adapters/docker/index.ts'), import('../link/open-link.ts'), import('../steps/steps.ts'), import('../link/answer.ts'),
    ]);
    const { host, reporter } = context;
    const [cluster, docker] = await Promise.all([connectCluster(host, clusterChoice(context)), connectDocker(host)]);
    const steps = new Steps(reporter, () => host.now());
    const startedAt = host.now();
    const stop = host.onSignal(() => steps.abort(new Error('given up')));
    try {
      const link = await openLink({ docker, cluster, steps, host, reporter, yes: flag(context, 'yes'), transport: (text(context, 'transport') ?? 'auto') as 'auto' | 'docker' | 'udp' });
      link.control.close();
      return upAnswer(link, cluster.context.name, Math.round(host.now() - startedAt));
    } catch (error) {
      await steps.undo();
      throw error;
    } finally {
      stop();
      cluster.close();
    }
  },
};
