import type { Command, CommandContext } from '../command.ts';
import { BridgeError, exitCodes } from '../errors.ts';
import type { StatusBridge } from '../status/snapshot.ts';
import { flag, text } from './choices.ts';
import { onlyHere, withSession, type Session } from './session.ts';

function intervalOf(context: CommandContext): number {
  const value = text(context, 'interval') ?? '2';
  const seconds = Number(value);
  if (!(seconds >= 0.2 && seconds <= 3600)) throw new BridgeError({ kind: 'usage', code: 'usage', what: `--interval ${value} is no number of seconds between 0.2 and 3600`, next: '--interval 5' });
  return seconds * 1000;
}

/** What keys of the screen do. They tell by their result alone: the screen is not theirs. */
function actionsOf(session: Session, context: CommandContext) {
  const found = async (bridge: StatusBridge) => {
    const { findBridge } = await import('../bridge/find-bridge.ts');
    return findBridge({ ...session, name: bridge.name, namespace: bridge.namespace });
  };
  return {
    async stop(bridge: StatusBridge): Promise<void> {
      const [{ stopBridge }, { Steps }] = await Promise.all([import('../bridge/stop.ts'), import('../steps/steps.ts')]);
      const { ref, container } = await found(bridge);
      await stopBridge({ ...session, steps: new Steps({ emit: () => undefined }, () => context.host.now()), force: new AbortController().signal, ...(ref === undefined ? {} : { ref }), ...(container === undefined ? {} : { container }) });
    },
    async restart(bridge: StatusBridge): Promise<void> {
      const { restartContainer } = await import('../bridge/restart.ts');
      const { container } = await found(bridge);
      if (container !== undefined) await restartContainer(session.docker, session.link, container);
    },
    async requests({ namespace, target, ports }: StatusBridge, onLine: (line: string) => void, signal: AbortSignal): Promise<void> {
      const [{ tap, tapLine }, { Steps }, { openRunningControl }, { parseTarget }, { trafficFromFlags }] = await Promise.all([
        import('../bridge/tap.ts'), import('../steps/steps.ts'), import('../link/control-client.ts'), import('../target/parse-target.ts'), import('../bridge/traffic.ts'),
      ]);
      const { host } = context;
      const control = (await openRunningControl(session.docker, session.link))?.control;
      if (control === undefined) throw new BridgeError({ kind: 'environment', code: 'link-down', what: 'there is no link on this machine', next: 'bridge up' });
      const [plural, , ...group] = target.resource?.split('.') ?? [];
      try {
        await tap({
          host, cluster: session.cluster, steps: new Steps({ emit: () => undefined }, () => host.now()), signal,
          link: () => Promise.resolve({ client: session.link, owner: session.owner, control }),
          ref: parseTarget(`${plural === undefined ? target.kind.toLowerCase() : [plural, ...group].join('.')}/${target.name}`), namespace, container: target.container,
          ports: ports.filter(({ protocol }) => protocol === 'TCP').map(({ port }) => String(port)), rules: [],
          traffic: trafficFromFlags({ fallback: undefined, check: undefined, tlsCert: undefined, tlsSecret: undefined, plaintext: false, proxyProtocol: false, mode: undefined, delay: undefined, fault: undefined, ruled: false }),
          onReady: () => onLine('(from now on)'), onEvent: (event) => onLine(tapLine(event)), onLost: (count) => onLine(`(${count} requests came too fast to be shown)`),
        });
      } finally {
        control.close();
      }
    },
  };
}

export const command: Command = {
  name: 'status',
  mustKnow: [],
  summary: 'Show link, bridges and containers as they are, and as they change',
  description: `On a terminal a screen that follows what happens (? shows its keys), elsewhere one answer. Requests are counted by the agents:
LOCAL went to the container, ORIGINAL to the pods' own process on the same ports, FAILED got no answer from either. Bridges are
those of this machine, in the context's namespace and in those that its containers stand for. When the cluster cannot be asked, this
machine's side is shown, and the exit code is 3.`,
  options: [
    { name: 'all-namespaces', short: 'A', description: 'bridges of this machine in all namespaces' },
    { name: 'watch', short: 'w', description: 'lines as time goes by, until Ctrl-C (with -o json one object a line)' },
    { name: 'interval', description: 'seconds between the lines of --watch', value: { placeholder: 'SECONDS' }, default: '2' },
    { name: 'once', description: 'one answer, also on a terminal' },
  ],
  examples: [
    { command: 'bridge status', explains: 'the screen' }, { command: 'bridge status --watch', explains: 'lines, for a log' },
    { command: 'bridge status -o json', explains: 'one object, for scripts' },
  ],
  async run(context) {
    const intervalMs = intervalOf(context);
    return withSession(context, async (session) => {
      const { host, output, reporter } = context;
      const [{ StatusCollector }, { lookOnce, showScreen, watchStatus }, { isInteractive }] = await Promise.all([import('../status/collector.ts'), import('../status/show.ts'), import('../ui/terminal.ts')]);
      const namespace = text(context, 'namespace');
      const collector = new StatusCollector({ ...session, allNamespaces: flag(context, 'allNamespaces'), now: () => host.now(), ...(namespace === undefined ? {} : { namespace }) });
      try {
        if (flag(context, 'watch')) return { exitCode: await watchStatus(collector, host, { output, intervalMs }) };
        if (isInteractive(host) && output === 'text' && !flag(context, 'once') && text(context, 'progress') !== 'plain') return { exitCode: await showScreen(collector, host, session.docker, actionsOf(session, context)) };
        const [snapshot, { statusText }, { signsFor }] = [await lookOnce(collector), await import('../status/text.ts'), await import('../status/screen/line.ts')];
        if (session.unreachable !== undefined && !snapshot.bridgesKnown) reporter.emit(onlyHere(session.unreachable, host.now()));
        return { data: snapshot, text: statusText(snapshot, signsFor(host.env), host.program), ...(snapshot.bridgesKnown ? {} : { exitCode: exitCodes.environment }) };
      } finally {
        collector.close();
      }
    }, { orHere: true });
  },
};
