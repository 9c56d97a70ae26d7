import { basename, dirname, resolve } from 'node:path';
import type { Command, CommandContext, CommandResult, Options } from '../command.ts';
import { BridgeError, exitCodes, isBridgeError } from '../errors.ts';
import type { RunRequest } from '../bridge/run-request.ts';
import type { TransportChoice } from '../link/transport.ts';
import type { RunSummary } from '../bridge/summary.ts';
import { builtTag, type AppBuild } from '../image/app-build.ts';
import type { ProjectService } from '../project/project.ts';
import { clusterChoice, flag, text, texts } from './choices.ts';
import { lifetimeOf, ttlOf } from './ttl.ts';

const pullPolicies = ['always', 'missing', 'never'] as const;

function buildOf(context: CommandContext, service: ProjectService | undefined): { build: AppBuild; tag: string } | undefined {
  const folder = text(context, 'build');
  const [dockerfile, target, args] = [text(context, 'dockerfile'), text(context, 'buildTarget'), texts(context, 'buildArg')];
  if (folder === undefined) {
    if (dockerfile === undefined && target === undefined && args.length === 0) return undefined;
    throw new BridgeError({ kind: 'usage', code: 'usage', what: '--dockerfile, --build-target and --build-arg say how an image is built, but none is', next: '--build DIR' });
  }
  const path = resolve(context.host.cwd, folder);
  return { build: { context: path, args, ...(dockerfile === undefined ? {} : { dockerfile }), ...(target === undefined ? {} : { target }) }, tag: builtTag(service === undefined ? (text(context, 'name') ?? basename(path)) : imageNameOf(service, context.project)) };
}

/** Several projects may have a service of one name. */
function imageNameOf({ name }: ProjectService, project: CommandContext['project']): string {
  return project === undefined ? name : `${basename(dirname(project.file))}-${name}`;
}

/** One for each service that is meant, or the one that flags describe. */
async function requestsOf(context: CommandContext): Promise<RunRequest[]> {
  const { args, given, rest, project } = context;
  if (args.length === 0 && (given.has('image') || given.has('build'))) return [await requestOf(context, undefined, [context.options])];
  const [{ chooseServices }, { serviceOptions }] = await Promise.all([import('../project/choose-services.ts'), import('../project/apply.ts')]);
  const services = chooseServices(project, args, { image: given.has('image') || given.has('build'), target: given.has('target') });
  const ofOne = ['image', 'build', 'name', 'interactive', 'tty', 'target'].find((option) => given.has(option));
  if (services.length > 1 && (ofOne !== undefined || rest.length > 0)) {
    throw new BridgeError({ kind: 'usage', code: 'usage', what: `${ofOne === undefined ? 'a command after --' : `--${ofOne}`} is for one service, and ${services.length} are named`, next: `bridge run ${services[0]!.name}` });
  }
  const absent = project?.absent(services.map(({ name }) => name));
  if (absent !== undefined) throw absent;
  const flags: Options = Object.fromEntries(Object.entries(context.options).filter(([name]) => given.has(name)));
  return Promise.all(services.map((service) => requestOf({ ...context, options: serviceOptions(service, command, context), rest: rest.length > 0 ? rest : service.command }, service, [service.options, flags])));
}

