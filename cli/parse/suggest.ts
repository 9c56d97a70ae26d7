/** Did-you-mean: the nearest of the known words, or none when all are far away. */

/** Edits (insert, delete, replace, swap of neighbours) between two words. */
export function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const above = rows[i - 1]!;
      let best = Math.min(above[j]! + 1, row[j - 1]! + 1, above[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) best = Math.min(best, rows[i - 2]![j - 2]! + 1);
      row.push(best);
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}

/** The same first letter, then letters of the word in their order, at least half of them. */
function abbreviates(short: string, word: string): boolean {
  const [letters, of] = [short.replace(/^-+/, ''), word.replace(/^-+/, '')];
  if (letters.length < 2 || letters[0] !== of[0] || letters.length * 2 < of.length) return false;
  let at = 0;
  for (const letter of of) if (letter === letters[at]) at++;
  return at === letters.length;
}

export function suggest(word: string, known: readonly string[]): string | undefined {
  const begins = known.filter((candidate) => word.length >= 2 && candidate.startsWith(word));
  if (begins.length === 1) return begins[0];
  const limit = Math.max(1, Math.floor(word.length / 3));
  return known
    .map((candidate) => ({ candidate, edits: distance(word.toLowerCase(), candidate.toLowerCase()) }))
    // An abbreviation leaves letters out: `--img`, `--nmspace`.
    .filter(({ candidate, edits }) => edits <= limit || abbreviates(word, candidate))
    .sort((a, b) => a.edits - b.edits)[0]?.candidate;
}
