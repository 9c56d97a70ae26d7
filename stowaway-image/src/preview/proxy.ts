/**
 * The gateway's HAProxy: each configuration is a new process, which takes the listener over. The old one finishes what it has, but nothing of
 * previews that have ended: those are cut in every process, the replaced ones too.
 */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { endWhenIdle, startListening, type HaproxyProcess } from '../adapters/haproxy-process.ts';
import { sampleProcess } from '../agent/proxy/process-sample.ts';
import { parseSessions } from '../agent/proxy/stats.ts';
import { Watchdog } from '../agent/proxy/watchdog.ts';
import { words, type Log } from '../log.ts';

interface Running extends HaproxyProcess {
  number: number;
  socket: string;
  config: string;
  replacedAt: number | undefined;
  /** Backends of it were closed: it does not do any more what its configuration says. */
  cut: boolean;
  /** It was found hung, and killed. */
  hung: boolean;
}

/** Replaced processes stay for long connections, but not for ever. */
const replacedLimitMs = 600_000;
/** What replaced ones may take beside the one that serves, in the pod's limit (controller/preview-pod.ts): of more, the first ones end. */
const replacedMemoryBytes = 320_000_000;
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
    void new Watchdog({ watched: () => this.#processes, sample: sampleProcess, onHung: (process, facts) => this.#killHung(process, facts) }).run(signal);
  }

  get #current(): Running | undefined {
    return this.#processes.find(({ replacedAt, hung }) => replacedAt === undefined && !hung);
  }

  /** Resolves when this configuration is in force. One that is already, and of which nothing was cut, is left alone. */
  async apply(render: (socket: string) => string): Promise<void> {
    const before = this.#current;
    if (before?.cut === false && render(before.socket) === before.config) return;
    const number = ++this.#number;
    const [socket, file] = [join(this.#directory, `haproxy-${number}.sock`), join(this.#directory, `haproxy-${number}.cfg`)];
    const config = render(socket);
    await writeFile(file, config, { mode: 0o600 });
    const started = await startListening({ config: file, socket, onLine: () => undefined, ...(before === undefined ? {} : { inheritFrom: before.socket }) })
      .catch(async (error: unknown) => { await remove([socket, file]); throw error; });
    const running: Running = { ...started, number, socket, config, replacedAt: undefined, cut: false, hung: false };
    if (before !== undefined) {
      before.replacedAt = Date.now();
      // Its soft stop: no more connections, idle ones are closed at once (what comes by them next would meet the old previews), the others with their next answer.
      before.child.kill('SIGUSR1');
    }
    this.#processes.push(running);
    let memory = 0;
    for (const process of this.#processes.filter(({ replacedAt }) => replacedAt !== undefined).reverse()) {
      memory += memoryOf(process);
      if (memory > replacedMemoryBytes) process.child.kill('SIGTERM');
    }
    void running.child.ended.then((why) => {
      void remove([socket, file]);
      this.#processes = this.#processes.filter((each) => each !== running);
      running.api.close();
      if (running.replacedAt === undefined) this.#onEnd(`${why}: ${running.said().replaceAll('\n', ' | ')}`);
    });
  }

  /** Ends open streams to these backends, WebSockets too, in all processes; a connection that is open there gets nothing more from them. */
  async cut(backends: readonly string[]): Promise<void> {
    if (backends.length === 0) return;
    const ended = new Set(backends);
    await Promise.all(this.#processes.map(async (process) => {
      const { api } = process;
      process.cut = true;
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

  /** Its end is noticed like any other; what was asked of it is given up at once. */
  #killHung(process: Running, { silentMs, states }: { silentMs: number; states: string }): void {
    process.hung = true;
    this.#log('haproxy hangs and is killed', { pid: process.child.pid, replaced: process.replacedAt !== undefined, silentMs, states });
    process.api.close();
    process.child.kill('SIGKILL');
  }

  async #endIdle(): Promise<void> {
    await Promise.all(this.#processes.map(async (process) => {
      if (process.replacedAt !== undefined) await endWhenIdle(process, Date.now() - process.replacedAt, replacedLimitMs);
    }));
  }
}

/** Bytes, as measured with HAProxy 3.0, rounded up. */
function memoryOf({ config }: Running): number {
  return 16_000_000 + 30 * config.length;
}

async function remove(paths: readonly string[]): Promise<void> {
  await Promise.all(paths.map(async (path) => await rm(path, { force: true })));
}
