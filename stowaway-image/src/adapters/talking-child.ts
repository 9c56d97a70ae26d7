/** A system program that is told things by lines on stdin and answers on stdout, as long as it lives. */
import { execa } from 'execa';

export interface TalkingChild {
  tell(line: string): void;
  /** Ends its stdin, which is its end. */
  close(): void;
  /** By SIGKILL. */
  kill(): void;
  /** Resolves when the program has ended, with words about it. Never rejects. */
  readonly ended: Promise<string>;
}

/** Secrets go through `tell`: never through arguments or the environment. */
export function talkingChild(argv: readonly [string, ...string[]], env: Record<string, string>, onAnswer: (line: string) => void, onLog: (line: string) => void): TalkingChild {
  const [file, ...args] = argv;
  const running = execa(file, args, { buffer: false, reject: false, stdin: 'pipe', env });
  const read = async (from: 'stdout' | 'stderr', onLine: (line: string) => void): Promise<void> => {
    for await (const line of running.iterable({ from })) onLine(String(line));
  };
  const reading = Promise.allSettled([read('stdout', onAnswer), read('stderr', onLog)]);
  running.stdin?.on('error', () => undefined);
  const ended = running.then(async (result) => {
    await reading;
    return `${file} ended: ${result.signal ?? (result.exitCode === undefined ? result.shortMessage : `exit code ${result.exitCode}`)}`;
  });
  return { ended, tell: (line) => void running.stdin?.write(`${line}\n`), close: () => void running.stdin?.end(), kill: () => void running.kill('SIGKILL') };
}
