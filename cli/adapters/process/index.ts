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
