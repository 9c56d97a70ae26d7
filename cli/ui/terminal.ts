/** What the terminal on the other end can take. */
import type { Host } from '../host.ts';

/** https://no-color.org: set and not empty means no colour; FORCE_COLOR is Node's own convention. */
export function wantsColor(host: Pick<Host, 'env' | 'stderr'>): boolean {
  if ((host.env.NO_COLOR ?? '') !== '') return false;
  if ((host.env.FORCE_COLOR ?? '') !== '' && host.env.FORCE_COLOR !== '0') return true;
  return host.stderr.isTTY === true && host.env.TERM !== 'dumb';
}

/** Moving pictures only where a person looks at all three streams. */
export function isInteractive(host: Pick<Host, 'env' | 'stdin' | 'stdout' | 'stderr'>): boolean {
  const ci = (host.env.CI ?? '') !== '' && host.env.CI !== 'false';
  return !ci && host.env.TERM !== 'dumb' && host.stdin.isTTY === true && host.stdout.isTTY === true && host.stderr.isTTY === true;
}

export interface Paint {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
}

/** ANSI SGR sequences (ECMA-48), or nothing. */
export function paint(color: boolean): Paint {
  const wrap = (on: number, off: number) => (text: string) => (color ? `\u001b[${on}m${text}\u001b[${off}m` : text);
  return { bold: wrap(1, 22), dim: wrap(2, 22), red: wrap(31, 39), green: wrap(32, 39), yellow: wrap(33, 39) };
}
