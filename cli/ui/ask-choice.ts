/** Which of several: a numbered list, answered with numbers or names, at a terminal. */
import { createInterface } from 'node:readline/promises';
import { Interrupted } from '../bridge/interrupts.ts';
import type { Host } from '../host.ts';
import type { Reporter } from './events.ts';

/** Words of an answer -> choices; undefined when one of them is neither a number of the list nor a name in it. */
export function readChoice(answer: string, choices: readonly string[]): string[] | undefined {
  const words = answer.split(/[\s,]+/).filter(Boolean);
  const chosen = words.map((word) => (/^\d+$/.test(word) ? choices[Number(word) - 1] : choices.find((choice) => choice === word)));
  return words.length === 0 || chosen.includes(undefined) ? undefined : [...new Set(chosen as string[])];
}

/** Asks again after an answer that means nothing, and says so; the end of input is undefined. @throws Interrupted, at Ctrl-C */
export async function askChoice(host: Pick<Host, 'stdin' | 'stderr'>, reporter: Reporter, question: string, choices: readonly string[]): Promise<string[] | undefined> {
  await reporter.release?.();
  const terminal = createInterface({ input: host.stdin, output: host.stderr });
  host.stderr.write(`${choices.map((choice, index) => `${String(index + 1).padStart(3)}  ${choice}`).join('\n')}\n`);
  try {
    for (;;) {
      const answer = await new Promise<string | undefined>((resolve, reject) => {
        terminal.once('SIGINT', () => reject(new Interrupted('SIGINT')));
        terminal.once('close', () => resolve(undefined));
        terminal.question(`${question} `).then(resolve, reject);
      });
      if (answer === undefined) return undefined;
      const chosen = readChoice(answer, choices);
      if (chosen !== undefined) return chosen;
      host.stderr.write(`that is none of them: numbers from 1 to ${choices.length}, or names\n`);
    }
  } finally {
    terminal.close();
  }
}
