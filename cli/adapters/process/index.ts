/** Child processes for the CLI. Arguments are arrays, never a shell string; secrets go through stdin. */

export interface RunOptions {
  cwd?: string;
  /** Added to the environment that the child inherits. */
  env?: Record<string, string | undefined>;
  input?: string | Buffer | Uint8Array;
  timeoutMs?: number;
  signal?: AbortSignal;
  /** Every line of stdout and stderr as it comes. */
  onLine?: (line: string) => void;
}

export interface RunResult {
  stdout: string;
  stderr: string;
  elapsedMs: number;
}

/** Throws BridgeError `command-failed` (pasteable command, last output), `command-missing`, `command-timeout`. */
export async function run(argv: [string, ...string[]], options: RunOptions = {}): Promise<RunResult> {
  const { runWithExeca } = await import('./execa.ts');
  return runWithExeca(argv, options);
}

export interface ForegroundOptions {
  cwd: string;
  /** All that it gets. */
  env: Record<string, string | undefined>;
  /** Ends it as `kill` does. */
  signal?: AbortSignal;
  onSignal: (handler: (signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP') => void) => () => void;
}

/** Runs a program with this process's own streams. Its exit code; 128 and the signal's number when one ended it. Throws BridgeError `command-not-found`, `command-failed`. */
export async function runInForeground(argv: [string, ...string[]], options: ForegroundOptions): Promise<number> {
  const { foregroundWithExeca } = await import('./foreground.ts');
  return foregroundWithExeca(argv, options);
}
