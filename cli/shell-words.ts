/** For whoever pastes it into a POSIX shell. */

/** Quoted where it must be. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

export function shellWords(argv: readonly string[]): string {
  return argv.map(shellWord).join(' ');
}
