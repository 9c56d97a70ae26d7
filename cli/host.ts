/** Everything of the process that commands may see. bin.ts makes the real one, tests a fake one; nothing else reads `process`. */
import type { Readable, Writable } from 'node:stream';

/** What the user has called: advice is to be typed in the same way, since another program may have the first name (Debian's iproute2 has a `bridge`). */
export type Program = 'bridge' | 'podbridge' | 'kubectl bridge' | 'docker bridge';

export interface Host {
  program: Program;
  argv: string[];
  env: Record<string, string | undefined>;
  cwd: string;
  homeDir: string;
  nodeVersion: string;
  /** This process, and the machine that its number is valid on. */
  process: { pid: number; machine: string; isRunning(pid: number): boolean };
  stdin: Readable & { isTTY?: boolean; setRawMode?(raw: boolean): unknown };
  stdout: Writable & { isTTY?: boolean; columns?: number; rows?: number };
  stderr: Writable & { isTTY?: boolean; columns?: number };
  now(): number;
  /** Called with each SIGINT/SIGTERM/SIGHUP until the returned function is called. Without a handler the process ends as usual. */
  onSignal(handler: (signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP') => void): () => void;
}
