import type { Part } from '../bridge/part-logs.ts';
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
  summary: 'Show the log of a bridge\'s container, or of podbridge\'s own parts',
  description: 'Of a bridge: what its container has written. With --of the log of a part: cargo of this machine; hub, controller and agents of the cluster (with a name, the agents on the nodes of that bridge).',
  arguments: [{ name: 'name', description: 'the bridge, or a container without a target' }],
  options: [
    { name: 'of', description: 'whose log', value: { placeholder: 'PART', choices: ['container', 'cargo', 'hub', 'controller', 'agent'] }, default: 'container' },
    { name: 'follow', short: 'f', description: 'go on until the container ends' },
    { name: 'tail', description: 'only the last lines, or all', value: { placeholder: 'LINES' }, default: 'all' },
    { name: 'timestamps', description: 'begin each line with its time' },
  ],
  examples: [{ command: 'bridge logs api-ann -f', explains: 'what the program says' }, { command: 'bridge logs --of agent --tail 50', explains: 'what the agents say' }],
  run: (context) => withSession(context, async ({ docker, cluster, link }) => {
    const [{ findBridge }, { streamLogs }] = await Promise.all([import('../bridge/find-bridge.ts'), import('../bridge/container-logs.ts')]);
    const [name = ''] = context.args;
    const part = (text(context, 'of') ?? 'container') as Part;
    if (name === '' && part === 'container') throw new BridgeError({ kind: 'usage', code: 'usage', what: 'no bridge was named', next: 'bridge logs NAME, or bridge logs --of hub' });
    const namespace = text(context, 'namespace');
    const tail = tailOf(text(context, 'tail'));
    const stream = { follow: flag(context, 'follow'), timestamps: flag(context, 'timestamps'), json: context.output === 'json', ...(tail === undefined ? {} : { tail }) };
    if (part === 'cargo') {
      const { cargoName } = await import('../link/link-name.ts');
      const cargo = await docker.containers.find(cargoName(link));
      if (cargo === undefined) throw new BridgeError({ kind: 'environment', code: 'link-down', what: 'there is no link on this machine', next: 'bridge up' });
      await streamLogs(docker, context.host, cargo.id, stream);
      return {};
    }
    const found = name === '' ? undefined : await findBridge({ docker, cluster, link, name, ...(namespace === undefined ? {} : { namespace }) });
    if (part !== 'container') {
      const { streamPartLogs } = await import('../bridge/part-logs.ts');
      const nodes = part === 'agent' && found?.bridge !== undefined ? (found.bridge.status?.pods ?? []).map(({ node }) => node) : undefined;
      await streamPartLogs(cluster, context.host, part, { ...stream, ...(nodes === undefined ? {} : { nodes }) });
      return {};
    }
    const container = found?.container;
    if (container === undefined) {
      throw new BridgeError({ kind: 'environment', code: 'container-elsewhere', what: `the container of bridge ${name} is not on this machine`, why: 'it was removed, or the bridge belongs to another machine', next: 'bridge list' });
    }
    await streamLogs(docker, context.host, container.id, stream);
    return {};
  }),
};
