/**
 * Asks every process of HAProxy something, again and again. One that hangs keeps its listeners: the rules in the pods match, the kernel takes
 * connections for it, and nobody answers them. When it is dead, the originals do.
 */
import { pause } from '../../kube/index.ts';
import { isHung, lookIntervalMs, silenceAt, type ProcessSample, type Silence } from './hang.ts';

export interface Watched {
  readonly number: number;
  readonly child: { readonly pid: number | undefined };
  readonly api: { ask: (command: string) => Promise<string> };
  /** It was found out before. */
  readonly hung: boolean;
}

export interface WatchdogOptions<T extends Watched> {
  /** Also those that were replaced and have connections. */
  watched: () => Iterable<T>;
  sample: (pid: number) => ProcessSample | undefined;
  /** Called once for each. */
  onHung: (process: T, facts: { silentMs: number; states: string }) => void;
}

export class Watchdog<T extends Watched> {
  readonly #options: WatchdogOptions<T>;
  /** Of processes that have a question to answer, by number. */
  readonly #silent = new Map<number, Silence>();

  constructor(options: WatchdogOptions<T>) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const dueMs = performance.now() + lookIntervalMs;
      await pause(lookIntervalMs, signal);
      const atMs = performance.now();
      if (!signal.aborted) this.look(atMs, atMs - dueMs);
    }
  }

  /** @param lateMs by how much it should have been earlier */
  look(atMs: number, lateMs: number): void {
    const { watched, sample, onHung } = this.#options;
    for (const process of [...watched()]) {
      const { number, child: { pid }, hung } = process;
      const found = hung || pid === undefined ? undefined : sample(pid);
      if (found === undefined) continue;
      const before = this.#silent.get(number);
      const silence = silenceAt(before, { atMs, lateMs, sample: found });
      this.#silent.set(number, silence);
      if (before === undefined) void this.#ask(process);
      if (isHung(silence, atMs)) onHung(process, { silentMs: Math.round(atMs - silence.sinceMs), states: found.states.join('') });
    }
  }

  async #ask({ number, api }: T): Promise<void> {
    // A socket that is closed says nothing against the process; mostly it has ended.
    await api.ask('show info').catch(() => undefined);
    this.#silent.delete(number);
  }
}
