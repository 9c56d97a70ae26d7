/** The three ways to see a status: one answer, lines as time goes by, the screen. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Docker } from '../adapters/docker/index.ts';
import { signalExitCodes, type Signal } from '../bridge/interrupts.ts';
import type { OutputFormat } from '../command.ts';
import { exitCodes } from '../errors.ts';
import type { Host } from '../host.ts';
import { timing } from '../timing.ts';
import { factsOf } from '../ui/error-text.ts';
import { wantsColor } from '../ui/terminal.ts';
import type { StatusCollector } from './collector.ts';
import type { Effect } from './screen/keys.ts';
import { signsFor } from './screen/line.ts';
import { screenStore, type ScreenStore } from './screen/store.ts';
import type { StatusBridge, StatusSnapshot } from './snapshot.ts';
import { eventLine, watchLines } from './text.ts';

/** Rates need two looks. */
export async function lookOnce(collector: StatusCollector): Promise<StatusSnapshot> {
  await collector.sample();
  await sleep(timing.statusRateIntervalMs);
  return collector.sample();
}

/** Aborted by the first signal (Ctrl-C, the terminal's end). */
function untilSignal(host: Host): { signal: AbortSignal; exitCode: () => number; stop: () => void } {
  const abort = new AbortController();
  let received: Signal | undefined;
  const stop = host.onSignal((name) => {
    received ??= name;
    abort.abort();
  });
  // Ctrl-C is how people end what goes on for ever; whoever sends another signal wants to see that it was that.
  return { signal: abort.signal, exitCode: () => (received === undefined || received === 'SIGINT' ? exitCodes.ok : signalExitCodes[received]), stop };
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}

/** Until a signal comes. JSON: one snapshot a line. @returns the exit code */
export async function watchStatus(collector: StatusCollector, host: Host, { output, intervalMs }: { output: OutputFormat; intervalMs: number }): Promise<number> {
  const { signal, exitCode, stop } = untilSignal(host);
  const seen = new Set<string>();
  try {
    while (!signal.aborted) {
      const snapshot = await collector.sample();
      if (output === 'json') {
        host.stdout.write(`${JSON.stringify(snapshot)}\n`);
      } else {
        for (const event of snapshot.events.map(eventLine).filter((line) => !seen.has(line))) {
          seen.add(event);
          host.stdout.write(`${event}\n`);
        }
        host.stdout.write(`${watchLines(snapshot).join('\n')}\n`);
      }
      await pause(intervalMs, signal);
    }
    return exitCode();
  } finally {
    stop();
  }
}

export interface ScreenActions {
  stop(bridge: StatusBridge): Promise<void>;
  restart(bridge: StatusBridge): Promise<void>;
  /** Requests that its target gets, as lines, until the signal; then nothing of it is left. */
  requests(bridge: StatusBridge, onLine: (line: string) => void, signal: AbortSignal): Promise<void>;
}

/** OSC 52 (xterm): the terminal puts it into the clipboard, over ssh too; one that does not know it ignores it. */
function copy(host: Pick<Host, 'stdout'>, text: string): void {
  host.stdout.write(`\u001b]52;c;${Buffer.from(text).toString('base64')}\u0007`);
}

async function followLog(docker: Docker, container: string, store: ScreenStore, signal: AbortSignal): Promise<void> {
  const { lines } = await import('../bridge/container-io.ts');
  const tty = (await docker.containers.find(container))?.tty === true;
  const log = await docker.containers.logs(container, { follow: true, tail: timing.statusLogTailLines, tty });
  signal.addEventListener('abort', () => log.close(), { once: true });
  if (signal.aborted) log.close();
  await Promise.all([log.stdout, log.stderr].map((stream) => lines(stream, (line) => { if (!signal.aborted) store.log(line); })));
  if (!signal.aborted) store.log('(the log ends here)');
}

/** Until the user quits or a signal comes. @returns the exit code */
export async function showScreen(collector: StatusCollector, host: Host, docker: Docker, actions: ScreenActions): Promise<number> {
  const { showStatus } = await import('../ui/ink/status-screen.ts');
  const { signal, exitCode, stop } = untilSignal(host);
  const quit = new AbortController();
  const over = AbortSignal.any([signal, quit.signal]);
  const store = screenStore();
  let log: AbortController | undefined;
  const tell = (error: unknown) => store.notice({ severity: 'error', text: factsOf(error).what });
  let soon = new AbortController();
  const lookNow = () => soon.abort();
  // A stop that is cut off half-way would leave the container without its bridge.
  const underWay = new Set<Promise<void>>();

  const track = (action: Promise<void>): void => {
    underWay.add(action);
    void action.finally(() => underWay.delete(action));
  };

  const act = (effect: Effect): void => {
    switch (effect.type) {
      case 'quit': quit.abort(); break;
      case 'copy': copy(host, effect.bridge.curl ?? ''); break;
      case 'leave-log': log?.abort(); break;
      case 'follow-log':
        log = new AbortController();
        followLog(docker, effect.bridge.container!, store, AbortSignal.any([log.signal, over])).catch(tell);
        break;
      case 'follow-requests': {
        log = new AbortController();
        const until = AbortSignal.any([log.signal, over]);
        track(actions.requests(effect.bridge, (line) => { if (!until.aborted) for (const each of line.split('\n')) store.log(each); }, until).catch(tell));
        break;
      }
      case 'stop':
      case 'restart':
        track(actions[effect.type](effect.bridge).then(() => {
          store.notice({ severity: 'info', text: effect.type === 'stop' ? `Stopped ${effect.bridge.name}` : `Restarted ${effect.bridge.container}` });
          lookNow();
        }, tell));
        break;
    }
  };

  // The first look decides whether there is anything to show; its error belongs on the normal screen.
  store.look(await collector.sample());
  const screen = showStatus(host, {
    store, signs: signsFor(host.env), program: host.program, color: wantsColor({ env: host.env, stderr: host.stdout }), clock: () => Date.now(),
    onKey: (key) => {
      const effect = store.key(key);
      if (effect !== undefined) act(effect);
    },
  });
  try {
    const broken = screen.ended.then(() => quit.abort(), (error: unknown) => { quit.abort(); throw error; });
    const looking = (async () => {
      while (!over.aborted) {
        soon = new AbortController();
        await pause(timing.statusIntervalMs, AbortSignal.any([over, soon.signal]));
        if (!over.aborted) await collector.sample().then((snapshot) => store.look(snapshot), tell);
      }
    })();
    await Promise.race([broken, new Promise<void>((resolve) => over.addEventListener('abort', () => resolve(), { once: true }))]);
    await Promise.race([looking, sleep(timing.statusAnswerTimeoutMs)]);
    return exitCode();
  } finally {
    log?.abort();
    await screen.close();
    if (underWay.size > 0) host.stderr.write('Finishing what was begun\n');
    await Promise.all(underWay);
    stop();
  }
}
