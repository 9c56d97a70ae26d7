/** Tells, while a run stands in the foreground, what becomes of its bridge: does the app serve, is the link silent, has somebody ended it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { collisionReasons } from '../../protocol/names.ts';
import type { Bridge } from '../../protocol/objects.ts';
import { timing } from '../timing.ts';
import type { Reporter } from '../ui/events.ts';
import type { BridgeWatch } from './bridge-watch.ts';
import { servingOf, tcpPorts } from './serving.ts';

export interface Following {
  watch: BridgeWatch;
  reporter: Reporter;
  now: () => number;
  signal: AbortSignal;
  /** The container as it runs now, another one after each start; undefined: it does not run, or the link to it does not answer, and that is told elsewhere. */
  life?: () => Promise<string | undefined>;
}

/** Its requests come to the container, where that accepts them. */
function isBack(bridge: Bridge): boolean {
  return bridge.status?.phase === 'Ready' || (bridge.status?.phase === 'Attaching' && servingOf(bridge) === true);
}

/** Tells that the bridge is gone, and resolves with its last state; never after the signal. */
export function followBridge({ watch, reporter, now, signal, life = async () => '' }: Following): Promise<Bridge | undefined> {
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
    const tellServing = (serving: boolean | undefined) => {
      quiet?.abort();
      if (serving === undefined) return;
      if (serving) {
        if (served === false) note('The container answers: requests come to it');
        served = true;
        return;
      }
      quiet = new AbortController();
      lasting(quiet).catch(() => undefined);
    };

    let last: boolean | undefined;
    let seen: Bridge | undefined;
    const look = () => {
      const bridge = watch.current;
      if (bridge === undefined) return end(true);
      seen = bridge;
      const phase = bridge.status?.phase;
      // While it is suspended, lost or ending, what agents see of the container says nothing about the app.
      const serving = phase === 'Ready' || phase === 'Attaching' ? servingOf(bridge) ?? last : undefined;
      if (serving !== last) tellServing(serving);
      last = serving;
      const ready = bridge.status?.conditions?.find(({ type }) => type === 'Ready');
      const takenOver = phase === 'Failed' && (Object.values(collisionReasons) as string[]).includes(ready?.reason ?? '');
      if (takenOver && !lost) {
        lost = true;
        reporter.emit({ type: 'warning', code: 'taken-over', text: ready?.message ?? 'another bridge has taken over the requests', next: 'bridge list', at: now() });
      }
      if (phase === 'Suspended' && !suspended) {
        suspended = true;
        reporter.emit({ type: 'warning', code: 'link-silent', text: 'the cluster hears nothing of this machine: requests go to the pods until the link is back', at: now() });
      }
      if (!isBack(bridge)) return;
      if (suspended) note('The link is back');
      if (lost) note('The requests come to the container again');
      suspended = lost = false;
    };
    const forget = watch.onChange(look);
    const end = (gone: boolean) => {
      quiet?.abort();
      forget();
      if (!gone) return;
      reporter.emit({ type: 'warning', code: 'bridge-ended', text: `bridge ${watch.ref.name} was ended from elsewhere`, next: 'bridge list', at: now() });
      resolve(seen);
    };
    signal.addEventListener('abort', () => end(false), { once: true });
    look();
  });
}
