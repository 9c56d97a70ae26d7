/** Ctrl-C: once undoes, twice forces, three times ends the process as if nobody listened. */
import type { Host } from '../host.ts';
import type { Steps } from '../steps/steps.ts';

export type Signal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

/** As shells report a process that a signal ended: 128 + its number. */
export const signalExitCodes: Record<Signal, number> = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 };

/** The user has given a command up: no error to tell of, only an exit code. Recognised by shape, as errors are. */
export class Interrupted extends Error {
  readonly isInterrupted = true;
  readonly exitCode: number;

  constructor(signal: Signal) {
    super(`interrupted by ${signal}`);
    this.name = 'Interrupted';
    this.exitCode = signalExitCodes[signal];
  }
}

export function isInterrupted(error: unknown): error is Interrupted {
  return typeof error === 'object' && error !== null && (error as { isInterrupted?: unknown }).isInterrupted === true;
}

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

/** Ctrl-C gives `act` up. Undoes when it was, or failed; throws {@link Interrupted}, or what `act` threw. */
export async function interruptible<T>(host: Pick<Host, 'onSignal'>, steps: Steps, act: () => Promise<T>): Promise<T> {
  const interrupts = watchInterrupts(host, (signal) => steps.abort(new Interrupted(signal)));
  try {
    const result = await act();
    steps.signal.throwIfAborted();
    return result;
  } catch (error) {
    await steps.undo(interrupts.force);
    const signal = interrupts.signal();
    throw signal === undefined ? error : new Interrupted(signal);
  } finally {
    interrupts.stop();
  }
}
