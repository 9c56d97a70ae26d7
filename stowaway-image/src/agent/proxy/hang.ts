/**
 * When a process of HAProxy counts as hung. Silence alone does not do: on a machine with far more work than processors a healthy one is silent
 * as well, and killing it would lose what it has. A process that only wants a processor is runnable (R), or has got a little of one between two
 * looks; one that hangs is neither.
 */

export const lookIntervalMs = 500;
/** Without an answer, and without any work done. */
export const hangMs = 1500;
/** When our own timer is late by more, the machine does not get round to things, and two looks say nothing about what was between them. */
const mostLateMs = 250;

export interface ProcessSample {
  /** Of each thread, one letter (proc_pid_stat(5)): R runnable, S asleep, D waiting for a disk, T and t stopped. */
  states: readonly string[];
  /** Changes when the process has done any work: processor time, and pages that it waited for. */
  progress: string;
}

/** A question is open, and nothing was done since. */
export interface Silence {
  sinceMs: number;
  progress: string;
  stopped: boolean;
}

export interface Look {
  /** By a clock that only goes forward. */
  atMs: number;
  /** By how much this look is later than it was meant to be. */
  lateMs: number;
  sample: ProcessSample;
}

/** @param before of the last look; undefined when the question was not open then. Returns the silence up to now. */
export function silenceAt(before: Silence | undefined, { atMs, lateMs, sample: { states, progress } }: Look): Silence {
  const stopped = states.every((state) => state === 'T' || state === 't');
  const now: Silence = { sinceMs: atMs, progress, stopped };
  if (before === undefined || progress !== before.progress || states.includes('R')) return now;
  // Whoever is stopped is not short of anything. For all others, also those that wait for a disk, the machine may be the reason.
  if (lateMs > mostLateMs && !(stopped && before.stopped)) return now;
  return { ...before, stopped };
}

export function isHung({ sinceMs }: Silence, atMs: number): boolean {
  return atMs - sinceMs >= hangMs;
}
