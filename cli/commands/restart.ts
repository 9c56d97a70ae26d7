import type { Command } from '../command.ts';
import { BridgeError } from '../errors.ts';
import { text } from './choices.ts';
import { withSession } from './session.ts';

export const command: Command = {
  name: 'restart',
  summary: 'Restart the containers of bridges',
  description: 'In place, with the same address. While a container does not answer, requests go to the pods.',
  arguments: [{ name: 'name', description: 'bridges, or containers without a target, as `bridge list` shows them', variadic: true, required: true }],
  examples: [{ command: 'bridge restart api-ann', explains: 'after a change of mounted files that the program reads at its start' }],
  run: (context) => withSession(context, async (session) => {
    const [{ findBridge }, { restartContainer }, { Steps }] = await Promise.all([import('../bridge/find-bridge.ts'), import('../bridge/restart.ts'), import('../steps/steps.ts')]);
    const namespace = text(context, 'namespace');
    const found = await Promise.all(context.args.map(async (name) => {
      const { container } = await findBridge({ ...session, name, ...(namespace === undefined ? {} : { namespace }) });
      if (container === undefined) throw new BridgeError({ kind: 'environment', code: 'container-elsewhere', what: `the container of bridge ${name} is not on this machine`, why: 'it was removed, or the bridge belongs to another machine', next: 'bridge list' });
      return { name, container };
    }));
    const steps = new Steps(context.reporter, () => context.host.now());
    await Promise.all(found.map(({ container }) => steps.run({ id: `restart-${container.id}`, title: `Restart container ${container.name}`, act: () => restartContainer(session.docker, session.link, container) })));
    return { data: { restarted: found.map(({ name, container }) => ({ name, container: container.name })) }, text: found.map(({ name }) => name).join('\n') };
  }),
};
