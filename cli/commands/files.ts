import type { Command } from '../command.ts';
import { clusterChoice, flag, text } from './choices.ts';

export const command: Command = {
  name: 'files',
  summary: 'Copy the files of a pod\'s volumes to this machine',
  description: 'Once, each volume under its path in the pod: with modes and links, owned by you. bridge run needs no such copy.',
  arguments: [
    { name: 'target', description: 'deploy, sts, ds, rs, pod, job, svc, or a kind with a scale, as KIND/NAME', required: true },
    { name: 'directory', description: 'where to, empty or not there yet (default: NAME-files)' },
  ],
  options: [{ name: 'container', description: 'which container of the target', value: { placeholder: 'NAME' } }],
  examples: [{ command: 'bridge files deploy/api -n shop ./api-files', explains: 'for a process that runs without bridge' }],
  async run(context) {
    const { host, reporter } = context;
    const [{ connectCluster }, { connectDocker }, { openLink }, { copyOut }, { Steps }, { parseTarget }, path] = await Promise.all([
      import('../adapters/cluster/index.ts'), import('../adapters/docker/index.ts'), import('../link/open-link.ts'), import('../volumes/copy-out.ts'), import('../steps/steps.ts'), import('../target/parse-target.ts'), import('node:path'),
    ]);
    const ref = parseTarget(context.args[0] ?? '', (target) => `bridge files ${target}`);
    const folder = path.resolve(host.cwd, context.args[1] ?? `${ref.name}-files`);
    const [docker, cluster] = await Promise.all([connectDocker(host), connectCluster(host, clusterChoice(context))]);
    const container = text(context, 'container');
    const namespace = text(context, 'namespace') ?? cluster.context.namespace;
    const steps = new Steps(reporter, () => host.now());
    try {
      const { offer, files, bytes } = await copyOut({
        host, docker, cluster, steps, ref, namespace, folder, ...(container === undefined ? {} : { container }),
        link: () => openLink({ docker, cluster, steps, host, reporter, yes: flag(context, 'yes') }),
      });
      const volumes = offer.volumes.map(({ name, kind, path, at, readOnly }) => ({ name, kind, path, directory: `${folder}${at}`, readOnly }));
      return { data: { pod: offer.pod, directory: folder, files, bytes, volumes }, text: volumes.length === 0 ? `pod ${offer.pod.name} has no volumes` : volumes.map(({ path, directory }) => `${path}  ${directory}`).join('\n') };
    } finally {
      cluster.close();
    }
  },
};