/** @param layers what the project file says, then what the command line does: later variables win, of files and of single ones alike */
export async function requestOf(context: CommandContext, service: ProjectService | undefined, layers: Options[]): Promise<RunRequest> {
  const [{ parseTarget }, { rulesFromOptions }, { envFromFile, envFromFlags }, { checkName }, { parseBind }, { parseDebug, parsePublish }, { parseVolumeModes }, { trafficFromFlags }, { checkEnvPattern }, { checks, checkWorkdir }] = await Promise.all([
    import('../target/parse-target.ts'), import('../bridge/rules.ts'), import('../bridge/merge-env.ts'), import('../bridge/owner-slug.ts'), import('../bridge/bind.ts'), import('../bridge/publish.ts'), import('../volumes/modes.ts'), import('../bridge/traffic.ts'), import('../bridge/env-filter.ts'), import('../project/checks.ts'),
  ]);
  const { host } = context;
  const build = buildOf(context, service);
  const image = text(context, 'image') ?? build?.tag;
  if (image === undefined || image.trim() === '') throw new BridgeError({ kind: 'usage', code: 'usage', what: 'no image was named', next: 'bridge run --image IMAGE --target deploy/NAME' });
  const target = text(context, 'target');
  const [container, ports] = [text(context, 'container'), texts(context, 'port')];
  for (const port of ports) checks.port?.(port);
  const given = rulesFromOptions(context.options);
  const rules = given.length > 0 ? given : (service?.rules ?? []);
  const traffic = trafficFromFlags({
    fallback: text(context, 'fallback'), check: text(context, 'check'), tlsCert: text(context, 'tlsCert'), tlsSecret: text(context, 'tlsSecret'),
    plaintext: flag(context, 'plaintext'), freeze: flag(context, 'freeze'), proxyProtocol: flag(context, 'proxyProtocol'),
    mode: text(context, 'mode'), diff: flag(context, 'diff'), delay: text(context, 'delay'), fault: text(context, 'fault'), ruled: rules.length > 0,
  });
  if (target === undefined && (container !== undefined || ports.length > 0 || rules.length > 0 || Object.keys(traffic).length > 0)) {
    throw new BridgeError({ kind: 'usage', code: 'usage', what: '--container, --port, rules and what happens to requests belong to a target, but no target is named', next: '--target deploy/NAME' });
  }
  if (flag(context, 'wait') && !flag(context, 'detach')) throw new BridgeError({ kind: 'usage', code: 'usage', what: '--wait says when a detached run returns, but this one stays', next: 'bridge run -d --wait' });
  if (flag(context, 'watch')) {
    const { checkSources, mountedFolders } = await import('../bridge/watch-run.ts');
    const binds = texts(context, 'volume').map((bind) => parseBind(bind, host.cwd, host.homeDir));
    await checkSources(binds);
    const mounted = await mountedFolders(binds);
    if (flag(context, 'detach')) throw new BridgeError({ kind: 'usage', code: 'usage', what: '--watch and --detach exclude each other', why: 'somebody has to watch', next: 'bridge run --watch' });
    if (build === undefined && mounted.length === 0) throw new BridgeError({ kind: 'usage', code: 'usage', what: '--watch has nothing to watch', why: 'no image is built and no folder of this machine is mounted', next: '--build DIR, or -v ./src:/app/src' });
  }
  const [asPod, limits] = [flag(context, 'asPod'), flag(context, 'limits')];
  if (target === undefined && (asPod || limits)) {
    throw new BridgeError({ kind: 'usage', code: 'usage', what: `${asPod ? '--as-pod' : '--limits'} takes over what a pod has, but no target is named`, next: '--target deploy/NAME' });
  }
  const egress = text(context, 'egress') as 'hub' | 'pod' | undefined;
  if (target === undefined && egress === 'pod') {
    throw new BridgeError({ kind: 'usage', code: 'usage', what: '--egress pod lets the container out through a pod of the target, but no target is named', next: '--target deploy/NAME' });
  }
  const envFilter = { only: texts(context, 'envOnly'), except: texts(context, 'envExcept') };
  for (const pattern of [...envFilter.only, ...envFilter.except]) checkEnvPattern(pattern);
  const name = text(context, 'name');
  if (name !== undefined) checkName(name);
  if (text(context, 'workdir') !== undefined) checkWorkdir(text(context, 'workdir')!);
  const env = await Promise.all(layers.map(async (options) => {
    const files = await Promise.all(texts({ options }, 'envFile').map((file) => readEnvFile(file, host.cwd)));
    return [...files.flatMap(({ name: file, content }) => envFromFile(content, host.env, file)), ...envFromFlags(texts({ options }, 'env'), host.env)];
  }));
  const [workdir, user, entrypoint, namespace, transport] = [text(context, 'workdir'), text(context, 'user'), text(context, 'entrypoint'), text(context, 'namespace'), text(context, 'transport')];
  return {
    flags: {
      image, env: env.flat(), ...(envFilter.only.length + envFilter.except.length === 0 ? {} : { envFilter }),
      binds: texts(context, 'volume').map((bind) => parseBind(bind, host.cwd, host.homeDir)), publish: [...texts(context, 'publish').flatMap(parsePublish), ...texts(context, 'debug').flatMap(parseDebug)], interactive: flag(context, 'interactive'), tty: flag(context, 'tty'), remove: flag(context, 'rm'),
      detach: flag(context, 'detach'), asPod, limits, retain: flag(context, 'retain'), command: context.rest,
      ...(workdir === undefined ? {} : { workdir }), ...(user === undefined ? {} : { user }), ...(entrypoint === undefined ? {} : { entrypoint }), ...(egress === undefined ? {} : { egress }),
    },
    ...(name === undefined ? {} : { name }), ...(service === undefined ? {} : { base: service.name }), ...(build === undefined ? {} : { build: { ...build.build, ours: text(context, 'image') === undefined } }), ...(namespace === undefined ? {} : { namespace }), ...(container === undefined ? {} : { container }),
    ...(target === undefined ? {} : { target: parseTarget(target) }), ...(transport === undefined ? {} : { transport: transport as TransportChoice }), ...ttlOf(context), ...lifetimeOf(context),
    ...(flag(context, 'watch') ? { watch: true } : {}), ...(flag(context, 'wait') ? { serving: 'wait' as const } : {}), pull: text(context, 'pull') as 'always' | 'missing' | 'never', ports, rules, hideServedBy: flag(context, 'hideServedBy'), takeOver: flag(context, 'takeOver'), traffic,
    volumes: { none: flag(context, 'noVolumes'), modes: parseVolumeModes(texts(context, 'volumeMode')) },
  };
}

