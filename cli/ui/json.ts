/** The story as JSON lines on stderr, for programs that want to follow it. */
import type { Writable } from 'node:stream';
import type { Reporter } from './events.ts';

export function jsonReporter(stderr: Writable): Reporter {
  return { emit: (event) => void stderr.write(`${JSON.stringify(event)}\n`) };
}
