/** What a person sees: steps on a real terminal (script(1) of util-linux gives one). */
import { join } from 'node:path';
import { describe, expect, jest, test } from '@jest/globals';
import { execa } from 'execa';

const fixture = join(import.meta.dirname, 'fixtures', 'tell-steps.ts');
/** The story takes 4 s; starting Node and Ink takes long on a busy machine. */
jest.setTimeout(60_000);

const hideCursor = '\u001b[?25l';
const showCursor = '\u001b[?25h';

async function onTerminal(env: Record<string, string>) {
  const base = Object.fromEntries(Object.entries(process.env).filter(([name]) => !['CI', 'NO_COLOR', 'FORCE_COLOR', 'NODE_OPTIONS', 'TERM'].includes(name) && !name.startsWith('npm_')));
  // The pty's line discipline writes \r\n.
  const { stdout, exitCode } = await execa('script', ['-qec', `'${process.execPath}' '${fixture}'`, '/dev/null'], { env: { ...base, TERM: 'xterm', ...env }, extendEnv: false, reject: false, stdin: 'ignore' });
  return { text: stdout.replaceAll('\r\n', '\n'), exitCode };
}

/** What stays on the screen: the stream played on a terminal that knows the few sequences Ink uses. */
function screen(stream: string): string[] {
  const lines: string[] = [''];
  let row = 0;
  let column = 0;
  const put = (character: string) => {
    const line = (lines[row] ??= '').padEnd(column);
    lines[row] = line.slice(0, column) + character + line.slice(column + 1);
    column++;
  };
   
  for (const [token] of stream.matchAll(/\u001b\[[?0-9;]*[A-Za-z]|[\s\S]/g)) {
    const sequence = /^\u001b\[([?0-9;]*)([A-Za-z])$/.exec(token);  
    const count = Number(sequence?.[1] ?? '') || 1;
    switch (sequence?.[2] ?? token) {
      case '\n': row++; column = 0; lines[row] ??= ''; break;
      case '\r': column = 0; break;
      case 'A': row = sequence === null ? (put(token), row) : Math.max(0, row - count); break;
      case 'B': row = sequence === null ? (put(token), row) : row + count; break;
      case 'G': column = sequence === null ? (put(token), column) : count - 1; break;
      case 'K': if (sequence === null) put(token); else lines[row] = sequence[1] === '2' ? '' : lines[row]!.slice(0, column); break;
      case 'J': if (sequence === null) put(token); else lines.splice(row, lines.length, lines[row]!.slice(0, column)); break;
      default: if (sequence === null) put(token);
    }
  }
  return lines.map((line) => line.trimEnd()).filter((line) => line !== '');
}

describe('on a terminal', () => {
  test('spinners while it lasts, one line for each step when it is over, and the terminal as it was', async () => {
    const { text, exitCode } = await onTerminal({ NO_COLOR: '1', SLOW_MS: '4000' });
    expect(exitCode).toBe(0);
    expect(text).toMatch(/[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] Slow: the tide \d+\.\d+ s/);
    expect(text).toContain(hideCursor);
    expect(text.lastIndexOf(showCursor)).toBeGreaterThan(text.lastIndexOf(hideCursor));
    expect(screen(text).map((line) => line.replace(/ \d+\.\d+ s$/, ''))).toEqual(['✓ Quick', '✓ Middle', '✓ Slow: at last', 'the answer', '↩ undo quick']);
  });

  test('what is over at once needs no drawing', async () => {
    const { text } = await onTerminal({ SLOW_MS: '0', NO_COLOR: '1' });
    expect(screen(text).map((line) => line.replace(/ \d+\.\d+ s$/, ''))).toEqual(expect.arrayContaining(['✓ Quick', '✓ Slow: at last', 'the answer']));
  });

  test.each<Record<string, string>>([{ CI: 'true' }, { TERM: 'dumb' }])('plain lines with %j', async (env) => {
    const { text } = await onTerminal({ ...env, NO_COLOR: '1' });
    expect(text).not.toContain('\u001b');
    expect(text.split('\n').map((line) => line.replace(/ \d+\.\d+ s$/, ''))).toEqual(['✓ Quick', '✓ Middle', '✓ Slow: at last', 'the answer', '↩ undo quick']);
  });
});
