/** A command is data plus a thin handler: help, completion, docs and `-o json` come from the same description. */
import type { Host } from './host.ts';
import type { Reporter } from './ui/events.ts';

export type OutputFormat = 'text' | 'wide' | 'json' | 'yaml';

export interface OptionSpec {
  /** Long name without dashes, kebab-case: `dry-run`. */
  name: string;
  short?: string;
  description: string;
  /** Absent: a flag without value. */
  value?: { placeholder: string; choices?: readonly string[] };
  /** May be given several times; the value is then an array. */
  repeatable?: boolean;
  default?: string | boolean;
  /** Environment variable that stands in for the flag (`PODBRIDGE_...`). */
  env?: string;
}

export interface ArgumentSpec {
  name: string;
  description: string;
  required?: boolean;
  variadic?: boolean;
}

export interface CommandContext {
  host: Host;
  reporter: Reporter;
  output: OutputFormat;
  /** Options by long name in camelCase: string | string[] | boolean | undefined, as described by the command. */
  options: Record<string, string | string[] | boolean | undefined>;
  args: string[];
  /** Everything after `--`. */
  rest: string[];
}

/** What a command answers: `text` is printed as it is, `data` is the one object of `-o json`/`-o yaml`. */
export interface CommandResult {
  data?: unknown;
  /** Instead of `data` in `-o yaml`: one YAML document each. */
  documents?: unknown[];
  text?: string;
  exitCode?: number;
}

export interface Command {
  name: string;
  summary: string;
  description?: string;
  examples?: { command: string; explains: string }[];
  arguments?: ArgumentSpec[];
  options?: OptionSpec[];
  /** Words after `--` are the command's own; without it they are a usage error. */
  takesRest?: boolean;
  /** SDKs are imported inside, never at the top of a command's file. */
  run(context: CommandContext): Promise<CommandResult>;
}
