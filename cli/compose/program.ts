/** `docker compose`, version 2 or later: it reads the user's files, and makes the containers. Models go to it through stdin, so that no value of a variable is in a file or a command line. */
import { run, runInForeground, type RunResult } from '../adapters/process/index.ts';
import { BridgeError, isBridgeError } from '../errors.ts';
import type { Host } from '../host.ts';
import { shellWords } from '../shell-words.ts';
import { modelText, type ComposeModel } from './model.ts';

/** Its options that come before its own commands, as the user gave them to us. */
export interface ComposeChoice {
  files: string[];
  profiles: string[];
  envFiles: string[];
  projectName?: string;
  projectDirectory?: string;
}

export interface RunComposeOptions {
  /** Goes to its stdin: with `-f -`. */
  input?: string;
  signal?: AbortSignal;
  onLine?: (line: string) => void;
  env?: Record<string, string>;
}

export class ComposeProgram {
  /** `2.40.3`. */
  readonly version: string;
  readonly #host: Host;

  constructor(host: Host, version: string) {
    this.#host = host;
    this.version = version;
  }

  run(args: readonly string[], { input, signal, onLine, env }: RunComposeOptions = {}): Promise<RunResult> {
    return run(['docker', 'compose', ...args], {
      cwd: this.#host.cwd, env: { ...this.#host.env, ...env }, ...(input === undefined ? {} : { input }), ...(signal === undefined ? {} : { signal }), ...(onLine === undefined ? {} : { onLine }),
    });
  }

  /**
   * With this model in place of the user's files. A failure tells the command with his files: one with the model could not be typed, since that comes
   * from us and has the pods' variables in it.
   */
  async runModel(model: ComposeModel, choice: ComposeChoice, args: readonly string[], options: Omit<RunComposeOptions, 'input'> = {}): Promise<RunResult> {
    try {
      return await this.run([...modelArguments(model.name, choice), ...args], { ...options, input: modelText(model) });
    } catch (error) {
      if (!isBridgeError(error) || error.facts.code !== 'command-failed') throw error;
      const typed = shellWords(['docker', 'compose', ...choiceArguments(choice), ...args]);
      throw new BridgeError({ ...error.facts, next: args[0] === 'up' ? `${typed}   (the same without the cluster)` : typed });
    }
  }

  /** With our own streams, to its end or the signal. */
  inForeground(args: readonly string[], signal?: AbortSignal): Promise<number> {
    return runInForeground(['docker', 'compose', ...args], { cwd: this.#host.cwd, env: this.#host.env, ...(signal === undefined ? {} : { signal }), onSignal: (handler) => this.#host.onSignal(handler) });
  }
}

/** The user's own files. */
export function choiceArguments({ files, profiles, envFiles, projectName, projectDirectory }: ComposeChoice): string[] {
  return [
    ...files.flatMap((file) => ['-f', file]), ...profiles.flatMap((profile) => ['--profile', profile]), ...envFiles.flatMap((file) => ['--env-file', file]),
    ...(projectName === undefined ? [] : ['-p', projectName]), ...(projectDirectory === undefined ? [] : ['--project-directory', projectDirectory]),
  ];
}

/** A model on stdin instead of them. */
export function modelArguments(project: string, { profiles, projectDirectory }: Pick<ComposeChoice, 'profiles' | 'projectDirectory'>): string[] {
  return ['-p', project, '-f', '-', ...profiles.flatMap((profile) => ['--profile', profile]), ...(projectDirectory === undefined ? [] : ['--project-directory', projectDirectory])];
}

const oldest = 2;

function missing(what: string, why: string, cause?: unknown): BridgeError {
  return new BridgeError({ kind: 'environment', code: 'compose-missing', what, why, next: 'install the plugin: https://docs.docker.com/compose/install/ (with Docker\'s own packages: apt-get install docker-compose-plugin; Ubuntu\'s: docker-compose-v2; Debian\'s, from 13 on: docker-compose)', cause });
}

/** Throws `compose-missing`. */
export async function findCompose(host: Host): Promise<ComposeProgram> {
  const { stdout } = await run(['docker', 'compose', 'version', '--short'], { cwd: host.cwd, env: host.env }).catch((error: unknown) => {
    if (isBridgeError(error) && (error.facts.code === 'command-missing' || error.facts.code === 'command-failed')) throw missing('there is no docker compose here', error.facts.code === 'command-missing' ? 'there is no docker program on PATH' : 'docker has no plugin compose', error);
    throw error;
  });
  const version = stdout.trim().replace(/^v/, '');
  if (!(Number(version.split('.')[0]) >= oldest)) throw missing(`docker compose ${version} is too old`, `version ${oldest} or later is needed`);
  return new ComposeProgram(host, version);
}

/** Is the version that one, or later? */
export function atLeast(version: string, wanted: string): boolean {
  const [have, want] = [version, wanted].map((text) => text.split(/[.-]/).map(Number)) as [number[], number[]];
  for (const [index, number] of want.entries()) if (have[index] !== number) return (have[index] ?? 0) > number;
  return true;
}
