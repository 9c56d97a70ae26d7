/**
 * The gateway's HAProxy: each configuration is a new process, which takes the listener over. The old one finishes what it has, but nothing of
 * previews that have ended: those are cut in every process, the replaced ones too.
 */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Child } from '../adapters/child.ts';
import { HaproxySocket } from '../adapters/haproxy-socket.ts';
import { startHaproxy } from '../adapters/haproxy.ts';
import { parseSessions } from '../agent/proxy/stats.ts';
import { openConnections } from '../agent/proxy/supervisor.ts';
import { words, type Log } from '../log.ts';

interface Running {
  child: Child;
  socket: string;
  /** Opened while the process was new: a replaced one accepts no further connections. */
  api: HaproxySocket;
  config: string;
  replacedAt: number | undefined;
}

const startLimitMs = 15_000;
const pollMs = 20;
/** Replaced processes stay for long connections, but not for ever. */
const replacedLimitMs = 600_000;
const idleLookMs = 1000;

export class GatewayProxy {
  readonly #directory: string;
  readonly #log: Log;
  readonly #onEnd: (words: string) => void;
  #processes: Running[] = [];
  #number = 0;

  /** @param onEnd the process that serves has ended by itself */
  constructor(directory: string, log: Log, onEnd: (words: string) => void, signal: AbortSignal) {
    this.#directory = directory;
    this.#log = log;
    this.#onEnd = onEnd;
    const looking = setInterval(() => void this.#endIdle(), idleLookMs);
    signal.addEventListener('abort', () => clearInterval(looking), { once: true });
  }

  get #current(): Running | undefined {
    return this.#processes.find(({ replacedAt }) => replacedAt === undefined);
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
      config: file, onLine: (line) => { lines.push(line); if (lines.length > 20) lines.shift(); }, ...(before === undefined ? {} : { inheritFrom: before.socket }),
    });
    let ended: string | undefined;
    void child.ended.then((why) => {
      ended = `${why}: ${lines.join(' | ')}`;
      void Promise.all([socket, file].map((path) => rm(path, { force: true })));
      const running = this.#processes.find((each) => each.child === child);
      this.#processes = this.#processes.filter((each) => each.child !== child);
      running?.api.close();
      if (running?.replacedAt === undefined && running !== undefined) this.#onEnd(ended);
    });
    const api = await this.#whenListening(child, socket, () => ended, lines);
    if (before !== undefined) {
      before.replacedAt = Date.now();
      // Its soft stop: no more connections, idle ones are closed at once (what comes by them next would meet the old previews), the others with their next answer.
      before.child.kill('SIGUSR1');
    }
    this.#processes.push({ child, socket, api, config, replacedAt: undefined });
  }

  /** Ends open streams to these backends, WebSockets too, in all processes; a connection that is open there gets nothing more from them. */
  async cut(backends: readonly string[]): Promise<void> {
    if (backends.length === 0) return;
    const ended = new Set(backends);
    await Promise.all(this.#processes.map(async ({ api }) => {
      try {
        for (const backend of backends) await api.ask(`set server ${backend}/s state maint`);
        // A process that stops softly takes no commands about servers any more, but about streams.
        for (const { id, backend } of parseSessions(await api.ask('show sess'))) if (ended.has(backend)) await api.ask(`shutdown session ${id}`);
      } catch (error) {
        this.#log('failed', { what: 'cut streams', message: words(error) });
      }
    }));
  }

  stop(): void {
    for (const { child } of this.#processes) child.kill('SIGTERM');
  }

  async #whenListening(child: Child, socket: string, ended: () => string | undefined, lines: readonly string[]): Promise<HaproxySocket> {
    for (const deadline = Date.now() + startLimitMs; ; await sleep(pollMs)) {
      const why = ended();
      if (why !== undefined) throw new Error(why);
      const api = await HaproxySocket.open(socket).catch(() => undefined);
      if (api !== undefined) return api;
      if (Date.now() > deadline) {
        child.kill('SIGKILL');
        throw new Error(`haproxy did not start within ${startLimitMs} ms: ${lines.join(' | ')}`);
      }
    }
  }

  async #endIdle(): Promise<void> {
    await Promise.all(this.#processes.map(async ({ api, child, replacedAt }) => {
      if (replacedAt === undefined) return;
      const open = await api.ask('show info').then(openConnections, () => undefined);
      if (open === 0 || Date.now() - replacedAt > replacedLimitMs) child.kill('SIGTERM');
    }));
  }
}
