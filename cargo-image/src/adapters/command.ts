/** Runs the system's tools. Arguments are arrays; secrets go through files that only root reads, never argv. */
import { execa, ExecaError, type ResultPromise } from 'execa';

const commandTimeoutMs = 5000;
const detailMaxBytes = 2000;

/** A tool that failed: the pasteable command and its last output. */
export class CommandError extends Error {
  readonly command: string;
  readonly stderr: string;

  constructor(command: string, stderr: string) {
    super(`${command}: ${stderr === '' ? 'failed without a word' : stderr}`);
    this.name = 'CommandError';
    this.command = command;
    this.stderr = stderr;
  }
}

/** Returns stdout; throws {@link CommandError}. */
export async function command(file: string, args: string[], input = ''): Promise<string> {
  try {
    const { stdout } = await execa(file, args, { input, timeout: commandTimeoutMs });
    return stdout;
  } catch (error) {
    if (!(error instanceof ExecaError)) throw error;
    const said = typeof error.stderr === 'string' && error.stderr !== '' ? error.stderr : error.shortMessage;
    throw new CommandError([file, ...args].join(' '), said.slice(-detailMaxBytes));
  }
}

export interface Child {
  readonly pid: number | undefined;
  stop(): Promise<void>;
  /** Resolves when the program has ended, for whatever reason, with words about it. */
  readonly ended: Promise<string>;
}

/** A program that is meant to stay. Its output goes to `onLine`. */
export function child(file: string, args: string[], env: Record<string, string>, onLine: (line: string) => void): Child {
  const running: ResultPromise<{ all: true; buffer: false; reject: false; stdin: 'ignore' }> = execa(file, args, { all: true, buffer: false, reject: false, stdin: 'ignore', env });
  void (async () => {
    for await (const line of running.iterable({ from: 'all' })) onLine(String(line));
  })().catch(() => undefined);
  const ended = running.then((result) => `${file} ended: ${result.signal ?? `exit code ${result.exitCode ?? '?'}`}`);
  return {
    pid: running.pid,
    ended,
    async stop() {
      running.kill('SIGTERM');
      await ended;
    },
  };
}
