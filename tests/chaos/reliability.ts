/** docs/reliability.md's table: made by the long form of the chaos suite. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Outcome, Row } from './measure.ts';

export const reliabilityFile = join(import.meta.dirname, '..', '..', 'docs', 'reliability.md');

/** The place of a generated part in the document. */
const marks = (part: string): [string, string] => [`<!-- ${part}: begin, written by npm run test:chaos -->`, `<!-- ${part}: end -->`];

const seconds = (ms: number): string => (ms / 1000).toFixed(ms < 10_000 ? 2 : 0);
const failed = (rounds: Outcome[]): string => {
  const errors = new Map<string, number>();
  for (const { errors: found } of rounds) for (const [kind, count] of Object.entries(found)) errors.set(kind, (errors.get(kind) ?? 0) + count);
  const [sum, sent] = [rounds.reduce((total, round) => total + round.failed, 0), rounds.reduce((total, round) => total + round.sent, 0)];
  return `${sum} of ${sent}${sum === 0 ? '' : ` (${[...errors].map(([kind, count]) => `${count} ${kind}`).join(', ')})`}`;
};

/** A Markdown table with a line for each fault; rounds of the same one are added up, of times the longest is told. */
export function faultTable(rows: readonly Row[]): string {
  const byFault = new Map<string, Row[]>();
  for (const row of rows) byFault.set(row.fault, [...byFault.get(row.fault) ?? [], row]);
  const lines = [...byFault].map(([fault, rounds]) => {
    const cells = (['plain', 'ruled'] as const).flatMap((side) => {
      const [fresh, kept] = [rounds.map(({ sides }) => sides[side].new), rounds.map(({ sides }) => sides[side].kept)];
      return [failed(fresh), failed(kept), seconds(Math.max(...fresh.map(({ gapMs }) => gapMs)))];
    });
    const residue = [...new Set(rounds.flatMap((row) => row.residue))];
    return `| ${[fault, rounds[0]!.kind, ...cells, seconds(Math.max(...rounds.map(({ againMs }) => againMs ?? 0))), residue.length === 0 ? 'none' : residue.join('; ')].join(' | ')} |`;
  });
  return [
    '| what happens | kind | no rule: failed, new | failed, kept | longest gap, s | rule: failed, new | failed, kept | longest gap, s | bridge serves again, s | residue |',
    '|---|---|---|---|---|---|---|---|---|---|', ...lines,
  ].join('\n');
}

/** Puts a generated part in the place of the one that the document has. */
export async function writePart(part: string, text: string): Promise<void> {
  const [begin, end] = marks(part);
  const document = await readFile(reliabilityFile, 'utf8');
  const [from, to] = [document.indexOf(begin), document.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${reliabilityFile} has no place for ${part}`);
  await writeFile(reliabilityFile, `${document.slice(0, from + begin.length)}\n${text}\n${document.slice(to)}`);
}
