import type { Command } from '../command.ts';
import { isBridgeError } from '../errors.ts';
import type { Recovered } from '../bridge/recover.ts';
import { clusterChoice } from './choices.ts';

export const command: Command = {
  name: 'recover',
  mustKnow: [],
  summary: 'Remove what crashes have left on this machine and in the cluster',
  description: `Containers whose bridge is gone or whose bridge run was killed, bridges of this machine without a container, networks and volumes of links
without their container, and the link's object in the cluster when nothing of the link is here any more. What is in use, or just being
made, is left alone. Safe at any time; every other command does the first part silently. Without a reachable cluster only this machine's side is looked at.`,
  examples: [{ command: 'bridge recover', explains: 'after a crash of the laptop or of Docker' }],
  async run(context) {
    const { host, reporter } = context;
    const [{ connectDocker }, { recover, recoverHere, recoveredText }, { Steps }] = await Promise.all([import('../adapters/docker/index.ts'), import('../bridge/recover.ts'), import('../steps/steps.ts')]);
    const docker = await connectDocker(host);
    const steps = new Steps(reporter, () => host.now());
    const force = new AbortController();
    const stop = host.onSignal(() => force.abort());
    const withCluster = async (): Promise<Recovered> => {
      const [{ connectCluster }, { findLinkName }] = await Promise.all([import('../adapters/cluster/index.ts'), import('../link/connect-link.ts')]);
      const cluster = await connectCluster(host, clusterChoice(context));
      try {
        const { name: link } = await findLinkName(docker, cluster);
        return await recover({ docker, cluster, host, link, force: force.signal, now: Date.now() });
      } finally {
        cluster.close();
      }
    };
    try {
      const recovered = await steps.run({
        id: 'recover', title: 'Look for what was left behind',
        act: async () => {
          try {
            return await withCluster();
          } catch (error) {
            if (!isBridgeError(error) || error.facts.kind === 'usage' || error.facts.kind === 'defect') throw error;
            const here = await recoverHere(docker);
            reporter.emit({ type: 'warning', code: error.facts.code, text: `${error.facts.what}: only this machine's side was looked at`, next: 'bridge recover, when the cluster can be reached', at: host.now() });
            return { containers: [], bridges: [], clients: [], left: [], ...here };
          }
        },
      });
      return { data: recovered, text: recoveredText(recovered) };
    } finally {
      stop();
    }
  },
};
