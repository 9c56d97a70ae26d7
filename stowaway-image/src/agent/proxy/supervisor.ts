/**
 * Runs HAProxy and replaces it without losing a connection: the new process takes the listeners over from the old one, which
 * finishes what it has. One "generation" is one process with one configuration.
 */
import { rm, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { startHaproxy } from '../../adapters/haproxy.ts';
import { HaproxySocket } from '../../adapters/haproxy-socket.ts';
import type { Child } from '../../adapters/child.ts';

/** A new process that says nothing for so long will not come. */
const startDeadlineMs = 10_000;
const startPollMs = 3;
/** Between restarts of a process that ends by itself. */
const restartPauseMs = 200;

export interface Generation {
  readonly number: number;
  readonly child: Child;
  readonly socketPath: string;
  /** Opened while the process was new: a replaced one accepts no further connections. */
  readonly api: HaproxySocket;
  /** Whatever the caller wants to know later about this generation. */
  readonly contents: ReadonlySet<string>;
  retired: boolean;
}

export interface Launch {
  /** Renders the configuration for the paths of one generation. */
  config: (paths: { socket: string; stateFile: string }) => string;
  serverState: string;
  contents: ReadonlySet<string>;
}

export interface SupervisorOptions {
  /** Of our own, readable by nobody else. */
  directory: string;
  log: (message: string, details?: Record<string, unknown>) => void;
  /** A process has ended: by itself, or because it was replaced and idle. */
  onEnd: (generation: Generation, unexpected: boolean) => void;
}

/** What keeps a stopping process alive: its connections, ours among them. @param info answer to `show info` */
export function openJobs(info: string): number {
  return Number(/^Jobs: (\d+)/m.exec(info)?.[1] ?? 0);
}

export class HaproxySupervisor {
  readonly #options: SupervisorOptions;
  #generations: Generation[] = [];
  #number = 0;
  #last: Launch | undefined;
  #stopping = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  /** Newest last. */
  get generations(): readonly Generation[] {
    return this.#generations;
  }

  get current(): Generation | undefined {
    return this.#generations.find(({ retired }) => !retired);
  }

  /** Resolves when the new process accepts connections. Rejects when it refuses its configuration; the old one then goes on. */
  async launch(launch: Launch): Promise<Generation> {
    const number = ++this.#number;
    const base = `${this.#options.directory}/haproxy-${number}`;
    const paths = { config: `${base}.cfg`, socket: `${base}.sock`, stateFile: `${base}.state` };
    await Promise.all([
      writeFile(paths.config, launch.config(paths), { mode: 0o600 }),
      writeFile(paths.stateFile, launch.serverState, { mode: 0o600 }),
    ]);
    const previous = this.current;
    const output: string[] = [];
    const child = startHaproxy({
      config: paths.config, replaces: previous?.child.pid === undefined ? [] : [previous.child.pid],
      ...(previous === undefined ? {} : { inheritFrom: previous.socketPath }),
      onLine: (line) => {
        if (output.length < 20) output.push(line);
        if (line.startsWith('[ALERT]')) this.#options.log('haproxy', { generation: number, line });
      },
    });
    let api: HaproxySocket;
    try {
      api = await this.#whenListening(child, paths.socket, output);
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    } finally {
      await Promise.all([rm(paths.config, { force: true }), rm(paths.stateFile, { force: true })]);
    }
    const generation: Generation = { number, child, socketPath: paths.socket, api, contents: launch.contents, retired: false };
    if (previous !== undefined) previous.retired = true;
    this.#generations.push(generation);
    this.#last = launch;
    void child.ended.then((words) => this.#onEnded(generation, words));
    return generation;
  }

  /** A replaced process ends with its last connection; ours is let go when it is that. */
  async releaseIdle(): Promise<void> {
    await Promise.all(this.#generations.filter(({ retired }) => retired).map(async ({ api }) => {
      const jobs = await api.ask('show info').then(openJobs, () => 0);
      if (jobs <= 1) api.close();
    }));
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

  async #whenListening(child: Child, socket: string, output: readonly string[]): Promise<HaproxySocket> {
    let ended: string | undefined;
    void child.ended.then((words) => { ended = words; });
    for (const deadline = Date.now() + startDeadlineMs; Date.now() < deadline; await delay(startPollMs)) {
      if (ended !== undefined) throw new Error(`${ended}: ${output.join('\n')}`);
      try {
        return await HaproxySocket.open(socket);
      } catch {
        // Not yet.
      }
    }
    throw new Error(`haproxy did not open its runtime socket within ${startDeadlineMs} ms: ${output.join('\n')}`);
  }

  #onEnded(generation: Generation, words: string): void {
    generation.api.close();
    this.#generations = this.#generations.filter((other) => other !== generation);
    void rm(generation.socketPath, { force: true });
    const unexpected = !generation.retired && !this.#stopping;
    if (unexpected) {
      this.#options.log('haproxy ended by itself; the kernel sends new connections to the originals until it is back', { words });
      void this.#restart();
    }
    this.#options.onEnd(generation, unexpected);
  }

  async #restart(): Promise<void> {
    while (!this.#stopping && this.current === undefined && this.#last !== undefined) {
      try {
        await this.launch(this.#last);
      } catch (error) {
        this.#options.log('haproxy cannot be restarted', { error: String(error) });
        await delay(restartPauseMs);
      }
    }
  }
}
