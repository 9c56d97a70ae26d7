/** Runs a system tool to its end. Arguments are an array, never a shell string; secrets go through `input`. */
import { execa } from 'execa';

/** No tool of ours takes longer; one that does hangs. */
const commandTimeoutMs = 15_000;
const tailLines = 12;

export interface RunOptions {
  /** Fed to stdin. */
  input?: string;
  timeoutMs?: number;
  /** Exit codes that count as success. Default [0]. */
  ok?: readonly number[];
}

export interface Outcome {
  exitCode: number;
  stdout: string;
  stderr: string;
}

export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exitCode: number | undefined;
  readonly output: string;

  constructor(argv: readonly string[], exitCode: number | undefined, reason: string, output: string) {
    super(`${pasteable(argv)} failed (${reason})${output === '' ? '' : `:\n${output}`}`);
    this.exitCode = exitCode;
    this.output = output;
  }
}

/** @throws CommandError with the command as one could paste it and its last output. */
export async function run(argv: readonly [string, ...string[]], options: RunOptions = {}): Promise<Outcome> {
  const [file, ...args] = argv;
  const result = await execa(file, args, {
    reject: false, stripFinalNewline: false, timeout: options.timeoutMs ?? commandTimeoutMs,
    ...(options.input === undefined ? { stdin: 'ignore' } : { input: options.input }),
  });
  const { exitCode, stdout, stderr } = result;
  if (exitCode !== undefined && (options.ok ?? [0]).includes(exitCode)) return { exitCode, stdout, stderr };
  const reason = result.timedOut ? `no end after ${options.timeoutMs ?? commandTimeoutMs} ms`
    : exitCode !== undefined ? `exit code ${exitCode}` : result.signal ?? result.originalMessage ?? 'could not be started';
  throw new CommandError(argv, exitCode, reason, [stdout, stderr].join('\n').trim().split('\n').slice(-tailLines).join('\n'));
}

function pasteable(argv: readonly string[]): string {
  return argv.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`)).join(' ');
}
