/** execa behind our own error: the pasteable command and its last output. */
import { execa } from 'execa';
import { BridgeError } from '../../errors.ts';
import { shellWords } from '../../shell-words.ts';
import type { RunOptions, RunResult } from './index.ts';

const lastLines = 15;

export async function runWithExeca([file, ...args]: [string, ...string[]], options: RunOptions): Promise<RunResult> {
  const command = shellWords([file, ...args]);
  const child = execa(file, args, {
    cwd: options.cwd, env: options.env, extendEnv: true, input: options.input, timeout: options.timeoutMs, cancelSignal: options.signal,
    stdin: options.input === undefined ? 'ignore' : 'pipe', all: true, reject: false, forceKillAfterDelay: 2000,
  });
  if (options.onLine !== undefined) void follow(child.iterable({ from: 'all' }), options.onLine);
  const result = await child;
  if (!result.failed) return { stdout: result.stdout, stderr: result.stderr, elapsedMs: Math.round(result.durationMs) };
  const output = (result.all ?? '').split('\n').slice(-lastLines).join('\n').trim();
  if (result.isCanceled) options.signal?.throwIfAborted();
  if (result.timedOut) {
    throw new BridgeError({ kind: 'timeout', code: 'command-timeout', what: `\`${command}\` took longer than ${Math.round((options.timeoutMs ?? 0) / 1000)} s`, next: command, detail: output, cause: result });
  }
  if (result.code === 'ENOENT') {
    throw new BridgeError({ kind: 'environment', code: 'command-missing', what: `the program ${file} is not there`, why: 'it is not installed, or not on PATH', next: `command -v ${file}`, cause: result });
  }
  const end = result.signal === undefined ? `exit code ${result.exitCode ?? 'unknown'}` : `signal ${result.signal}`;
  throw new BridgeError({ kind: 'environment', code: 'command-failed', what: `\`${command}\` ended with ${end}`, why: output.split('\n').at(-1), next: command, detail: output, cause: result });
}

async function follow(lines: AsyncIterable<unknown>, onLine: (line: string) => void): Promise<void> {
  try {
    for await (const line of lines) onLine(String(line));
  } catch {
    // The iterable repeats the child's failure, which the caller gets from the result.
  }
}
