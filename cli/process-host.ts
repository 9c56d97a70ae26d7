/** This process as the commands see it. Only the entries, bin.ts and library.ts, make one. */
import { homedir, hostname } from 'node:os';
import { basename } from 'node:path';
import type { Host } from './host.ts';

/** Who is told of signals. */
export const signalHandlers = new Set<Parameters<Host['onSignal']>[0]>();

/** Signal 0 only asks; EPERM is somebody else's living process. */
function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

export function processHost(): Host {
  return {
    program: basename(process.argv[1] ?? '').startsWith('podbridge') ? 'podbridge' : 'bridge',
    argv: process.argv.slice(2),
    env: process.env,
    cwd: process.cwd(),
    homeDir: process.env.HOME ?? homedir(),
    nodeVersion: process.versions.node,
    process: { pid: process.pid, machine: hostname(), isRunning },
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    now: () => performance.now(),
    onSignal(handler) {
      const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
      const listeners = signals.map((signal) => [signal, () => handler(signal)] as const);
      for (const [signal, listener] of listeners) process.on(signal, listener);
      signalHandlers.add(handler);
      return () => {
        for (const [signal, listener] of listeners) process.off(signal, listener);
        signalHandlers.delete(handler);
      };
    },
  };
}
