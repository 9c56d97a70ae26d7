import type { Command, CommandContext, CommandResult } from '../command.ts';
import type { EndPolicy } from '../compose/ends.ts';
import type { ComposeModel } from '../compose/model.ts';
import type { ComposeChoice, ComposeProgram } from '../compose/program.ts';
import { BridgeError } from '../errors.ts';
import type { RunRequest } from '../bridge/run-request.ts';
import type { TransportChoice } from '../link/transport.ts';
import { suggest } from '../parse/suggest.ts';
import { clusterChoice, flag, text, texts } from './choices.ts';
import { withSession } from './session.ts';
import { ttlOf } from './ttl.ts';

const actions = ['up', 'down', 'config', 'logs', 'ps'] as const;
type Action = (typeof actions)[number];

interface Project {
  compose: ComposeProgram;
  choice: ComposeChoice;
}

async function projectOf(context: CommandContext): Promise<Project> {
  const { findCompose } = await import('../compose/program.ts');
  const [projectName, projectDirectory] = [text(context, 'projectName'), text(context, 'projectDirectory')];
  return {
    compose: await findCompose(context.host),
    choice: { files: texts(context, 'file'), profiles: texts(context, 'profile'), envFiles: texts(context, 'envFile'), ...(projectName === undefined ? {} : { projectName }), ...(projectDirectory === undefined ? {} : { projectDirectory }) },
  };
}

/** What `bridge run` would be asked for, by the name of the service. */
async function requestsOf(context: CommandContext, model: ComposeModel, joined: readonly string[]): Promise<Map<string, RunRequest>> {
  const [{ everyJoin, readJoins }, { baseName }, { command: runCommand, requestOf }, { parse }, { serviceOptions }, { allOptions }] = await Promise.all([
    import('../compose/services.ts'), import('../compose/containers.ts'), import('./run.ts'), import('../parse/parse.ts'), import('../project/apply.ts'), import('../parse/global-options.ts'),
  ]);
  const services = readJoins({ model, joined, host: context.host, options: allOptions(runCommand.options) });
  const { options: defaults } = parse(runCommand, [], {});
  // The file's own folder, and variables for `bridge run`, say nothing of a Compose project.
  const options = { ...defaults, namespace: context.options.namespace, transport: context.options.transport, ttl: context.options.ttl, takeOver: context.options.takeOver };
  return everyJoin([...services.keys()], await Promise.allSettled([...services].map(async ([name, service]) => {
    const merged = serviceOptions(service, runCommand, { options, given: context.given });
    const request = await requestOf({ ...context, options: { ...merged, image: model.services[name]?.image ?? name, detach: flag(context, 'detach') }, rest: [] }, { ...service, options: merged }, []);
    return { ...request, base: baseName(model.name, name) };
  })));
}

/** Throws `usage`. */
function policyOf(context: CommandContext, model: ComposeModel): EndPolicy {
  const [exitCodeFrom, abortOnContainerExit] = [text(context, 'exitCodeFrom'), flag(context, 'abortOnContainerExit')];
  const misplaced = context.rest.find((word) => /^--(exit-code-from|abort-on-container-exit)(=|$)/.test(word));
  if (misplaced !== undefined) throw new BridgeError({ kind: 'usage', code: 'usage', what: `${misplaced.split('=', 1)[0]} is an option of bridge compose itself`, why: 'what follows -- goes to docker compose, which is not in the foreground here', next: 'write it before --' });
  if (flag(context, 'detach') && (exitCodeFrom !== undefined || abortOnContainerExit)) {
    throw new BridgeError({ kind: 'usage', code: 'usage', what: `--detach and ${exitCodeFrom === undefined ? '--abort-on-container-exit' : '--exit-code-from'} exclude each other`, why: 'somebody has to wait for the end', next: 'leave one of them out' });
  }
  if (exitCodeFrom !== undefined && !(exitCodeFrom in model.services)) {
    const names = Object.keys(model.services);
    const meant = suggest(exitCodeFrom, names);
    throw new BridgeError({ kind: 'usage', code: 'usage', what: `the project has no service ${exitCodeFrom}`, why: `there are: ${names.join(', ')}${meant === undefined ? '' : `; did you mean ${meant}?`}`, next: `--exit-code-from ${meant ?? 'SERVICE'}` });
  }
  return { abortOnContainerExit, ...(exitCodeFrom === undefined ? {} : { exitCodeFrom }) };
}

