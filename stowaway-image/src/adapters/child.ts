/** A system program that is meant to stay. */
import { execa } from 'execa';

export interface Child {
  readonly pid: number | undefined;
  kill(signal: NodeJS.Signals): void;
  /** Resolves when the program has ended, for whatever reason, with words about it. Never rejects. */
  readonly ended: Promise<string>;
}

/** Its output goes to `onLine`. @param env added to our own environment. */
export function child(argv: readonly [string, ...string[]], env: Record<string, string>, onLine: (line: string) => void): Child {
  const [file, ...args] = argv;
  const running = execa(file, args, { all: true, buffer: false, reject: false, stdin: 'ignore', env });
  const reading = (async () => {
    for await (const line of running.iterable({ from: 'all' })) onLine(String(line));
  })().catch(() => undefined);
  const ended = running.then(async (result) => {
    await reading;
    return `${file} ended: ${result.signal ?? (result.exitCode === undefined ? result.shortMessage : `exit code ${result.exitCode}`)}`;
  });
  return { pid: running.pid, ended, kill: (signal) => void running.kill(signal) };
}
