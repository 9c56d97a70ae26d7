/** Entry of the package as a library: `import { createBridge } from 'podbridge'`; types and words about them are in library/index.d.ts. */
import type { BridgeOptions, createBridge as Declared, BridgeFailure } from '../library/index.d.ts';
import type { CommandContext } from './command.ts';
import { BridgeError } from './errors.ts';
import { processHost } from './process-host.ts';
import type { Host } from './host.ts';

/** Keys that are not those of a service in bridge.yaml. */
export const aroundKeys = ['name', 'context', 'kubeconfig', 'transport', 'wait', 'signal', 'onEvent', 'onOutput'] as const;
type Around = Pick<BridgeOptions, (typeof aroundKeys)[number]>;

function invalid(problems: { path: string; message: string }[]): BridgeError {
  return new BridgeError({ kind: 'usage', code: 'options-invalid', what: `the options of createBridge have ${problems.length === 1 ? 'a mistake' : `${problems.length} mistakes`}`, why: problems.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('\n'), next: 'see BridgeOptions: its keys are those of a service in bridge.yaml' });
}

/** Of the outermost keys there are more here than in a file. */
function unknownKeys(problems: { path: string; message: string }[], known: readonly string[], suggest: (word: string, known: readonly string[]) => string | undefined): { path: string; message: string }[] {
  return problems.map(({ path, message }) => {
    if (path.includes('.') || !message.startsWith('there is no such key')) return { path, message };
    const meant = suggest(path, known);
    return { path, message: `there is no such key${meant === undefined ? `; there are ${known.join(', ')}` : `; did you mean ${meant}?`}` };
  });
}

/** In the words of keys: a program has no flags. */
async function failure(error: unknown): Promise<BridgeFailure> {
  const [{ factsOf }, { inFileWords }, { command }] = await Promise.all([import('./ui/error-text.ts'), import('./project/file-words.ts'), import('./commands/run.ts')]);
  const { code, kind, what, why, next } = factsOf(inFileWords(error, { given: new Set(), options: command.options ?? [] }));
  return Object.assign(new Error(why === undefined ? what : `${what}: ${why}`, { cause: error }), { code, kind, ...(why === undefined ? {} : { why }), ...(next === undefined ? {} : { next }) });
}

async function requestFor(host: Host, service: object, { name, context, kubeconfig, transport, wait = true }: Around) {
  const [{ command, requestOf }, { parse }, { serviceOptions }, { allOptions }, { readValues }, { projectSchema }, { suggest }] = await Promise.all([
    import('./commands/run.ts'), import('./parse/parse.ts'), import('./project/apply.ts'), import('./parse/global-options.ts'), import('./project/read-values.ts'), import('./project/schema.ts'), import('./parse/suggest.ts'),
  ]);
  const specs = allOptions(command.options);
  const known = () => [...projectSchema(specs).knownKeys(['services', 'bridge']), ...aroundKeys];
  const read = readValues({ services: { bridge: service }, host, options: specs, invalid: (problems) => invalid(unknownKeys(problems, known(), suggest)) }).get('bridge')!;
  const { options: defaults, given } = parse(command, [], host.env);
  const options = serviceOptions(read, command, { options: { ...defaults, ...(name === undefined ? {} : { name }), ...(context === undefined ? {} : { context }), ...(kubeconfig === undefined ? {} : { kubeconfig }), ...(transport === undefined ? {} : { transport }) }, given });
  const calling: CommandContext = { host, reporter: { emit: () => undefined }, output: 'text', options, given, args: [], rest: read.command };
  const request = await requestOf(calling, read, [read.options]);
  return { options, request: { ...request, ...(name === undefined ? {} : { name }), base: undefined, ...(wait ? { serving: 'wait' as const } : {}) } };
}

export const createBridge: typeof Declared = async ({ name, context, kubeconfig, transport, wait, signal, onEvent, onOutput, ...service }) => {
  // Signals and streams belong to the program that called.
  const host: Host = { ...processHost(), onSignal: () => () => undefined };
  try {
    const [{ connectCluster }, { connectDocker }, { openLink }, { sweep }, { beginRun }, { clusterChoice }] = await Promise.all([
      import('./adapters/cluster/index.ts'), import('./adapters/docker/index.ts'), import('./link/open-link.ts'), import('./bridge/sweep.ts'), import('./bridge/begin-run.ts'), import('./commands/choices.ts'),
    ]);
    const { request, options } = await requestFor(host, service, { name, context, kubeconfig, transport, wait });
    const cluster = await connectCluster(host, clusterChoice({ options }));
    const reporter = { emit: (event: Parameters<NonNullable<typeof onEvent>>[0]) => onEvent?.(event) };
    const run = beginRun(request, {
      host, reporter, sweep, docker: () => connectDocker(host), cluster: () => Promise.resolve(cluster),
      openLink: (docker, itsCluster, steps) => openLink({ docker, cluster: itsCluster, steps, host, reporter, yes: false, ...(request.transport === undefined ? {} : { transport: request.transport }) }),
      onReady: () => undefined, onLine: (stream, line) => onOutput?.(stream, line),
    });
    const giveUp = (): void => run.abort(new Error('given up'));
    if (signal?.aborted === true) giveUp();
    signal?.addEventListener('abort', giveUp, { once: true });
    let ending: Promise<void> | undefined;
    const stop = (): Promise<void> => (ending ??= run.end().finally(() => {
      signal?.removeEventListener('abort', giveUp);
      cluster.close();
    }));
    try {
      const { docker, exited, containerId, summary } = await run.standing;
      return {
        ...summary, exited, stop, [Symbol.asyncDispose]: stop,
        exec: (command, { env = {}, user, workdir, input } = {}) => docker.containers.exec(containerId(), command, {
          env: Object.entries(env).map(([variable, value]) => `${variable}=${value}`), ...(user === undefined ? {} : { user }), ...(workdir === undefined ? {} : { workingDir: workdir }), ...(input === undefined ? {} : { stdin: input }),
        }),
      };
    } catch (error) {
      await stop();
      throw error;
    }
  } catch (error) {
    throw await failure(error);
  }
};
