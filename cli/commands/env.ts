import type { Command } from '../command.ts';
import { BridgeError } from '../errors.ts';
import { clusterChoice, flag, text } from './choices.ts';

export const command: Command = {
  name: 'env',
  summary: 'Show the environment that a pod\'s process has',
  description: `As the process in the pod got it: with values from ConfigMaps, Secrets and fields. The forms env and sh can be read back by a
shell (sh exports), dotenv by Compose and dotenv libraries. A command after -- runs here, on this machine, with the environment
of this shell and over it the pod's, less what belongs to the pod's image or place (PATH, HOME, ...); its exit code is the answer.`,
  takesRest: true,
  arguments: [{ name: 'target', description: 'deploy, sts, ds, rs, pod, job, svc, or a kind with a scale, as KIND/NAME', required: true }],
  options: [
    { name: 'container', description: 'which container of the target', value: { placeholder: 'NAME' } },
    { name: 'output', short: 'o', description: 'form of the answer', value: { placeholder: 'FORMAT', choices: ['env', 'json', 'yaml', 'dotenv', 'sh'] }, env: 'PODBRIDGE_OUTPUT' },
  ],
  examples: [
    { command: 'bridge env deploy/api -n shop -o dotenv > .env', explains: 'into a file' },
    { command: 'eval "$(bridge env deploy/api -o sh)"', explains: 'and into a shell' },
    { command: 'bridge env deploy/api -- node server.js', explains: 'a program of this machine with the pod\'s environment' },
  ],
  async run(context) {
    const { host, reporter } = context;
    const [{ connectCluster }, { connectDocker }, { openLink }, { podEnv }, { Steps }, { parseTarget }] = await Promise.all([
      import('../adapters/cluster/index.ts'), import('../adapters/docker/index.ts'), import('../link/open-link.ts'), import('../bridge/pod-env.ts'), import('../steps/steps.ts'), import('../target/parse-target.ts'),
    ]);
    const ref = parseTarget(context.args[0] ?? '', (target) => `bridge env ${target}`);
    const [docker, cluster] = await Promise.all([connectDocker(host), connectCluster(host, clusterChoice(context))]);
    const container = text(context, 'container');
    const namespace = text(context, 'namespace') ?? cluster.context.namespace;
    const steps = new Steps(reporter, () => host.now());
    const { identity, container: declared } = await podEnv({
      host, cluster, steps, ref, namespace, ...(container === undefined ? {} : { container }),
      link: () => openLink({ docker, cluster, steps, host, reporter, yes: flag(context, 'yes') }),
    }).finally(() => cluster.close());
    if (identity.env.length === 0) throw new BridgeError({ kind: 'environment', code: 'env-empty', what: 'the process has no environment', next: `kubectl exec -n ${namespace} ${identity.pod.name} -- env` });
    const [program, ...words] = context.rest;
    if (program !== undefined) {
      await reporter.release?.();
      const [{ runInForeground }, { overHostEnv }] = await Promise.all([import('../adapters/process/index.ts'), import('../bridge/merge-env.ts')]);
      return { exitCode: await runInForeground([program, ...words], { cwd: host.cwd, env: overHostEnv(host.env, identity.env, declared), onSignal: (handler) => host.onSignal(handler) }) };
    }
    const { dotenvText, envText, shText } = await import('../bridge/env-forms.ts');
    const form = text(context, 'output');
    const write = form === 'sh' ? shText : form === 'dotenv' ? dotenvText : envText;
    return { data: { pod: identity.pod, container: identity.container, env: Object.fromEntries(identity.env) }, text: write(identity.env) };
  },
};
