/** Entry of the Compose provider: docker compose calls `podbridge compose --project-name=NAME up --target=... SERVICE`, likewise down, and `podbridge compose metadata`. */
import { labels } from '../protocol/names.ts';
import { typedFacts, typedReporter } from './advice.ts';
import type { Command, CommandContext, OptionSpec } from './command.ts';
import { BridgeError } from './errors.ts';
import type { Host } from './host.ts';

/** Options of `bridge run` that make sense for a container without a program of its own. */
const offered = [
  'target', 'container', 'port', 'mark', 'header', 'path', 'path-prefix', 'path-regex', 'method', 'take-over', 'hide-served-by', 'mode', 'delay', 'fault', 'fallback', 'check', 'tls-cert', 'tls-secret', 'plaintext', 'proxy-protocol',
  'env-only', 'env-except', 'publish', 'transport', 'ttl', 'context', 'kubeconfig', 'namespace',
];

/** Compose's way to call; `podbridge compose up` of a person is another thing. */
export function isProviderCall([word, first = '']: readonly string[]): boolean {
  return word === 'compose' && (first === 'metadata' || first.startsWith('--project-name='));
}

async function providerOptions(): Promise<OptionSpec[]> {
  const [{ command }, { allOptions }] = await Promise.all([import('./commands/run.ts'), import('./parse/global-options.ts')]);
  return allOptions(command.options).filter(({ name }) => offered.includes(name));
}

/** @returns the exit code */
export async function asComposeProvider(host: Host): Promise<number> {
  const { providerLine, providerMetadata, providerReporter } = await import('./compose/provider.ts');
  const options = await providerOptions();
  if (host.argv[1] === 'metadata') {
    host.stdout.write(`${JSON.stringify(providerMetadata(options))}\n`);
    return 0;
  }
  try {
    await act(host, typedReporter(host.program, providerReporter(host)), options);
    return 0;
  } catch (error) {
    const { factsOf } = await import('./ui/error-text.ts');
    const { what, why, next } = typedFacts(host.program, factsOf(error));
    host.stdout.write(providerLine({ type: 'error', message: [what, ...(why === undefined ? [] : [why]), ...(next === undefined ? [] : [`next: ${next}`])].join(': ') }));
    return 1;
  }
}

async function act(host: Host, reporter: CommandContext['reporter'], offeredOptions: OptionSpec[]): Promise<void> {
  const [{ parse }, { command: runCommand, requestOf }, { connectCluster }, { connectDocker }, { clusterChoice, text }, provider, { Steps }, { findLinkName }] = await Promise.all([
    import('./parse/parse.ts'), import('./commands/run.ts'), import('./adapters/cluster/index.ts'), import('./adapters/docker/index.ts'), import('./commands/choices.ts'), import('./compose/provider.ts'), import('./steps/steps.ts'), import('./link/connect-link.ts'),
  ]);
  const words: Command = {
    name: 'compose', summary: '', arguments: [{ name: 'event', description: '', required: true }, { name: 'service', description: '', required: true }], run: () => Promise.resolve({}),
    options: [{ name: 'project-name', description: '', value: { placeholder: 'NAME' } }, ...offeredOptions],
  };
  const { options, given, args: [event, service = ''] } = parse(words, provider.providerWords(host.argv.slice(1), offeredOptions), host.env);
  const { baseName } = await import('./compose/containers.ts');
  const name = baseName(text({ options }, 'projectName') ?? '', service);
  const steps = new Steps(reporter, () => host.now());
  const stop = host.onSignal(() => steps.abort(new Error('interrupted')));
  const [docker, cluster] = await Promise.all([connectDocker(host), connectCluster(host, clusterChoice({ options }))]);
  try {
    const { name: link } = await findLinkName(docker, cluster);
    if (event === 'down') return await provider.providerDown({ docker, cluster, steps, link }, name);
    if (event !== 'up') throw new BridgeError({ kind: 'usage', code: 'usage', what: `podbridge has no action '${event}' as a provider of Compose`, why: 'there are: up, down, metadata', next: 'bridge compose --help' });

    const [{ openLink }, { run }, { sweep }, { ensureImage }, { ttlOf }, { targetOf }] = await Promise.all([import('./link/open-link.ts'), import('./bridge/run.ts'), import('./bridge/sweep.ts'), import('./image/build.ts'), import('./commands/ttl.ts'), import('./bridge/take-place.ts')]);
    const open = (itsSteps: typeof steps) => openLink({ docker, cluster, steps: itsSteps, host, reporter, yes: false, transport: text({ options }, 'transport') as 'auto', ...ttlOf({ options }) });
    const filter = { only: [options.envOnly ?? []].flat() as string[], except: [options.envExcept ?? []].flat() as string[] };
    const { options: defaults } = parse(runCommand, [], {});
    const requestFor = (image: string) => requestOf({ host, reporter, output: 'text', args: [], given, rest: ['--', 'sleep', 'infinity'], options: { ...defaults, ...options, image, entrypoint: 'tini', detach: true, noVolumes: true } }, undefined, []);
    const asked = await requestFor('none');
    const namespace = asked.namespace ?? cluster.context.namespace;
    const hash = provider.optionsHash(options, offeredOptions, namespace);
    const check = async (): Promise<unknown> => asked.target === undefined ? undefined : targetOf(asked, asked.target, namespace, cluster);
    const standing = () => provider.standing({ docker, cluster, steps, link }, name, hash, check);
    let place = await standing();
    if (place === undefined) {
      const { reference } = await ensureImage('cargo', { docker, host, waiting: () => undefined, signal: steps.signal });
      let made = false;
      // Compose files say `network_mode: container:PROJECT-SERVICE`; the bridge is one of many users'.
      await run({ ...await requestFor(reference), base: name, containerName: name, serving: 'later' }, {
        host, reporter, docker: () => Promise.resolve(docker), cluster: () => Promise.resolve(cluster), sweep, onReady: () => undefined,
        openLink: async (_docker, _cluster, itsSteps) => {
          const opened = await open(itsSteps);
          made = opened.created;
          return opened;
        },
        // Services of the project live in its network: only Compose removes it.
        labels: () => ({ [labels.retain]: 'true', [labels.options]: hash, ...(made ? { [labels.madeLink]: 'true' } : {}) }),
      });
      place = await standing();
    }
    if (place === undefined) return;
    const opened = await open(steps);
    try {
      const identity = await provider.identityOf({ cluster, steps, link: opened }, place.container);
      for (const line of provider.providerVariables(identity, filter)) host.stdout.write(provider.providerLine({ type: 'setenv', message: line }));
      if (place.bridge !== undefined) host.stdout.write(provider.providerLine({ type: 'info', message: provider.takesWords(place.bridge) }));
    } finally {
      opened.control.close();
    }
  } finally {
    stop();
    cluster.close();
  }
}
