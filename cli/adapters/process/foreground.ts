/** A program that takes over the terminal: it has our streams, and its end is ours. */
import { constants } from 'node:os';
import { execa } from 'execa';
import { BridgeError } from '../../errors.ts';
import { shellWords } from '../../shell-words.ts';
import type { ForegroundOptions } from './index.ts';

export async function foregroundWithExeca([file, ...args]: [string, ...string[]], options: ForegroundOptions): Promise<number> {
  const child = execa(file, args, { cwd: options.cwd, env: options.env, extendEnv: false, stdio: 'inherit', reject: false, cleanup: true, ...(options.signal === undefined ? {} : { cancelSignal: options.signal }) });
  // Ctrl-C reaches it too, by the terminal; what is sent to us alone is handed on.
  const stop = options.onSignal((signal) => { if (signal !== 'SIGINT') child.kill(signal); });
  try {
    const result = await child;
    if (result.exitCode !== undefined) return result.exitCode;
    if (result.signal !== undefined) return 128 + (constants.signals[result.signal] ?? 0);
    const missing = result.code === 'ENOENT';
    throw new BridgeError({
      kind: 'environment', code: missing ? 'command-not-found' : 'command-failed', exitCode: missing ? 127 : 126, what: `the program ${file} ${missing ? 'is not there' : 'cannot be run'}`,
      why: missing ? 'it is not installed, or not on PATH' : result.originalMessage, next: missing ? `command -v ${file}` : shellWords([file, ...args]), cause: result,
    });
  } finally {
    stop();
  }
}
