/** Words of the command line -> values, by commander behind our own description of commands. */
import { Argument, Command as Program, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { Command, CommandContext, OptionSpec } from '../command.ts';
import { BridgeError } from '../errors.ts';
import { camelCase } from './camel-case.ts';
import { allOptions } from './global-options.ts';
import { optionTerm, usageLine } from './help.ts';
import { suggest } from './suggest.ts';

export type Parsed = Pick<CommandContext, 'options' | 'given' | 'args' | 'rest'>;

function declare(spec: OptionSpec): Option {
  const option = new Option(`${optionTerm(spec).trim().replace(/ (\S+)$/, spec.value === undefined ? ' $1' : ' <$1>')}`, spec.description);
  option.argParser<string | string[] | undefined>((value, previous) => {
    if (spec.value?.choices !== undefined && !spec.value.choices.includes(value)) {
      throw new InvalidArgumentError(`it must be one of ${spec.value.choices.join(', ')}`);
    }
    if (spec.repeatable === true) return [...(Array.isArray(previous) ? previous : []), value];
    // The same again, as wrappers do it, takes nothing from anybody.
    if (spec.value !== undefined && previous !== undefined && previous !== value) {
      throw new BridgeError({
        kind: 'usage', code: 'option-repeated', what: `--${spec.name} is there twice, with ${String(previous)} and with ${value}`, why: 'it takes one value, and neither is more yours than the other',
        next: `leave one of them out${spec.name === 'target' ? ', or bridge run each of them' : ''}`,
      });
    }
    return value;
  });
  return option;
}

function fromEnv(spec: OptionSpec, env: Record<string, string | undefined>): string | string[] | boolean | undefined {
  const value = spec.env === undefined ? undefined : env[spec.env];
  if (value === undefined || value === '') return undefined;
  if (spec.value === undefined) return !['0', 'false', 'no'].includes(value.toLowerCase());
  if (spec.value.choices !== undefined && !spec.value.choices.includes(value)) {
    throw new BridgeError({ kind: 'usage', code: 'usage', what: `${spec.env} is '${value}'`, why: `it must be one of ${spec.value.choices.join(', ')}`, next: `unset ${spec.env}` });
  }
  return spec.repeatable === true ? [value] : value;
}

/** What stands behind a first word that is no option belongs to the command that is to be run, most likely. */
function forgottenDashes(own: readonly string[], unknown: string, { name }: Command): string {
  const first = own.findIndex((word) => !word.startsWith('-'));
  const at = own.indexOf(unknown);
  return `bridge ${name} --help${first !== -1 && first < at ? ', or, if it is for the command that is run: put -- before that command' : ''}`;
}

function usageError(error: CommanderError, command: Command, specs: OptionSpec[], own: readonly string[]): BridgeError {
  const what = error.message.replace(/^error: /, '').split('\n')[0]!.replace(/\.$/, '');
  const unknown = error.code === 'commander.unknownOption' ? /'(-[^']+)'/.exec(what)?.[1] : undefined;
  const meant = unknown === undefined ? undefined : suggest(unknown.replace(/=.*/, ''), specs.map((spec) => `--${spec.name}`));
  return new BridgeError({
    kind: 'usage', code: 'usage', what, ...(meant === undefined ? {} : { why: `did you mean ${meant}?` }), next: unknown !== undefined && command.takesRest === true ? forgottenDashes(own, unknown, command) : `bridge ${command.name} --help`, detail: `usage: ${usageLine(command)}`,
  });
}

/** Precedence: flag, environment variable, default. Throws BridgeError `usage`. */
export function parse(command: Command, words: readonly string[], env: Record<string, string | undefined>): Parsed {
  const dashes = words.indexOf('--');
  const own = dashes === -1 ? words : words.slice(0, dashes);
  const rest = dashes === -1 ? [] : words.slice(dashes + 1);
  if (rest.length > 0 && command.takesRest !== true) {
    throw new BridgeError({ kind: 'usage', code: 'usage', what: `bridge ${command.name} takes no command after --`, next: `bridge ${command.name} --help` });
  }
  const specs = allOptions(command.options);
  const program = new Program(command.name).exitOverride().configureOutput({ writeErr: () => undefined, writeOut: () => undefined }).helpOption(false).allowExcessArguments(false).showSuggestionAfterError(false);
  for (const spec of specs) program.addOption(declare(spec));
  for (const argument of command.arguments ?? []) {
    const name = `${argument.name}${argument.variadic === true ? '...' : ''}`;
    program.addArgument(new Argument(argument.required === true ? `<${name}>` : `[${name}]`, argument.description));
  }
  program.action(() => undefined);
  try {
    program.parse(own, { from: 'user' });
  } catch (error) {
    // Help wins over whatever else is wrong or missing on the line.
    if (own.includes('--help') || own.includes('-h')) return { options: { help: true }, given: new Set(), args: [], rest };
    if (error instanceof CommanderError || (error as { code?: string }).code?.startsWith('commander.') === true) throw usageError(error as CommanderError, command, specs, own);
    throw error;
  }
  const flags = program.opts<Parsed['options']>();
  const options: Parsed['options'] = {};
  const given = new Set<string>();
  for (const spec of specs) {
    const name = camelCase(spec.name);
    // To commander, `--no-x` is what makes the option `x` false.
    const negated = spec.name.startsWith('no-') && flags[camelCase(spec.name.slice(3))] === false ? true : undefined;
    const value = flags[name] ?? negated ?? fromEnv(spec, env);
    if (value !== undefined) given.add(name);
    options[name] = value ?? spec.default;
  }
  return { options, given, args: program.args, rest };
}
