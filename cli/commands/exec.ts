import type { Command } from '../command.ts';
import { BridgeError } from '../errors.ts';
import { flag, text } from './choices.ts';
import { withSession } from './session.ts';

export const command: Command = {
  name: 'exec',
  summary: 'Run a command in the container of a bridge',
  description: 'With the container\'s environment, files and network, as docker exec does. The exit code is the command\'s; 126 and 127: it could not be run.',
  arguments: [{ name: 'name', description: 'the bridge, or a container without a target', required: true }],
  takesRest: true,
  options: [
    { name: 'interactive', short: 'i', description: 'pass stdin to the command' },
    { name: 'tty', short: 't', description: 'give the command a terminal' },
    { name: 'env', short: 'e', description: 'variable of the command; the name alone: with the value it has here', value: { placeholder: 'NAME[=VALUE]' }, repeatable: true },
    { name: 'workdir', short: 'w', description: 'working directory', value: { placeholder: 'PATH' } },
    { name: 'user', short: 'u', description: 'user', value: { placeholder: 'USER[:GROUP]' } },
  ],
  examples: [{ command: 'bridge exec api-ann -- npm test', explains: 'tests beside the running program, against the cluster' }, { command: 'bridge exec api-ann -it -- sh', explains: 'a shell' }],
  async run(context) {
    if (context.rest.length === 0) throw new BridgeError({ kind: 'usage', code: 'usage', what: 'no command was given', next: 'bridge exec NAME -- COMMAND' });
    if (flag(context, 'interactive') && flag(context, 'tty') && context.host.stdin.isTTY !== true) throw new BridgeError({ kind: 'usage', code: 'usage', what: '-t passes on this terminal, but stdin is none', next: `bridge exec ${context.args[0] ?? 'NAME'} -i -- ${context.rest.join(' ')}` });
    return withSession(context, async (session) => {
      const [{ findBridge }, { execIn }, { texts }, { envFromFlags }] = await Promise.all([import('../bridge/find-bridge.ts'), import('../bridge/exec.ts'), import('./choices.ts'), import('../bridge/merge-env.ts')]);
      const [name = ''] = context.args;
      const namespace = text(context, 'namespace');
      const { container } = await findBridge({ ...session, name, ...(namespace === undefined ? {} : { namespace }) });
      if (container?.state !== 'running') {
        throw new BridgeError({ kind: 'environment', code: container === undefined ? 'container-elsewhere' : 'container-not-running', what: `the container of ${name} ${container === undefined ? 'is not on this machine' : `does not run (${container.state})`}`, next: container === undefined ? 'bridge list' : `bridge restart ${name}` });
      }
      const [workingDir, user] = [text(context, 'workdir'), text(context, 'user')];
      const { exitCode, stdout, stderr } = await execIn(session.docker, context.host, {
        container: container.id, command: context.rest, interactive: flag(context, 'interactive'), tty: flag(context, 'tty'), collect: context.output === 'json' || context.output === 'yaml',
        env: envFromFlags(texts(context, 'env'), context.host.env).map(([variable, value]) => `${variable}=${value}`),
        ...(workingDir === undefined ? {} : { workingDir }), ...(user === undefined ? {} : { user }),
      });
      return { exitCode, data: { exitCode, stdout, stderr } };
    });
  },
};
