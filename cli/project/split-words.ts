/** A command in one line -> its words, with the quotes of a shell and nothing else of it. */
import { BridgeError } from '../errors.ts';

export function splitWords(line: string): string[] {
  const words = line.match(/(?:[^\s'"\\]|\\.|'[^']*'|"(?:[^"\\]|\\.)*")+/gs) ?? [];
  if (words.join('').length !== line.replace(/('[^']*'|"(?:[^"\\]|\\.)*"|\\.)|\s/gs, '$1').length) {
    throw new BridgeError({ kind: 'usage', code: 'command-malformed', what: `'${line}' is no command`, why: 'a quote is not closed', next: 'write it as a list: [sh, -c, ...]' });
  }
  return words.map((word) => word.replaceAll(/\\(.)|'([^']*)'|"((?:[^"\\]|\\.)*)"/gs, (_, escaped?: string, single?: string, double?: string) => escaped ?? single ?? double?.replaceAll(/\\(["\\$`])/g, '$1') ?? ''));
}
