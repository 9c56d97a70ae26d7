import type { Reporter } from '../ui/events.ts';

/** Where a long operation tells what it does. */
export interface Progress {
  reporter: Reporter;
  now(): number;
}

/** Runs one named step. `waiting` tells what it waits for; the same words twice are told once. */
export async function step<T>(progress: Progress, id: string, title: string, action: (waiting: (waitingFor: string) => void) => Promise<T>, detail?: (result: T) => string | undefined): Promise<T> {
  const { reporter, now } = progress;
  const start = now();
  let told = '';
  reporter.emit({ type: 'step-started', id, title, at: start });
  try {
    const result = await action((waitingFor) => {
      if (waitingFor === told) return;
      told = waitingFor;
      reporter.emit({ type: 'step-waiting', id, waitingFor, at: now() });
    });
    const words = detail?.(result);
    reporter.emit({ type: 'step-done', id, title, ...(words === undefined ? {} : { detail: words }), elapsedMs: now() - start, at: now() });
    return result;
  } catch (error) {
    reporter.emit({ type: 'step-failed', id, title, elapsedMs: now() - start, at: now() });
    throw error;
  }
}
