import type { Command } from '../command.ts';
import { BridgeError } from '../errors.ts';
import { clusterChoice, flag } from './choices.ts';

export const command: Command = {
  name: 'uninstall',
  summary: 'Remove the cluster side and this machine\'s link to it',
  description: 'Ends all bridges of all users, then removes everything that podbridge has put into the cluster, and this machine\'s link with its containers, network and volumes. Works when podbridge itself is broken.',
  examples: [{ command: 'bridge uninstall --yes', explains: 'without asking' }],
  options: [
    { name: 'images', description: 'remove podbridge\'s images from Docker too (done anyway when the cluster is on this machine)' },
    { name: 'keep-images', description: 'leave the images in Docker and on the nodes' },
  ],
  async run(context) {
    const [{ connectCluster }, { connectDocker }, { uninstallHere }, { findBridges }, { Steps }, { ask }, { isInteractive }] = await Promise.all([
      import('../adapters/cluster/index.ts'), import('../adapters/docker/index.ts'), import('../install/uninstall-here.ts'), import('../install/find-ours.ts'),
      import('../steps/steps.ts'), import('../ui/ask.ts'), import('../ui/terminal.ts'),
    ]);
    const { host, reporter } = context;
    const cluster = await connectCluster(host, clusterChoice(context));
    try {
      const where = `context ${cluster.context.name} (${cluster.context.server})`;
      if (!flag(context, 'yes')) {
        const bridges = await findBridges(cluster);
        const owners = [...new Set(bridges.map(({ spec }) => spec.owner))];
        const ending = bridges.length === 0 ? '' : ` ${bridges.length} bridge${bridges.length === 1 ? '' : 's'} of ${owners.join(', ')} will end.`;
        if (!isInteractive(host)) throw new BridgeError({ kind: 'usage', code: 'confirmation-needed', what: `this removes podbridge from ${where}.${ending}`.replace(/\.$/, ''), why: 'there is no terminal to ask', next: 'bridge uninstall --yes' });
        if (!(await ask(host, reporter, `Remove podbridge from ${where}?${ending}`))) throw new BridgeError({ kind: 'refused', code: 'declined', what: 'nothing was removed' });
      }
      const images = flag(context, 'keepImages') ? 'keep' : flag(context, 'images') ? 'remove' : 'if-local';
      const removal = await uninstallHere({ cluster, docker: () => connectDocker(host), host, steps: new Steps(reporter, () => host.now()), reporter }, images);
      return {
        data: { ...removal, context: cluster.context.name },
        text: removal.wasInstalled ? `podbridge is removed from context ${cluster.context.name}.` : `podbridge was not installed in context ${cluster.context.name}.`,
      };
    } finally {
      cluster.close();
    }
  },
};
