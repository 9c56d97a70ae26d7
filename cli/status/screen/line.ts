/** A line of the screen as data: Ink, a test and the picture in the README are made of it. */

/** Never the only carrier of a meaning: a sign or a word always says the same. */
export type Style = 'bold' | 'dim' | 'good' | 'warn' | 'bad' | 'accent' | 'inverse';

export interface Span {
  text: string;
  style?: Style;
}

export type Line = Span[];

export function textOf(line: Line): string {
  return line.map(({ text }) => text).join('');
}

/** Signs for terminals that show Unicode, and for those that do not. */
export interface Signs {
  ok: string;
  busy: string;
  warn: string;
  bad: string;
  select: string;
  down: string;
  up: string;
  ellipsis: string;
  rule: string;
  /** From low to high. */
  levels: readonly string[];
}

export const unicodeSigns: Signs = { ok: '●', busy: '◌', warn: '▲', bad: '✗', select: '›', down: '↓', up: '↑', ellipsis: '…', rule: '─', levels: ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] };
export const asciiSigns: Signs = { ok: '*', busy: '~', warn: '!', bad: 'x', select: '>', down: 'in', up: 'out', ellipsis: '~', rule: '-', levels: ['_', '.', '-', '=', '+', '*', '#', '@'] };

/** The locale's character set, as POSIX has it; the Linux console has no such signs in its font. */
export function signsFor(env: Record<string, string | undefined>): Signs {
  const locale = [env.LC_ALL, env.LC_CTYPE, env.LANG].find((value) => value !== undefined && value !== '') ?? '';
  return /utf-?8/i.test(locale) && env.TERM !== 'linux' && (env.PODBRIDGE_ASCII ?? '') === '' ? unicodeSigns : asciiSigns;
}
