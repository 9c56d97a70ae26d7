/** Candidates in the form that the scripts of completion (scripts.ts) read: one a line, `value<TAB>description`. */
import type { Host } from '../host.ts';
import { liveValues } from './live.ts';
import { question, type Candidate, type KnownCommand } from './question.ts';

/** Bash takes `--output=json` apart at the sign. */
function joined(words: readonly string[]): string[] {
  return words.reduce<string[]>((all, word, index) => {
    if (word === '=' && all.length > 0) return [...all.slice(0, -1), `${all.at(-1)}=`];
    if (words[index - 1] === '=' && all.at(-1)?.endsWith('=') === true) return [...all.slice(0, -1), `${all.at(-1)}${word}`];
    return [...all, word];
  }, []);
}

export async function completionLines(host: Host, shell: string, words: readonly string[], commands: readonly KnownCommand[], topics: readonly Candidate[]): Promise<string[]> {
  const asked = await question(shell === 'bash' ? joined(words) : words, commands, topics);
  const values = asked.live === undefined ? [] : await liveValues(host, asked.live, asked);
  const candidates: Candidate[] = [...asked.candidates, ...values.map((value) => ({ value }))].filter(({ value }) => value.startsWith(asked.word));
  // What bash has taken apart it puts together itself.
  const prefix = shell === 'bash' ? '' : asked.prefix;
  return candidates.map(({ value, description }) => (description === undefined ? `${prefix}${value}` : `${prefix}${value}\t${description}`));
}