async function readEnvFile(file: string, cwd: string): Promise<{ name: string; content: string }> {
  const [{ readFile }, path] = await Promise.all([import('node:fs/promises'), import('node:path')]);
  try {
    return { name: file, content: await readFile(path.resolve(cwd, file), 'utf8') };
  } catch (error) {
    throw new BridgeError({ kind: 'usage', code: 'env-file-unreadable', what: `--env-file ${file} cannot be read`, why: error instanceof Error ? error.message : String(error), next: 'give --env-file the path of a readable file' });
  }
}

/** In the foreground every other code is the container's (but that of a bridge which somebody else has ended), so what fails before it ran is 125 (and 127, as in docker, when it has no such program). */
function beforeContainer(error: unknown): unknown {
  if (!isBridgeError(error) || error.facts.exitCode !== undefined) return error;
  return new BridgeError({ ...error.facts, exitCode: error.facts.code === 'command-not-found' ? exitCodes.notFound : exitCodes.notRun });
}

export const command: Command = {
  name: 'run',
  takesProject: 'services',
  summary: 'Run a container as if it were a pod of the cluster',
  description: `The container gets the environment, files, DNS and network of the target's pods, and their traffic comes to it: all of it, or with
rules only the requests that match. Headers and methods must all hold; several marks or paths are alternatives. Traffic goes
to the container only while its port accepts connections, otherwise to the pods. Without --target it only stands in the
cluster's network, with the DNS of a namespace. Ctrl-C undoes everything that the run has made; the exit code is the container's, also when bridge stop
or bridge down ends it from another terminal, and 4 when somebody else has ended its bridge.
A link that was up already stays up then, as it does while other containers use it: bridge down ends it.`,
  examples: [
    { command: 'bridge run --image api:dev --target deploy/api', explains: 'all traffic of deployment api comes to a container of api:dev' },
    { command: 'bridge run --image api:dev --target deploy/api --mark ann', explains: 'only requests with the W3C header baggage: bridge=ann' },
    { command: 'bridge run --image node:24 --target sts/db -it -v .:/src -w /src -- bash', explains: 'a shell in the place of a pod' },
    { command: 'bridge run api', explains: 'service api of bridge.yaml, as it is described there' },
    { command: 'bridge run api web --mark ann', explains: 'two services, for requests with this mark' },
    { command: 'bridge run --build . --target deploy/api', explains: 'the image is built from this folder first' },
    { command: 'bridge run --watch --build . --target deploy/api', explains: 'built and started anew with every change; the pods answer meanwhile' },
    { command: 'bridge run --image curlimages/curl -n shop -- curl http://api', explains: 'just a container in the cluster\'s network' },
  ],
  arguments: [{ name: 'service', description: 'services of bridge.yaml (none: the only one, unless --image or --build is given)', variadic: true }],
  takesRest: true,
  options: [
    { name: 'image', description: 'image of the container', value: { placeholder: 'IMAGE' } },
    { name: 'build', description: 'build the image from this folder (with --image: under that name)', value: { placeholder: 'DIR' }, file: false },
    { name: 'watch', description: 'start again when files change: with --build the image is built anew from its folder, and folders that -v mounts are watched too', file: false },
    { name: 'dockerfile', description: 'with --build: path in the folder', value: { placeholder: 'PATH' }, file: false },
    { name: 'build-target', description: 'with --build: stage to build', value: { placeholder: 'STAGE' }, file: false },
    { name: 'build-arg', description: 'with --build: a build argument; the name alone: with the value it has here', value: { placeholder: 'NAME[=VALUE]' }, repeatable: true, file: false },
    { name: 'target', description: 'whose place it takes: deploy, sts, ds, rs, pod, job, svc, or a kind with a scale', value: { placeholder: 'KIND/NAME' } },
    { name: 'container', description: 'which container of the target', value: { placeholder: 'NAME' } },
    { name: 'port', description: 'port of the pod, by number or name, and where it is in the container; none: nothing is bridged', value: { placeholder: 'POD[:CONTAINER][/udp]' }, repeatable: true, file: { key: 'ports' } },
    { name: 'mark', description: 'only requests with the baggage member bridge=ID; or with a header of your own, NAME=VALUE', value: { placeholder: 'ID' }, repeatable: true, file: { of: 'rule' } },
    { name: 'header', description: 'only requests with this header: NAME=VALUE, NAME^=PREFIX or NAME~=REGEX', value: { placeholder: 'MATCH' }, repeatable: true, file: { key: 'headers', of: 'rule', form: 'map' } },
    { name: 'path', description: 'only requests for this path', value: { placeholder: 'PATH' }, repeatable: true, file: { of: 'rule' } },
    { name: 'path-prefix', description: 'only requests for paths that begin so', value: { placeholder: 'PREFIX' }, repeatable: true, file: { of: 'rule' } },
    { name: 'path-regex', description: 'only requests for paths that match', value: { placeholder: 'REGEX' }, repeatable: true, file: { of: 'rule' } },
    { name: 'method', description: 'only requests of this method', value: { placeholder: 'METHOD' }, repeatable: true, file: { of: 'rule' } },
    { name: 'take-over', description: 'take the requests from a bridge that claims the same ones, if its link is silent', file: false },
    { name: 'hide-served-by', description: 'no x-bridge-served-by header in responses' },
    { name: 'mode', description: 'steal: the container answers; mirror: the original answers, and the container gets a copy', value: { placeholder: 'MODE', choices: ['steal', 'mirror'] }, default: 'steal' },
    { name: 'diff', description: 'with --mode mirror: tell where the container\'s answers differ from the original\'s', file: false },
    { name: 'delay', description: 'requests that a rule chooses wait so long, in milliseconds or with a unit (1.5s)', value: { placeholder: 'TIME' } },
    { name: 'fault', description: 'so many of 100 requests that a rule chooses are answered with this status (503) instead', value: { placeholder: 'PERCENT[:STATUS]' } },
    { name: 'fallback', description: 'who answers while the container does not: the original, or nobody (fail), once it has been up', value: { placeholder: 'WHO', choices: ['original', 'fail'] }, default: 'original' },
    { name: 'check', description: 'when the container counts as up: tcp (its port accepts connections), http:PATH, http:PORT/PATH or https:... (GET is answered with 200 to 399)', value: { placeholder: 'HOW' }, default: 'tcp' },
    { name: 'freeze', description: 'the original\'s processes stand still while the container serves, and probes are answered for them' },
    { name: 'tls-cert', description: 'open TLS, so that rules apply, with these PEM files of the target\'s container', value: { placeholder: 'CERT[,KEY]' } },
    { name: 'tls-secret', description: 'the same with the Secret of this name, which the target\'s container has mounted', value: { placeholder: 'NAME' } },
    { name: 'plaintext', description: 'what came by TLS goes to the container without' },
    { name: 'proxy-protocol', description: 'tell the container the client\'s address by the PROXY protocol, version 2' },
    { name: 'env', short: 'e', description: 'variable of the container; the name alone: with the value it has here', value: { placeholder: 'NAME[=VALUE]' }, repeatable: true, file: { form: 'env', adds: true } },
    { name: 'env-file', description: 'variables from a file', value: { placeholder: 'FILE' }, repeatable: true, file: { key: 'envFiles', form: 'paths', adds: true } },
    { name: 'env-only', description: 'of the pod\'s variables only those of these names; * stands for anything', value: { placeholder: 'NAME' }, repeatable: true },
    { name: 'env-except', description: 'of the pod\'s variables not those of these names', value: { placeholder: 'NAME' }, repeatable: true },
    { name: 'volume', short: 'v', description: 'volume or directory in the container', value: { placeholder: 'SOURCE:PATH[:ro]' }, repeatable: true, file: { key: 'mounts', form: 'mounts', adds: true } },
    { name: 'volume-mode', description: 'how a volume of the pod comes: sync (copy), live (mounted), ro (read-only), local (empty, here) or ignore', value: { placeholder: 'NAME=MODE' }, repeatable: true, file: { key: 'volumes', adds: true } },
    { name: 'no-volumes', description: 'no files of the pod, nor its token' },
    { name: 'publish', short: 'p', description: 'port of the container on this machine', value: { placeholder: '[HOST:]PORT' }, repeatable: true, file: { adds: true } },
    { name: 'debug', description: 'port of a debugger in the container: published on this machine under the same number, or HOST, and on 127.0.0.1 only', value: { placeholder: '[HOST:]PORT' }, repeatable: true },
    { name: 'as-pod', description: 'also user, groups, working directory, command, hostname, limits, capabilities and read-only root of the pod\'s container' },
    { name: 'limits', description: 'only the CPU and memory limits of the pod\'s container' },
    { name: 'egress', description: 'where the container\'s own connections come from: the hub (default), or a pod of the target, which counts for NetworkPolicies and has sidecars on its 127.0.0.1', value: { placeholder: 'WHERE', choices: ['hub', 'pod'] } },
    { name: 'workdir', short: 'w', description: 'working directory in the container', value: { placeholder: 'PATH' } },
    { name: 'user', short: 'u', description: 'user in the container', value: { placeholder: 'USER[:GROUP]' } },
    { name: 'entrypoint', description: 'entrypoint instead of the image\'s', value: { placeholder: 'PROGRAM' } },
    { name: 'name', description: 'name of bridge and container (default: service or target, and user)', value: { placeholder: 'NAME' }, file: false },
    { name: 'rm', description: 'with -d: remove the container when it ends (in the foreground it always is)', file: false },
    { name: 'interactive', short: 'i', description: 'pass stdin to the container', file: false },
    { name: 'tty', short: 't', description: 'give the container a terminal', file: false },
    { name: 'detach', short: 'd', description: 'return when everything is ready', file: false },
    { name: 'wait', description: 'with -d: return when the container\'s ports accept connections, and fail when they do not within a minute', file: false },
    { name: 'pull', description: 'when to pull the image', value: { placeholder: 'POLICY', choices: pullPolicies }, default: 'missing' },
    { name: 'retain', description: 'undo nothing at the end, nor after a failure', file: false },
    { name: 'transport', description: 'way to the cluster', value: { placeholder: 'WAY', choices: ['auto', 'docker', 'udp', 'api'] }, default: 'auto', env: 'PODBRIDGE_TRANSPORT', file: { of: 'project' } },
    { name: 'lifetime', description: 'the bridge ends so long after it was made, whatever happens', value: { placeholder: 'DURATION' } },
    { name: 'ttl', description: 'how long the link may be silent before the cluster removes its bridges (12h if never given)', value: { placeholder: 'DURATION' }, env: 'PODBRIDGE_TTL', file: { of: 'project' } },
  ],
  async run(context) {
    const { project, given, args } = context;
    try {
      return await runThem(context);
    } catch (error) {
      if (project === undefined || (args.length === 0 && (given.has('image') || given.has('build')))) throw error;
      const { inFileWords } = await import('../project/file-words.ts');
      const services = [...project.services.values()].filter(({ name }) => args.length === 0 || args.includes(name));
      throw inFileWords(error, { said: services.map((service) => service.options), given, options: command.options ?? [], file: project.file });
    }
  },
};

