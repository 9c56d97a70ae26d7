import type { Command, CommandContext } from '../command.ts';
import { BridgeError, exitCodes, isBridgeError } from '../errors.ts';
import type { RunRequest } from '../bridge/run-request.ts';
import type { RunSummary } from '../bridge/summary.ts';
import { clusterChoice, flag, text, texts } from './choices.ts';

const pullPolicies = ['always', 'missing', 'never'] as const;

async function requestOf(context: CommandContext): Promise<RunRequest> {
  const [{ parseTarget }, { rulesFromFlags }, { envFromFile, envFromFlags }, { checkName }, { parseBind }, { parsePublish }] = await Promise.all([
    import('../target/parse-target.ts'), import('../bridge/rules.ts'), import('../bridge/merge-env.ts'), import('../bridge/owner-slug.ts'), import('../bridge/bind.ts'), import('../bridge/publish.ts'),
  ]);
  const { host } = context;
  const image = text(context, 'image');
  if (image === undefined) throw new BridgeError({ kind: 'usage', code: 'usage', what: 'no image was named', next: 'bridge run --image IMAGE --target deploy/NAME' });
  const target = text(context, 'target');
  const [container, ports] = [text(context, 'container'), texts(context, 'port')];
  const rules = rulesFromFlags({
    header: texts(context, 'header'), mark: texts(context, 'mark'), path: texts(context, 'path'), pathPrefix: texts(context, 'pathPrefix'), pathRegex: texts(context, 'pathRegex'), method: texts(context, 'method'),
  });
  if (target === undefined && (container !== undefined || ports.length > 0 || rules.length > 0)) {
    throw new BridgeError({ kind: 'usage', code: 'usage', what: '--container, --port and rules say what of a target is bridged, but no target is named', next: '--target deploy/NAME' });
  }
  const name = text(context, 'name');
  if (name !== undefined) checkName(name);
  const files = await Promise.all(texts(context, 'envFile').map((file) => readEnvFile(file, host.cwd)));
  const [workdir, user, entrypoint, namespace, transport] = [text(context, 'workdir'), text(context, 'user'), text(context, 'entrypoint'), text(context, 'namespace'), text(context, 'transport')];
  return {
    flags: {
      image, env: [...files.flatMap(({ name: file, content }) => envFromFile(content, host.env, file)), ...envFromFlags(texts(context, 'env'), host.env)],
      binds: texts(context, 'volume').map((bind) => parseBind(bind, host.cwd, host.homeDir)), publish: texts(context, 'publish').flatMap(parsePublish), interactive: flag(context, 'interactive'), tty: flag(context, 'tty'), remove: flag(context, 'rm'),
      detach: flag(context, 'detach'), retain: flag(context, 'retain'), command: context.rest,
      ...(workdir === undefined ? {} : { workdir }), ...(user === undefined ? {} : { user }), ...(entrypoint === undefined ? {} : { entrypoint }),
    },
    ...(name === undefined ? {} : { name }), ...(namespace === undefined ? {} : { namespace }), ...(container === undefined ? {} : { container }),
    ...(target === undefined ? {} : { target: parseTarget(target) }), ...(transport === undefined ? {} : { transport: transport as 'auto' | 'docker' | 'udp' }),
    pull: text(context, 'pull') as 'always' | 'missing' | 'never', ports, rules, hideServedBy: flag(context, 'hideServedBy'), takeOver: flag(context, 'takeOver'),
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

/** In the foreground every other code is the container's, so what fails before it ran is 125 (and 127, as in docker, when it has no such program). */
function beforeContainer(error: unknown): unknown {
  if (!isBridgeError(error)) return error;
  return new BridgeError({ ...error.facts, exitCode: error.facts.code === 'command-not-found' ? exitCodes.notFound : exitCodes.notRun });
}

export const command: Command = {
  name: 'run',
  summary: 'Run a container as if it were a pod of the cluster',
  description: `The container gets the environment, DNS and network of the target's pods, and their traffic comes to it: all of it, or with
rules only the requests that match. Headers and methods must all hold; several marks or paths are alternatives. Traffic goes
to the container only while its port accepts connections, otherwise to the pods. Without --target it only stands in the
cluster's network, with the DNS of a namespace. Ctrl-C undoes everything; the exit code is the container's.`,
  examples: [
    { command: 'bridge run --image api:dev --target deploy/api', explains: 'all traffic of deployment api comes to a container of api:dev' },
    { command: 'bridge run --image api:dev --target deploy/api --mark ann', explains: 'only requests with the W3C header baggage: bridge=ann' },
    { command: 'bridge run --image node:24 --target sts/db -it -v .:/src -w /src -- bash', explains: 'a shell in the place of a pod' },
    { command: 'bridge run --image curlimages/curl -n shop -- curl http://api', explains: 'just a container in the cluster\'s network' },
  ],
  takesRest: true,
  options: [
    { name: 'image', description: 'image of the container', value: { placeholder: 'IMAGE' } },
    { name: 'target', description: 'whose place it takes: deploy, sts, ds, rs, pod, job or svc', value: { placeholder: 'KIND/NAME' } },
    { name: 'container', description: 'which container of the target', value: { placeholder: 'NAME' } },
    { name: 'port', description: 'port of the pod, by number or name, and where it is in the container; none: nothing is bridged', value: { placeholder: 'POD[:CONTAINER][/udp]' }, repeatable: true },
    { name: 'mark', description: 'only requests with the baggage member bridge=ID', value: { placeholder: 'ID' }, repeatable: true },
    { name: 'header', description: 'only requests with this header: NAME=VALUE, NAME^=PREFIX or NAME~=REGEX', value: { placeholder: 'MATCH' }, repeatable: true },
    { name: 'path', description: 'only requests for this path', value: { placeholder: 'PATH' }, repeatable: true },
    { name: 'path-prefix', description: 'only requests for paths that begin so', value: { placeholder: 'PREFIX' }, repeatable: true },
    { name: 'path-regex', description: 'only requests for paths that match', value: { placeholder: 'REGEX' }, repeatable: true },
    { name: 'method', description: 'only requests of this method', value: { placeholder: 'METHOD' }, repeatable: true },
    { name: 'take-over', description: 'take the requests from a bridge that claims the same ones, if its link is silent' },
    { name: 'hide-served-by', description: 'no x-bridge-served-by header in responses' },
    { name: 'env', short: 'e', description: 'variable of the container; the name alone: with the value it has here', value: { placeholder: 'NAME[=VALUE]' }, repeatable: true },
    { name: 'env-file', description: 'variables from a file', value: { placeholder: 'FILE' }, repeatable: true },
    { name: 'volume', short: 'v', description: 'volume or directory in the container', value: { placeholder: 'SOURCE:PATH[:ro]' }, repeatable: true },
    { name: 'publish', short: 'p', description: 'port of the container on this machine', value: { placeholder: '[HOST:]PORT' }, repeatable: true },
    { name: 'workdir', short: 'w', description: 'working directory in the container', value: { placeholder: 'PATH' } },
    { name: 'user', short: 'u', description: 'user in the container', value: { placeholder: 'USER[:GROUP]' } },
    { name: 'entrypoint', description: 'entrypoint instead of the image\'s', value: { placeholder: 'PROGRAM' } },
    { name: 'name', description: 'name of bridge and container (default: target and user)', value: { placeholder: 'NAME' } },
    { name: 'rm', description: 'with -d: remove the container when it ends (in the foreground it always is)' },
    { name: 'interactive', short: 'i', description: 'pass stdin to the container' },
    { name: 'tty', short: 't', description: 'give the container a terminal' },
    { name: 'detach', short: 'd', description: 'return when everything is ready' },
    { name: 'pull', description: 'when to pull the image', value: { placeholder: 'POLICY', choices: pullPolicies }, default: 'missing' },
    { name: 'retain', description: 'undo nothing at the end, nor after a failure' },
    { name: 'transport', description: 'way to the cluster', value: { placeholder: 'WAY', choices: ['auto', 'docker', 'udp'] }, default: 'auto', env: 'PODBRIDGE_TRANSPORT' },
  ],
  async run(context) {
    const { host, reporter, output } = context;
    const request = await requestOf(context);
    const detach = request.flags.detach;
    if (request.flags.tty && !detach && output === 'json') throw new BridgeError({ kind: 'usage', code: 'usage', what: '-t and -o json exclude each other', next: 'leave one of them out' });
    const [{ connectCluster }, { connectDocker }, { openLink }, { run }, { sweep }, { bridgedText }] = await Promise.all([
      import('../adapters/cluster/index.ts'), import('../adapters/docker/index.ts'), import('../link/open-link.ts'), import('../bridge/run.ts'), import('../bridge/sweep.ts'), import('../bridge/summary.ts'),
    ]);
    // In the foreground the answer is a stream: JSON lines.
    const line = (event: object) => host.stdout.write(`${JSON.stringify(event)}\n`);
    const streams = !detach && output === 'json';
    let summary: RunSummary | undefined;
    const clustered = connectCluster(host, clusterChoice(context));
    try {
      const exitCode = await run(request, {
        host, reporter, docker: () => connectDocker(host), cluster: () => clustered, sweep,
        openLink: (docker, cluster, steps) => openLink({ docker, cluster, steps, host, reporter, yes: flag(context, 'yes'), transport: request.transport }),
        onReady(ready) {
          summary = ready;
          if (streams) line({ type: 'ready', ...ready });
          else if (!detach) reporter.emit({ type: 'note', text: bridgedText(ready, false), at: host.now() });
        },
        ...(streams ? { onLine: (stream: 'stdout' | 'stderr', content: string) => line({ type: 'log', stream, line: content }) } : {}),
      });
      if (streams) line({ type: 'exit', exitCode });
      if (!detach || summary === undefined) return { exitCode };
      reporter.emit({ type: 'note', text: bridgedText(summary, true), at: host.now() });
      return { exitCode, data: summary, text: summary.bridge?.name ?? summary.container.name };
    } catch (error) {
      throw detach ? error : beforeContainer(error);
    } finally {
      await clustered.then((cluster) => cluster.close(), () => undefined);
    }
  },
};
