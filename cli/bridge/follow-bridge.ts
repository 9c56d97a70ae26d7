/** Tells, while a run stands in the foreground, what becomes of its bridge: does the app serve, is the link silent, has somebody ended it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { collisionReasons } from '../../protocol/names.ts';
import { timing } from '../timing.ts';
import type { Reporter } from '../ui/events.ts';
import type { BridgeWatch } from './bridge-watch.ts';
import { servingOf, tcpPorts } from './serving.ts';

export interface Following {
  watch: BridgeWatch;
  reporter: Reporter;
  now: () => number;
  signal: AbortSignal;
  /** The container as it runs now, another one after each start; undefined: it does not run, and that is told elsewhere. */
  life?: () => Promise<string | undefined>;
}

/** Tells that the bridge is gone, and resolves; never after the signal. */
export function followBridge({ watch, reporter, now, signal, life = async () => '' }: Following): Promise<void> {
  return new Promise((resolve) => {
    let served: boolean | undefined;
    let suspended = false;
    let lost = false;
    let quiet: AbortController | undefined;
    const note = (text: string) => reporter.emit({ type: 'note', text, at: now() });
    const localPorts = () => tcpPorts(watch.current).join(', ');

    // An app may take its time to start, and a restart is no news: only what lasts is told, of a container that runs.
    const lasting = async ({ signal: over }: AbortController): Promise<void> => {
      for (let before = await life(); ;) {
        await sleep(timing.notListeningDelayMs, undefined, { signal: over });
        const current = await life();
        over.throwIfAborted();
        if (current !== undefined && current === before) break;
        before = current;
      }
      served = false;
      reporter.emit({ type: 'warning', code: 'not-listening', text: `nothing listens on port ${localPorts()} of the container: requests go to the pods`, next: 'bind the app to 0.0.0.0, or give its port with --port POD:CONTAINER', at: now() });
    };
    const tellServing = (serving: boolean) => {
      quiet?.abort();
      if (serving) {
        if (served === false) note('The container answers: requests come to it');
        served = true;
        return;
      }
      quiet = new AbortController();
      lasting(quiet).catch(() => undefined);
    };

    let last: boolean | undefined;
    const look = () => {
      const bridge = watch.current;
      if (bridge === undefined) return end(true);
      const serving = servingOf(bridge);
      if (serving !== undefined && serving !== last) tellServing(serving);
      last = serving ?? last;
      const ready = bridge.status?.conditions?.find(({ type }) => type === 'Ready');
      const takenOver = bridge.status?.phase === 'Failed' && (Object.values(collisionReasons) as string[]).includes(ready?.reason ?? '');
      if (takenOver !== lost) {
        lost = takenOver;
        if (takenOver) reporter.emit({ type: 'warning', code: 'taken-over', text: ready?.message ?? 'another bridge has taken over the requests', next: 'bridge list', at: now() });
        else note('The requests come to the container again');
      }
      const silent = bridge.status?.phase === 'Suspended';
      if (silent !== suspended) {
        suspended = silent;
        if (silent) reporter.emit({ type: 'warning', code: 'link-silent', text: 'the cluster hears nothing of this machine: requests go to the pods until the link is back', at: now() });
        else note('The link is back');
      }
    };
    const forget = watch.onChange(look);
    const end = (gone: boolean) => {
      quiet?.abort();
      forget();
      if (!gone) return;
      reporter.emit({ type: 'warning', code: 'bridge-ended', text: `bridge ${watch.ref.name} was ended from elsewhere`, next: 'bridge list', at: now() });
      resolve();
    };
    signal.addEventListener('abort', () => end(false), { once: true });
    look();
  });
}
