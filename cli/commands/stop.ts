import type { Command } from '../command.ts';
import { BridgeError } from '../errors.ts';
import { flag, text } from './choices.ts';
import { withSession } from './session.ts';

export const command: Command = {
  name: 'stop',
  summary: 'End bridges and remove their containers',
  description: 'New requests go to the pods at once, open ones may finish, then bridge and container are removed. Ctrl-C: at once. --all also ends what stands in other terminals (bridge run, bridge tap), in every namespace. The link stays up for the next bridge: bridge down ends it.',
  arguments: [{ name: 'name', description: 'bridges, or containers without a target, as `bridge list` shows them', variadic: true }],
  options: [{ name: 'all', short: 'a', description: 'all bridges, taps and containers of this machine in this context' }],
  examples: [{ command: 'bridge stop api-ann', explains: 'one bridge' }, { command: 'bridge stop --all', explains: 'everything of this machine; the link stays up' }],
  async run(context) {
    const all = flag(context, 'all');
    if (all === context.args.length > 0) {
      throw new BridgeError({ kind: 'usage', code: 'usage', what: all ? 'names and --all exclude each other' : 'no bridge was named', next: 'bridge stop NAME, or bridge stop --all' });
    }
    return withSession(context, async (session) => {
      const [{ everyBridge, findBridge }, { stopBridge }, { watchInterrupts }, { Steps }] = await Promise.all([
        import('../bridge/find-bridge.ts'), import('../bridge/stop.ts'), import('../bridge/interrupts.ts'), import('../steps/steps.ts'),
      ]);
      const namespace = text(context, 'namespace');
      const found = all ? await everyBridge(session) : await Promise.all(context.args.map((name) => findBridge({ ...session, name, ...(namespace === undefined ? {} : { namespace }) })));
      const steps = new Steps(context.reporter, () => context.host.now());
      const force = new AbortController();
      const interrupts = watchInterrupts(context.host, () => force.abort(new Error('forced')));
      try {
        const stopped = await Promise.all(found.map(({ ref, container }) => stopBridge({ ...session, steps, force: force.signal, ...(ref === undefined ? {} : { ref }), ...(container === undefined ? {} : { container }) })));
        const taps = found.filter(({ bridge }) => bridge?.spec.mode === 'tap').map(({ ref }) => ref!.name);
        if (taps.length > 0) context.reporter.emit({ type: 'note', text: `${taps.join(', ')}: ${taps.length === 1 ? 'that was a bridge tap, which has' : 'these were each a bridge tap, which have'} ended in another terminal`, at: context.host.now() });
        return { data: { stopped: stopped.map((each) => ({ ...each, tap: taps.includes(each.name) })) }, text: stopped.map(({ name }) => name).join('\n') };
      } finally {
        interrupts.stop();
      }
    });
  },
};