async function up(context: CommandContext, services: string[]): Promise<CommandResult> {
  const { host, reporter, output, rest } = context;
  const { compose, choice } = await projectOf(context);
  const [{ connectCluster }, { connectDocker }, { openLink }, { sweep }, { composeUp }, { joinedServices, readModel }, { headline, tryLines }] = await Promise.all([
    import('../adapters/cluster/index.ts'), import('../adapters/docker/index.ts'), import('../link/open-link.ts'), import('../bridge/sweep.ts'), import('../compose/up.ts'), import('../compose/model.ts'), import('../bridge/summary.ts'),
  ]);
  const model = await readModel(compose, choice, services);
  const joined = await requestsOf(context, model, joinedServices(model));
  const [detach, policy] = [flag(context, 'detach'), policyOf(context, model)];
  const line = (event: object) => host.stdout.write(`${JSON.stringify(event)}\n`);
  const streams = !detach && output === 'json';
  let summaries: Parameters<Parameters<typeof composeUp>[1]['onReady']>[0] = [];
  const clustered = connectCluster(host, clusterChoice(context));
  const docker = connectDocker(host);
  docker.catch(() => undefined);
  try {
    const exitCode = await composeUp({ compose, choice, model, joined, services, build: flag(context, 'build'), detach, rest, policy }, {
      host, reporter, docker: () => docker, cluster: () => clustered, sweep,
      openLink: (itsDocker, cluster, steps) => openLink({ docker: itsDocker, cluster, steps, host, reporter, yes: flag(context, 'yes'), transport: text(context, 'transport') as TransportChoice, ...ttlOf(context) }),
      onReady(ready) {
        summaries = ready;
        if (streams) return line({ type: 'ready', project: model.name, services: ready });
        const lines = ready.flatMap((summary) => [headline(summary), ...tryLines(summary)]);
        reporter.emit({ type: 'note', text: [...lines, detach ? '  log:  bridge compose logs --follow\n  stop: bridge compose down' : '  stop: Ctrl-C'].join('\n'), at: host.now() });
      },
      ...(streams ? { onLine: (content: string) => line({ type: 'log', line: content }) } : {}),
    });
    if (streams) line({ type: 'exit', exitCode });
    return detach && exitCode === 0 ? { exitCode, data: { project: model.name, services: summaries }, text: summaries.map(({ service }) => service).join('\n') } : { exitCode };
  } finally {
    await clustered.then((cluster) => cluster.close(), () => undefined);
  }
}

async function down(context: CommandContext): Promise<CommandResult> {
  const { compose, choice } = await projectOf(context);
  const { readModel } = await import('../compose/model.ts');
  const model = await readModel(compose, choice);
  return withSession(context, async (session) => {
    const [{ composeDown }, { watchInterrupts }, { Steps }] = await Promise.all([import('../compose/down.ts'), import('../bridge/interrupts.ts'), import('../steps/steps.ts')]);
    const force = new AbortController();
    const interrupts = watchInterrupts(context.host, () => force.abort(new Error('forced')));
    try {
      const stopped = await composeDown({ ...session, compose, choice, model, steps: new Steps(context.reporter, () => context.host.now()), force: force.signal, rest: context.rest });
      if (stopped.left.length > 0) {
        context.reporter.emit({ type: 'warning', code: 'compose-left', text: `docker compose left what these files do not describe: ${stopped.left.join(', ')}`, next: 'the same with the -f of all files of the project, or bridge compose down -- --remove-orphans', at: context.host.now() });
      }
      return { data: stopped, text: stopped.bridges.map(({ name }) => name).join('\n') };
    } finally {
      interrupts.stop();
    }
  });
}

async function config(context: CommandContext, services: string[]): Promise<CommandResult> {
  const { compose, choice } = await projectOf(context);
  const { joinedServices, readModel } = await import('../compose/model.ts');
  const model = await readModel(compose, choice, services);
  const joined = await requestsOf(context, model, joinedServices(model));
  return withSession(context, async ({ docker, cluster, link, owner }) => {
    const [{ previewModel }, { networkName }, { modelText }] = await Promise.all([import('../compose/preview.ts'), import('../link/link-name.ts'), import('../compose/model.ts')]);
    const network = await docker.networks.find(networkName(link));
    const preview = previewModel({ model, joined, link, owner, network: networkName(link), namespace: cluster.context.namespace, dns: network?.auxiliary.DefaultGatewayIPv4 });
    return { data: preview, text: `${modelText(preview)}# Added when the project comes up: fixed addresses, and from the pods variables, search list of DNS, host aliases, files.${network === undefined ? ' The DNS server too: the link is not up.' : ''}` };
  });
}

