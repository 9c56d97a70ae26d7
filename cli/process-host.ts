/** This process as the commands see it. Only the entries, bin.ts and library.ts, make one. */
import { homedir, hostname } from 'node:os';
import { basename } from 'node:path';
import type { Host, Program } from './host.ts';

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

/** npm links the same file under each name; kubectl and docker find their plugins by it. */
export function programOf(file: string): Program {
  const name = basename(file);
  if (name.startsWith('kubectl-bridge')) return 'kubectl bridge';
  if (name.startsWith('docker-bridge')) return 'docker bridge';
  return name.startsWith('podbridge') ? 'podbridge' : 'bridge';
}

export function processHost(): Host {
  return {
    program: programOf(process.argv[1] ?? ''),
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

/** A program that waits for something that nothing can bring any more is a defect of ours: it says so. Node itself would show our source. */
export function tellStuck(): void {
  process.once('beforeExit', () => {
    void Promise.all([import('./ui/error-text.ts'), import('./ui/terminal.ts')]).then(([{ errorText, factsOf }, { paint }]) => {
      const { kind, code, what, why } = factsOf(new Error('the command waited for something that cannot come any more'));
      process.stderr.write(errorText({ kind, code, what, ...(why === undefined ? {} : { why }), next: 'report it with what was typed, and with `bridge version -o json`' }, paint(false), false), () => process.exit(1));
    });
  });
}