async function runThem(context: CommandContext): Promise<CommandResult> {
  const { host, reporter, output } = context;
  const requests = await requestsOf(context);
  const [first] = requests;
  if (first === undefined) throw new BridgeError({ kind: 'usage', code: 'usage', what: 'no service was named', next: 'bridge run --help' });
  const { detach, tty } = first.flags;
  if (tty && !detach && output === 'json') throw new BridgeError({ kind: 'usage', code: 'usage', what: '-t and -o json exclude each other', next: 'leave one of them out' });
  if (detach && requests.some(({ traffic }) => traffic?.diff === true)) throw new BridgeError({ kind: 'usage', code: 'usage', what: '--diff and -d exclude each other: nobody would see the differences', next: 'leave one of them out' });
  const [{ connectCluster }, { connectDocker }, { openLink }, { runAll }, { sweep }, { bridgedText }, { differenceText }] = await Promise.all([
    import('../adapters/cluster/index.ts'), import('../adapters/docker/index.ts'), import('../link/open-link.ts'), import('../bridge/run-all.ts'), import('../bridge/sweep.ts'), import('../bridge/summary.ts'), import('../bridge/difference-text.ts'),
  ]);
  // In the foreground the answer is a stream: JSON lines.
  const line = (event: object) => host.stdout.write(`${JSON.stringify(event)}\n`);
  const streams = !detach && output === 'json';
  const alone = requests.length === 1;
  const summaries: RunSummary[] = [];
  const clustered = connectCluster(host, clusterChoice(context));
  try {
    const exitCode = await runAll(requests, {
      host, reporter, docker: () => connectDocker(host), cluster: () => clustered, sweep,
      openLink: (docker, cluster, steps) => openLink({ docker, cluster, steps, host, reporter, yes: flag(context, 'yes'), transport: first.transport, ...(first.ttl === undefined ? {} : { ttl: first.ttl }) }),
      onReady(ready) {
        summaries.push(ready);
        if (streams) line({ type: 'ready', ...ready });
        else if (!detach) reporter.emit({ type: 'note', text: bridgedText(ready, false), at: host.now() });
      },
      onDifference(event) {
        if (streams) line({ type: 'compared', ...event });
        else if (event.difference !== undefined) reporter.emit({ type: 'note', text: differenceText(event), at: host.now() });
      },
      ...(streams ? { onLine: (stream: 'stdout' | 'stderr', content: string, service?: string) => line({ type: 'log', stream, ...(alone ? {} : { service }), line: content }) } : {}),
    });
    if (streams) line({ type: 'exit', exitCode });
    if (!detach || summaries.length === 0) return { exitCode };
    for (const summary of summaries) reporter.emit({ type: 'note', text: bridgedText(summary, true), at: host.now() });
    return { exitCode, data: alone ? summaries[0] : { runs: summaries }, text: summaries.map(({ bridge, container }) => bridge?.name ?? container.name).join('\n') };
  } catch (error) {
    throw detach ? error : beforeContainer(error);
  } finally {
    await clustered.then((cluster) => cluster.close(), () => undefined);
  }
}
