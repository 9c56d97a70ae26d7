/** What a value of bridge.yaml turns out to be wrong with only in the cluster or in Docker, told in the file's words: nobody has typed a flag. */
import type { Options, OptionSpec } from '../command.ts';
import { BridgeError, isBridgeError } from '../errors.ts';
import { keysOf } from './keys.ts';
import type { Project } from './project.ts';

export interface FileValues {
  /** What the file's services say, of those that are run. Absent: whoever called can say nothing but keys. */
  said?: readonly Options[];
  /** What the command line says itself. */
  given: ReadonlySet<string>;
  /** Of `bridge run`. */
  options: readonly OptionSpec[];
  /** The file, as messages call it. */
  file?: string;
}

const flagPattern = /--([a-z]+(?:-[a-z]+)*)/g;

/** `--container api` becomes `container: api` where the container is the file's. */
export function inFileWords(error: unknown, { said, given, options, file }: FileValues): unknown {
  if (!isBridgeError(error)) return error;
  const keys = new Map(keysOf(options, 'service').filter(({ name }) => !given.has(name) && (said === undefined || said.some((values) => values[name] !== undefined))).map(({ option, key }) => [option.name, key]));
  if (said === undefined) for (const { option, key } of keysOf(options, 'rule')) keys.set(option.name, `rules.${key}`);
  let changed = false;
  const words = (text: string): string => text.replaceAll(flagPattern, (flag, name: string) => {
    const key = keys.get(name);
    changed ||= key !== undefined;
    return key === undefined ? flag : `${key}:`;
  });
  const { what, why, next } = error.facts;
  const told = { what: words(what), ...(why === undefined ? {} : { why: words(why) }), ...(next === undefined ? {} : { next: words(next) }) };
  if (!changed) return error;
  return new BridgeError({ ...error.facts, ...told, ...(file === undefined ? {} : { next: told.next === undefined ? `edit ${file}` : `${told.next}  (in ${file})` }) });
}

const keyOf: Partial<Record<string, 'context' | 'kubeconfig'>> = { 'context-missing': 'context', 'kubeconfig-missing': 'kubeconfig', 'kubeconfig-invalid': 'kubeconfig' };

/** Which cluster is meant may stand in the file too: then that is what is to be changed. */
export function withPlace(error: unknown, { settings, placeOf }: Pick<Project, 'settings' | 'placeOf'>, given: ReadonlySet<string>): unknown {
  const key = isBridgeError(error) ? keyOf[error.facts.code] : undefined;
  if (key === undefined || given.has(key) || typeof settings[key] !== 'string') return error;
  const { facts } = error as BridgeError;
  return new BridgeError({ ...facts, why: [`${placeOf(key)} says ${key}: ${settings[key]}`, facts.why].filter(Boolean).join('; '), next: `edit ${placeOf(key)}, or say it yourself this time: --${key} ${key === 'context' ? 'NAME' : 'FILE'}` });
}
