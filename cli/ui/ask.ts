/** A yes-or-no question to a person at a terminal. */
import { createInterface } from 'node:readline/promises';
import { signalExitCodes } from '../bridge/interrupts.ts';
import { BridgeError } from '../errors.ts';
import type { Host } from '../host.ts';
import type { Reporter } from './events.ts';

/** Ctrl-C at a question: as shells report it. */
export function interrupted(): BridgeError {
  return new BridgeError({ kind: 'refused', code: 'declined', what: 'the question was left with Ctrl-C, and nothing was done', exitCode: signalExitCodes.SIGINT });
}

/** Only where there is somebody to answer: see isInteractive. Anything but yes is no. @throws BridgeError declined, at Ctrl-C */
export async function ask(host: Pick<Host, 'stdin' | 'stderr'>, reporter: Reporter, question: string): Promise<boolean> {
  await reporter.release?.();
  const terminal = createInterface({ input: host.stdin, output: host.stderr });
  try {
    return await new Promise<boolean>((resolve, reject) => {
      terminal.once('SIGINT', () => reject(interrupted()));
      terminal.once('close', () => resolve(false));
      terminal.question(`${question} [y/N] `).then((answer) => resolve(/^y(es)?$/i.test(answer.trim())), reject);
    });
  } finally {
    terminal.close();
  }
}
