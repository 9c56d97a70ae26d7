/** Ctrl-C: once undoes, twice forces, three times ends the process as if nobody listened. */
import type { Host } from '../host.ts';

export type Signal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

/** As shells report a process that a signal ended: 128 + its number. */
export const signalExitCodes: Record<Signal, number> = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 };

export interface Interrupts {
  /** Resolves with the first signal; never rejects. */
  first: Promise<Signal>;
  /** The first signal, when there was one. */
  signal(): Signal | undefined;
  /** Aborts with the second. */
  force: AbortSignal;
  stop(): void;
}

export function watchInterrupts(host: Pick<Host, 'onSignal'>, onFirst: (signal: Signal) => void): Interrupts {
  const force = new AbortController();
  let received: Signal | undefined;
  let resolveFirst!: (signal: Signal) => void;
  const first = new Promise<Signal>((resolve) => (resolveFirst = resolve));
  const stop = host.onSignal((signal) => {
    if (received === undefined) {
      received = signal;
      onFirst(signal);
      resolveFirst(signal);
      return;
    }
    force.abort(new Error('forced'));
    stop();
  });
  return { first, signal: () => received, force: force.signal, stop };
}
