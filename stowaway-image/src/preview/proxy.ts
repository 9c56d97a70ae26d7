/** The gateway's HAProxy: each configuration is a new process, which takes the listener over and lets the old one finish. */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Child } from '../adapters/child.ts';
import { HaproxySocket } from '../adapters/haproxy-socket.ts';
import { startHaproxy } from '../adapters/haproxy.ts';
import type { Log } from '../log.ts';

interface Running {
  child: Child;
  socket: string;
  config: string;
}

const startLimitMs = 15_000;
const pollMs = 20;

export class GatewayProxy {
  readonly #directory: string;
  readonly #log: Log;
  readonly #onEnd: (words: string) => void;
  #current: Running | undefined;
  #number = 0;

  /** @param onEnd the process that serves has ended by itself */
  constructor(directory: string, log: Log, onEnd: (words: string) => void) {
    this.#directory = directory;
    this.#log = log;
    this.#onEnd = onEnd;
  }

  /** Resolves when this configuration is in force. One that is already is left alone. */
  async apply(render: (socket: string) => string): Promise<void> {
    const before = this.#current;
    if (before !== undefined && render(before.socket) === before.config) return;
    this.#number += 1;
    const [socket, file] = [join(this.#directory, `haproxy-${this.#number}.sock`), join(this.#directory, `haproxy-${this.#number}.cfg`)];
    const config = render(socket);
    await writeFile(file, config, { mode: 0o600 });
    const lines: string[] = [];
    const child = startHaproxy({
      config: file, onLine: (line) => { lines.push(line); if (lines.length > 20) lines.shift(); },
      ...(before === undefined ? {} : { inheritFrom: before.socket, ...(before.child.pid === undefined ? {} : { replaces: before.child.pid }) }),
    });
    const running = { child, socket, config };
    let ended: string | undefined;
    void child.ended.then((words) => {
      ended = `${words}: ${lines.join(' | ')}`;
      void Promise.all([socket, file].map((path) => rm(path, { force: true })));
      if (this.#current === running) {
        this.#current = undefined;
        this.#onEnd(ended);
      }
    });
    for (const deadline = Date.now() + startLimitMs; ;) {
      if (ended !== undefined) throw new Error(ended);
      const api = await HaproxySocket.open(socket).catch(() => undefined);
      if (api !== undefined) {
        api.close();
        break;
      }
      if (Date.now() > deadline) {
        child.kill('SIGKILL');
        throw new Error(`haproxy did not start within ${startLimitMs} ms: ${lines.join(' | ')}`);
      }
      await sleep(pollMs);
    }
    this.#current = running;
  }

  /** Ends open streams to these backends, WebSockets too. */
  async cut(backends: readonly string[]): Promise<void> {
    if (this.#current === undefined || backends.length === 0) return;
    try {
      const api = await HaproxySocket.open(this.#current.socket);
      for (const backend of backends) await api.ask(`shutdown sessions server ${backend}/s`);
      api.close();
    } catch (error) {
      this.#log('failed', { what: 'cut streams', message: String(error) });
    }
  }

  stop(): void {
    this.#current?.child.kill('SIGTERM');
  }
}
