/** What is asked for when Tab is pressed: from the words before the cursor, and the commands' own descriptions. Pure. */
import type { Command, OptionSpec } from '../command.ts';
import { allOptions } from '../parse/global-options.ts';

/** Things that only the machine or the cluster knows. */
export type Live = 'context' | 'namespace' | 'target' | 'container' | 'bridge' | 'service' | 'file';

export interface Candidate {
  value: string;
  description?: string;
}

export interface Question {
  /** What the candidates must begin with. */
  word: string;
  /** Known at once. */
  candidates: Candidate[];
  live?: Live;
  /** Words of the line that change what the cluster is asked. */
  given: { context?: string; kubeconfig?: string; namespace?: string; target?: string; project?: string };
  /** Stands before each candidate: `--output=`. */
  prefix: string;
}

const liveOptions: Record<string, Live> = { context: 'context', namespace: 'namespace', target: 'target', container: 'container', kubeconfig: 'file', 'env-file': 'file', volume: 'file', bundle: 'file', file: 'file', build: 'file', project: 'file' };
const liveArguments: Record<string, Live> = { target: 'target', name: 'bridge', bridge: 'bridge', file: 'file', service: 'service' };

export interface KnownCommand {
  name: string;
  summary: string;
  load(): Promise<Command>;
}

interface Walked {
  /** The option whose value is being written. */
  open: OptionSpec | undefined;
  positionals: string[];
  given: Question['given'];
  /** After `--`: the words are another program's. */
  beyond: boolean;
}

function findOption(options: readonly OptionSpec[], word: string): OptionSpec | undefined {
  return options.find(({ name, short }) => word === `--${name}` || (short !== undefined && word === `-${short}`));
}

function walk(words: readonly string[], options: readonly OptionSpec[]): Walked {
  const walked: Walked = { open: undefined, positionals: [], given: {}, beyond: false };
  const keep = ({ name }: OptionSpec, value: string) => {
    if (name === 'context' || name === 'kubeconfig' || name === 'namespace' || name === 'target' || name === 'project') walked.given[name] = value;
  };
  for (const word of words) {
    if (walked.open !== undefined) {
      keep(walked.open, word);
      walked.open = undefined;
    } else if (word === '--') {
      walked.beyond = true;
      break;
    } else if (word.startsWith('-')) {
      const [name = '', value] = word.split(/=(.*)/s);
      const option = findOption(options, name);
      if (option?.value === undefined) continue;
      if (value === undefined) walked.open = option;
      else keep(option, value);
    } else {
      walked.positionals.push(word);
    }
  }
  return walked;
}

function optionCandidates(options: readonly OptionSpec[], used: readonly string[]): Candidate[] {
  return options.filter((option) => option.repeatable === true || !used.includes(`--${option.name}`)).map(({ name, description }) => ({ value: `--${name}`, description }));
}

function valueOf(option: OptionSpec, word: string, given: Question['given'], prefix: string): Question {
  const live = liveOptions[option.name];
  return { word, prefix, given, candidates: (option.value?.choices ?? []).map((value) => ({ value })), ...(live === undefined ? {} : { live }) };
}

/**
 * @param words after the program's name, the one under the cursor last (empty when a new one begins)
 * @param topics of `bridge help`
 */
export async function question(words: readonly string[], commands: readonly KnownCommand[], topics: readonly Candidate[] = []): Promise<Question> {
  const before = words.slice(0, -1);
  const word = words.at(-1) ?? '';
  const first = walk(before, allOptions());
  const [name] = first.positionals;
  if (name === undefined) {
    if (first.open !== undefined) return valueOf(first.open, word, first.given, '');
    if (word.startsWith('-')) return { word, prefix: '', given: {}, candidates: optionCandidates(allOptions(), before) };
    return { word, prefix: '', given: {}, candidates: [...commands.map(({ name: value, summary: description }) => ({ value, description })), { value: 'help', description: 'Explain a command or a topic' }] };
  }
  if (name === 'help') return { word, prefix: '', given: {}, candidates: [...topics, ...commands.map(({ name: value, summary: description }) => ({ value, description }))] };
  const entry = commands.find((command) => command.name === name);
  if (entry === undefined) return { word, prefix: '', given: {}, candidates: [] };
  const command = await entry.load();
  const options = allOptions(command.options);
  const { open, positionals, given, beyond } = walk(before, options);
  if (beyond) return { word, prefix: '', given, candidates: [], live: 'file' };
  if (open !== undefined) return valueOf(open, word, given, '');
  const [written = '', value] = word.split(/=(.*)/s);
  const option = value === undefined ? undefined : findOption(options, written);
  if (option?.value !== undefined && value !== undefined) return valueOf(option, value, given, `${written}=`);
  if (word.startsWith('-')) return { word, prefix: '', given, candidates: optionCandidates(options, before) };
  const specs = command.arguments ?? [];
  const argument = specs[positionals.length - 1] ?? (specs.at(-1)?.variadic === true ? specs.at(-1) : undefined);
  if (argument === undefined) return { word, prefix: '', given, candidates: optionCandidates(options, before) };
  if (argument.choices !== undefined) return { word, prefix: '', given, candidates: argument.choices.map((each) => ({ value: each })) };
  const live = liveArguments[argument.name];
  return { word, prefix: '', given, candidates: [], ...(live === undefined ? {} : { live }) };
}
