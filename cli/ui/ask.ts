/** A yes-or-no question to a person at a terminal. */
import { createInterface } from 'node:readline/promises';
import { Interrupted } from '../bridge/interrupts.ts';
import type { Host } from '../host.ts';
import type { Reporter } from './events.ts';

/** Only where there is somebody to answer: see isInteractive. Anything but yes is no. @throws Interrupted, at Ctrl-C */
export async function ask(host: Pick<Host, 'stdin' | 'stderr'>, reporter: Reporter, question: string): Promise<boolean> {
  await reporter.release?.();
  const terminal = createInterface({ input: host.stdin, output: host.stderr });
  try {
    return await new Promise<boolean>((resolve, reject) => {
      terminal.once('SIGINT', () => reject(new Interrupted('SIGINT')));
      terminal.once('close', () => resolve(false));
      terminal.question(`${question} [y/N] `).then((answer) => resolve(/^y(es)?$/i.test(answer.trim())), reject);
    });
  } finally {
    terminal.close();
  }
}
