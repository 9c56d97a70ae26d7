import type { Command } from '../command.ts';
import { BridgeError } from '../errors.ts';
import { clusterChoice, flag, text } from './choices.ts';

export const command: Command = {
  name: 'env',
  summary: 'Show the environment that a pod\'s process has',
  description: 'As the process in the pod got it: with values from ConfigMaps, Secrets and fields. Lines can be read back by a shell.',
  arguments: [{ name: 'target', description: 'deploy, sts, ds, rs, pod, job or svc, as KIND/NAME', required: true }],
  options: [
    { name: 'container', description: 'which container of the target', value: { placeholder: 'NAME' } },
    { name: 'output', short: 'o', description: 'form of the answer', value: { placeholder: 'FORMAT', choices: ['env', 'json', 'yaml'] }, env: 'PODBRIDGE_OUTPUT' },
  ],
  examples: [{ command: 'bridge env deploy/api -n shop > api.env', explains: 'into a file' }, { command: 'set -a; . ./api.env', explains: 'and into a shell' }],
  async run(context) {
    const { host, reporter } = context;
    const [{ connectCluster }, { connectDocker }, { openLink }, { envText, podIdentity }, { Steps }, { parseTarget }] = await Promise.all([
      import('../adapters/cluster/index.ts'), import('../adapters/docker/index.ts'), import('../link/open-link.ts'), import('../bridge/pod-env.ts'), import('../steps/steps.ts'), import('../target/parse-target.ts'),
    ]);
    const ref = parseTarget(context.args[0] ?? '');
    const [docker, cluster] = await Promise.all([connectDocker(host), connectCluster(host, clusterChoice(context))]);
    const container = text(context, 'container');
    const namespace = text(context, 'namespace') ?? cluster.context.namespace;
    const steps = new Steps(reporter, () => host.now());
    try {
      const identity = await podIdentity({
        host, cluster, steps, ref, namespace, ...(container === undefined ? {} : { container }),
        link: () => openLink({ docker, cluster, steps, host, reporter, yes: flag(context, 'yes') }),
      });
      if (identity.env.length === 0) throw new BridgeError({ kind: 'environment', code: 'env-empty', what: 'the process has no environment', next: `kubectl exec -n ${namespace} ${identity.pod.name} -- env` });
      return { data: { pod: identity.pod, container: identity.container, env: Object.fromEntries(identity.env) }, text: envText(identity.env) };
    } finally {
      cluster.close();
    }
  },
};
