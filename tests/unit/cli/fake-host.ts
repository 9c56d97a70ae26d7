/** A process that exists only in memory: what was written, which signals arrive, when it is. */
import { PassThrough, Writable } from 'node:stream';
import type { Host } from '../../../cli/host.ts';

export interface FakeHost extends Host {
  out(): string;
  err(): string;
  signal(name: 'SIGINT' | 'SIGTERM' | 'SIGHUP'): void;
  advance(ms: number): void;
}

function sink(tty: boolean): { stream: Writable & { isTTY?: boolean; columns?: number; rows?: number }; text: () => string } {
  let text = '';
  const stream = Object.assign(new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      done();
    },
  }), tty ? { isTTY: true, columns: 80, rows: 24 } : {});
  return { stream, text: () => text };
}

export function fakeHost(options: { env?: Record<string, string>; tty?: boolean; cwd?: string; homeDir?: string } = {}): FakeHost {
  const stdout = sink(options.tty === true);
  const stderr = sink(options.tty === true);
  const handlers = new Set<(signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP') => void>();
  let clock = 0;
  return {
    program: 'bridge', argv: [], env: options.env ?? {}, cwd: options.cwd ?? '/', homeDir: options.homeDir ?? '/nonexistent', nodeVersion: '24.0.0', process: { pid: 4711, machine: 'laptop', isRunning: (pid) => pid === 4711 },
    stdin: Object.assign(new PassThrough(), options.tty === true ? { isTTY: true } : {}), stdout: stdout.stream, stderr: stderr.stream,
    now: () => clock,
    onSignal(handler) {
      handlers.add(handler);
      return () => handlers.delete(handler);
    },
    out: stdout.text, err: stderr.text,
    signal: (name) => [...handlers].forEach((handler) => handler(name)),
    advance: (ms) => void (clock += ms),
  };
}
