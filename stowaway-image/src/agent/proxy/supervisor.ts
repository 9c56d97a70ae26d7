/**
 * Runs HAProxy and replaces it without losing a connection. One "generation" is one process with one configuration. A new one
 * takes the listening sockets over (`-x`); then the old one shuts its frontends and finishes what it has.
 *
 * Not by HAProxy's own soft stop (`-sf`, SIGUSR1): on that signal a process closes its network namespaces, and requests that it
 * has accepted already, or that come on its keep-alive connections, can no more be sent to the original (they got 500). A
 * frontend that was shut by command says `Connection: close` with its next response and cuts nobody off.
 */
import { rm, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { endWhenIdle, openConnections, startListening, type HaproxyProcess } from '../../adapters/haproxy-process.ts';
import { luaFile } from './config.ts';
import { luaProgram } from './lua-program.ts';
import { parseSessions } from './stats.ts';

/** Between restarts of a process that ends by itself. */
const restartPauseMs = 200;
/** Replaced processes stay for long connections (WebSocket, watches), but not for ever. */
const retiredLimitMs = 4 * 3600_000;
/** What a replaced process has accepted has then reached its inner frontends. */
export const innerShutMs = 1000;
/** Longer than what HTTP clients keep an unused connection for, mostly. */
const silentLimitMs = 120_000;
/** The same where a replaced process keeps us in a pod in which nothing is bridged any more. Whoever asks more often was told to go with an answer. */
const lastSilentLimitMs = 5000;

export interface Generation extends HaproxyProcess {
  readonly number: number;
  readonly socketPath: string;
  /** Whatever the caller wants to know later about this generation. */
  readonly contents: ReadonlySet<string>;
  readonly frontends: readonly string[];
  /** Frontends that others of the same process lead to. */
  readonly inner: readonly string[];
  /** When its successor took over. */
  retiredAt: number | undefined;
  /** Since when it has no open streams, only silent connections. */
  idleSince: number | undefined;
  /** It was found hung, and killed: it serves nobody any more, though it may take a while to end. */
  hung: boolean;
}

export interface Launch {
  /** Renders the configuration for the paths of one generation. */
  config: (paths: { socket: string; stateFile: string }) => string;
  serverState: string;
  contents: ReadonlySet<string>;
  /** Names of the configuration's frontends, and of those that these lead to; not every name need be there. */
  frontends: readonly string[];
  inner?: readonly string[];
}

export interface SupervisorOptions {
  /** Of our own, readable by nobody else. */
  directory: string;
  log: (message: string, details?: Record<string, unknown>) => void;
  /** A line of JSON that a process has written: see tap-lines.ts. */
  onTapLine?: (line: string) => void;
  /** A process has ended: by itself, or because it was replaced and idle. */
  onEnd: (generation: Generation, unexpected: boolean) => void;
}

export class HaproxySupervisor {
  readonly #options: SupervisorOptions;
  #generations: Generation[] = [];
  #number = 0;
  #last: Launch | undefined;
  #stopping = false;
  /** One process is started at a time: each takes over from the one before. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  /** Newest last. */
  get generations(): readonly Generation[] {
    return this.#generations;
  }

  get current(): Generation | undefined {
    return this.#generations.find(({ retiredAt }) => retiredAt === undefined);
  }

  /** The current process is hung and has not ended yet: whatever is led to it gets no answer. */
  get hangs(): boolean {
    return this.current?.hung === true;
  }

  /** Resolves when the new process accepts connections. Rejects when it refuses its configuration; the old one then goes on. */
  async launch(launch: Launch): Promise<Generation> {
    return await this.#inTurn(async () => await this.#start(launch));
  }

  /** Its end is noticed like any other; what was asked of it is given up at once. */
  killHung(generation: Generation): void {
    generation.hung = true;
    generation.api.close();
    generation.child.kill('SIGKILL');
  }

  async #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(act);
    this.#turn = done.catch(() => undefined);
    return await done;
  }

  async #start(launch: Launch): Promise<Generation> {
    const number = ++this.#number;
    const base = `${this.#options.directory}/haproxy-${number}`;
    const paths = { config: `${base}.cfg`, socket: `${base}.sock`, stateFile: `${base}.state` };
    await Promise.all([
      writeFile(paths.config, launch.config(paths), { mode: 0o600 }),
      writeFile(paths.stateFile, launch.serverState, { mode: 0o600 }),
      writeFile(luaFile(paths.socket), luaProgram(), { mode: 0o600 }),
    ]);
    const previous = this.current;
    // After a crash a replaced process may still have the listeners; a second set of them would get a part of the connections each.
    const holder = previous ?? this.#generations.findLast(({ hung }) => !hung);
    const started = await startListening({
      config: paths.config, socket: paths.socket, ...(holder === undefined ? {} : { inheritFrom: holder.socketPath }),
      onLine: (line) => {
        if (line.startsWith('{')) this.#options.onTapLine?.(line);
        if (line.startsWith('[ALERT]')) this.#options.log('haproxy', { generation: number, line });
      },
    }).finally(async () => await Promise.all([rm(paths.config, { force: true }), rm(paths.stateFile, { force: true })]));
    const generation: Generation = {
      ...started, number, socketPath: paths.socket, contents: launch.contents, frontends: launch.frontends, inner: launch.inner ?? [], retiredAt: undefined, idleSince: undefined, hung: false,
    };
    this.#generations.push(generation);
    this.#last = launch;
    if (previous !== undefined) await this.#retire(previous);
    void started.child.ended.then((words) => this.#onEnded(generation, words));
    return generation;
  }

  /** Ends replaced processes that have nothing left to do. */
  async endIdle(now = Date.now()): Promise<void> {
    await Promise.all(this.#generations.filter(({ retiredAt }) => retiredAt !== undefined).map(async (generation) => {
      const { api, child, retiredAt = now } = generation;
      if (await endWhenIdle(generation, now - retiredAt, retiredLimitMs)) return;
      const streams = await api.ask('show sess').then(parseSessions, () => undefined);
      if (streams === undefined) return;
      const busy = streams.some(({ frontend }) => frontend !== 'GLOBAL');
      generation.idleSince = busy ? undefined : generation.idleSince ?? now;
      // Keep-alive clients that have been silent for so long: their connections are closed between two requests.
      if (generation.idleSince !== undefined && now - generation.idleSince > (this.#isLast(generation) ? lastSilentLimitMs : silentLimitMs)) child.kill('SIGTERM');
    }));
  }

  /** It has something that the process which serves now does not have. */
  #isLast({ contents }: Generation): boolean {
    const { current } = this;
    return current !== undefined && [...contents].some((each) => !current.contents.has(each));
  }

  /** Clients' connections, in all processes. */
  async openConnections(): Promise<number> {
    const counts = await Promise.all(this.#generations.map(openConnections));
    return counts.reduce((sum: number, count) => sum + (count ?? 0), 0);
  }

  /** The last process takes no new connections, and tells HTTP clients with their next answer that the connection is over. */
  async retireLast(): Promise<void> {
    if (this.current !== undefined) await this.#retire(this.current);
  }

  async #retire(generation: Generation): Promise<void> {
    generation.retiredAt = Date.now();
    await Promise.all(generation.frontends.map(async (name) => {
      await generation.api.ask(`shutdown frontend ${name}`).catch((error: unknown) => this.#options.log('haproxy', { generation: generation.number, error: String(error) }));
    }));
    // By then it has often ended, which is as good.
    const shutInner = async (): Promise<void> => {
      for (const name of generation.inner) await generation.api.ask(`shutdown frontend ${name}`).catch(() => undefined);
    };
    if (generation.inner.length > 0) setTimeout(() => void shutInner(), innerShutMs).unref();
  }

  /** Ends every process at once. */
  async stop(signal: NodeJS.Signals): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#generations.map(async ({ child, api }) => {
      api.close();
      child.kill(signal);
      await child.ended;
    }));
  }

  #onEnded(generation: Generation, words: string): void {
    generation.api.close();
    this.#generations = this.#generations.filter((other) => other !== generation);
    void rm(generation.socketPath, { force: true });
    const unexpected = generation.retiredAt === undefined && !this.#stopping;
    if (unexpected) {
      if (!generation.hung) this.#options.log('haproxy ended by itself; the kernel sends new connections to the originals until it is back', { words });
      void this.#restart();
    }
    this.#options.onEnd(generation, unexpected);
  }

  async #restart(): Promise<void> {
    while (!this.#stopping && this.current === undefined && this.#last !== undefined) {
      try {
        const last = this.#last;
        // A change may have brought a new one while this one waited for its turn.
        await this.#inTurn(async () => { if (this.current === undefined) await this.#start(last); });
      } catch (error) {
        this.#options.log('haproxy cannot be restarted', { error: String(error) });
        await delay(restartPauseMs);
      }
    }
  }
}
