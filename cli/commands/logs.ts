import type { Command } from '../command.ts';
import { BridgeError } from '../errors.ts';
import { flag, text } from './choices.ts';
import { withSession } from './session.ts';

function tailOf(value: string | undefined): number | undefined {
  if (value === undefined || value === 'all') return undefined;
  if (!/^\d+$/.test(value)) throw new BridgeError({ kind: 'usage', code: 'usage', what: `--tail ${value} is no number of lines`, next: '--tail 100' });
  return Number(value);
}

export const command: Command = {
  name: 'logs',
  summary: 'Show the log of a bridge\'s container',
  arguments: [{ name: 'name', description: 'the bridge, or a container without a target', required: true }],
  options: [
    { name: 'follow', short: 'f', description: 'go on until the container ends' },
    { name: 'tail', description: 'only the last lines, or all', value: { placeholder: 'LINES' }, default: 'all' },
    { name: 'timestamps', description: 'begin each line with its time' },
  ],
  run: (context) => withSession(context, async ({ docker, cluster, link }) => {
    const [{ findBridge }, { streamLogs }] = await Promise.all([import('../bridge/find-bridge.ts'), import('../bridge/container-logs.ts')]);
    const [name = ''] = context.args;
    const namespace = text(context, 'namespace');
    const tail = tailOf(text(context, 'tail'));
    const { container } = await findBridge({ docker, cluster, link, name, ...(namespace === undefined ? {} : { namespace }) });
    if (container === undefined) {
      throw new BridgeError({ kind: 'environment', code: 'container-elsewhere', what: `the container of bridge ${name} is not on this machine`, why: 'it was removed, or the bridge belongs to another machine', next: 'bridge list' });
    }
    await streamLogs(docker, context.host, container.id, { follow: flag(context, 'follow'), timestamps: flag(context, 'timestamps'), json: context.output === 'json', ...(tail === undefined ? {} : { tail }) });
    return {};
  }),
};
