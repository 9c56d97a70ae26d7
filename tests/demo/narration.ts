/** How the demo talks: chapters, commands as they are typed, their output, and what each shows. */
import { progressOn, type Progress } from '../cluster/index.ts';

export class ExpectationFailed extends Error {}

export interface Narration {
  readonly passed: number;
  chapter(title: string, words?: string): void;
  say(text: string): void;
  command(text: string): void;
  output(text: string): void;
  /** Prints what was shown, or ends the demo. */
  expect(condition: boolean, shows: string, butGot?: unknown): void;
  /** For the slow steps of the cluster and of image builds. */
  progress: Progress;
}

export function narrate(out: NodeJS.WriteStream): Narration {
  const color = (code: number) => (text: string): string => (out.isTTY ? `\x1b[${code}m${text}\x1b[0m` : text);
  const [bold, dim, green, red, cyan] = [color(1), color(2), color(32), color(31), color(36)];
  const indent = (text: string): string => text.trimEnd().split('\n').map((line) => `    ${line}`).join('\n');
  let chapters = 0;
  let passed = 0;
  return {
    get passed() {
      return passed;
    },
    chapter(title, words) {
      chapters++;
      out.write(`\n${bold(`${chapters}. ${title}`)}\n`);
      if (words !== undefined) out.write(`${words}\n`);
      out.write('\n');
    },
    say: (text) => void out.write(`${text}\n`),
    command: (text) => void out.write(`  ${cyan('$')} ${text}\n`),
    output(text) {
      if (text.trim() !== '') out.write(`${dim(indent(text))}\n`);
    },
    expect(condition, shows, butGot) {
      if (!condition) {
        out.write(`  ${red('✗')} ${shows}\n`);
        throw new ExpectationFailed(`${shows}: not so${butGot === undefined ? '' : `, but ${typeof butGot === 'string' ? butGot : JSON.stringify(butGot, null, 2)}`}`);
      }
      passed++;
      out.write(`  ${green('✓')} ${shows}\n`);
    },
    progress: progressOn(out, '  '),
  };
}
