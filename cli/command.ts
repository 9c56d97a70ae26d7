/** A command is data plus a thin handler: help, completion, docs and `-o json` come from the same description. */
import type { Host } from './host.ts';
import type { Project } from './project/project.ts';
import type { Reporter } from './ui/events.ts';

export type OutputFormat = 'text' | 'wide' | 'json' | 'yaml';

/** How bridge.yaml says what an option says. */
export interface FileKey {
  /** Absent: the option's name in camelCase. */
  key?: string;
  /** project: at the top; rule: in one of a service's `rules`. Absent: in a service. */
  of?: 'project' | 'service' | 'rule' | 'project and service';
  /** Absent: by the option's value: true or false, a text, one of its choices, a list of texts. See cli/project/forms.ts. */
  form?: 'env' | 'map' | 'mounts' | 'path' | 'paths';
  /** The command line adds to it instead of replacing it. */
  adds?: boolean;
}

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
  /** Options of `bridge run` are keys of services in bridge.yaml too, without further words; false: not this one. */
  file?: false | FileKey;
}

export interface ArgumentSpec {
  name: string;
  description: string;
  required?: boolean;
  variadic?: boolean;
  /** For completion; the command checks them itself. */
  choices?: readonly string[];
}

export type Options = Record<string, string | string[] | boolean | undefined>;

export interface CommandContext {
  host: Host;
  reporter: Reporter;
  output: OutputFormat;
  /** Options by long name in camelCase: string | string[] | boolean | undefined, as described by the command. */
  options: Options;
  /** Names of those that a flag or a variable gave; the others have their defaults. */
  given: ReadonlySet<string>;
  args: string[];
  /** Everything after `--`. */
  rest: string[];
  /** The bridge.yaml found upward from the working directory. */
  project?: Project;
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
  /**
   * What it takes from bridge.yaml. services: all of the file has to be right. place (default): only what stands at the top (context,
   * namespace and the like), so mistakes in services are told and passed over. nothing: it may be as wrong as it likes.
   */
  takesProject?: 'services' | 'place' | 'nothing';
  /**
   * Where a bridge.yaml cannot even be asked for the place: what somebody has to name before this command acts, so that nothing begins or
   * ends in another cluster than was meant. Default: context and namespace. []: it only looks, and goes on with the kubeconfig's.
   */
  mustKnow?: readonly ('context' | 'namespace')[];
  /** SDKs are imported inside, never at the top of a command's file. */
  run(context: CommandContext): Promise<CommandResult>;
}