async function passOn(context: CommandContext, action: 'logs' | 'ps', services: string[]): Promise<CommandResult> {
  const { compose, choice } = await projectOf(context);
  const { choiceArguments } = await import('../compose/program.ts');
  const tail = text(context, 'tail');
  const own = [...(flag(context, 'follow') ? ['--follow'] : []), ...(tail === undefined ? [] : ['--tail', tail]), ...context.rest, ...services];
  if (context.output !== 'json' && context.output !== 'yaml') return { exitCode: await compose.inForeground([...choiceArguments(choice), action, ...own]) };
  if (action === 'logs') {
    await compose.run([...choiceArguments(choice), action, '--no-color', ...own], { onLine: (line) => context.host.stdout.write(`${JSON.stringify({ type: 'log', line })}\n`) });
    return {};
  }
  const { stdout } = await compose.run([...choiceArguments(choice), action, '--format', 'json', ...own]);
  const { parseList } = await import('../compose/json-list.ts');
  return { data: { containers: parseList(stdout) } };
}

export const command: Command = {
  name: 'compose',
  summary: 'Run a Docker Compose project whose services stand in the cluster',
  description: `Services of your compose.yaml that have the key x-bridge are joined to the cluster: with a target as \`bridge run\` does it, with
\`x-bridge: {}\` only to its network. They keep their own networks, ports and volumes. Files, profiles, variables and .env are read by
docker compose itself, which also makes the containers (version 2 or later). What follows -- goes to docker compose as it is.`,
  arguments: [
    { name: 'action', description: 'up, down, config (what docker compose would be given), logs or ps; for everything else use docker compose', required: true, choices: actions },
    { name: 'service', description: 'services of the project (none: all)', variadic: true },
  ],
  takesRest: true,
  options: [
    { name: 'file', short: 'f', description: 'compose file (default: as docker compose finds it)', value: { placeholder: 'FILE' }, repeatable: true },
    { name: 'profile', description: 'profile to enable', value: { placeholder: 'NAME' }, repeatable: true },
    { name: 'env-file', description: 'file with variables for the compose files', value: { placeholder: 'FILE' }, repeatable: true },
    { name: 'project-name', short: 'p', description: 'name of the project', value: { placeholder: 'NAME' } },
    { name: 'project-directory', description: 'folder of the project', value: { placeholder: 'DIR' } },
    { name: 'build', description: 'with up: build images first' },
    { name: 'detach', short: 'd', description: 'with up: return when everything is ready' },
    { name: 'follow', description: 'with logs: go on with what comes' },
    { name: 'tail', description: 'with logs: only so many lines', value: { placeholder: 'LINES' } },
    { name: 'abort-on-container-exit', description: 'with up in the foreground: end with the first container that ends, and its exit code; not with one that others wait for to complete, unless it fails' },
    { name: 'exit-code-from', description: 'the same with the exit code of this service', value: { placeholder: 'SERVICE' } },
    { name: 'take-over', description: 'with up: take the requests from a bridge that claims the same ones, if its link is silent' },
    { name: 'transport', description: 'way to the cluster', value: { placeholder: 'WAY', choices: ['auto', 'docker', 'udp', 'api'] }, default: 'auto', env: 'PODBRIDGE_TRANSPORT', file: { of: 'project' } },
    { name: 'ttl', description: 'how long the link may be silent before the cluster removes its bridges (12h if never given)', value: { placeholder: 'DURATION' }, env: 'PODBRIDGE_TTL', file: { of: 'project' } },
  ],
  examples: [
    { command: 'bridge compose up', explains: 'the project of this folder; Ctrl-C ends it' },
    { command: 'bridge compose up --build -d api', explains: 'one service and what it depends on, in the background' },
    { command: 'bridge compose -f compose.yaml -f compose.dev.yaml --profile debug up -d', explains: 'files and profiles as for docker compose' },
    { command: 'bridge compose up --exit-code-from tests', explains: 'ends when the tests end, with their exit code' },
    { command: 'bridge compose down', explains: 'bridges and containers go; also the link, if it was made for the project' },
  ],
  async run(context) {
    const [action, ...services] = context.args;
    switch (action as Action) {
      case 'up': return up(context, services);
      case 'down':
        if (services.length > 0) throw new BridgeError({ kind: 'usage', code: 'usage', what: 'bridge compose down ends the whole project', next: `bridge compose down, or for one service: bridge stop NAME` });
        return down(context);
      case 'config': return config(context, services);
      case 'logs': case 'ps': return passOn(context, action as 'logs' | 'ps', services);
      default: {
        const meant = suggest(action ?? '', actions);
        throw new BridgeError({
          kind: 'usage', code: 'usage', what: `bridge compose has no action '${action}'`, why: `there are: ${actions.join(', ')}${meant === undefined ? '' : `; did you mean ${meant}?`}`, next: meant === undefined ? `docker compose ${action}` : `bridge compose ${[meant, ...services].join(' ')}`,
        });
      }
    }
  },
};
