/**
 * Runs one task whenever something may have changed: never twice at once, never forgetting a trigger that came while it ran,
 * and again after a pause when it failed. The task looks at the whole state, so triggers carry nothing.
 */
import { Backoff } from './kube/backoff.ts';

export interface LevelLoopOptions {
  /** Triggers within this time become one run. */
  gatherMs?: number;
  onError: (error: unknown) => void;
  signal: AbortSignal;
  /** Processor time that this program has used, in microseconds. Without it, it never rests. */
  cpuUs?: (() => number) | undefined;
}

const firstRetryMs = 100;
const mostRetryMs = 10_000;
const idlePollMs = 5;
/** Triggers wait for so many times the processor time that the last run took: where there is much to look at, more of them become one run. */
const restShare = 2;
const mostRestMs = 300;

export class LevelLoop {
  readonly #task: () => Promise<void>;
  readonly #options: LevelLoopOptions;
  readonly #backoff = new Backoff(firstRetryMs, mostRetryMs);
  #running = false;
  #wanted = false;
  #timer: NodeJS.Timeout | undefined;
  #dueAt = Infinity;
  #restsUntil = 0;

  constructor(task: () => Promise<void>, options: LevelLoopOptions) {
    this.#task = task;
    this.#options = options;
    options.signal.addEventListener('abort', () => clearTimeout(this.#timer), { once: true });
  }

  /** Something may have changed. */
  trigger(): void {
    if (this.#running) this.#wanted = true;
    else this.triggerIn(Math.max(this.#options.gatherMs ?? 0, this.#restsUntil - performance.now()));
  }

  /** Run no later than this, even if nothing happens. */
  triggerIn(ms: number): void {
    const dueAt = performance.now() + ms;
    if (this.#options.signal.aborted || dueAt >= this.#dueAt) return;
    clearTimeout(this.#timer);
    this.#dueAt = dueAt;
    this.#timer = setTimeout(() => void this.#run(), ms);
  }

  /** Resolves when no run is under way. After the signal was aborted none follows. */
  async idle(): Promise<void> {
    while (this.#running) await new Promise((resolve) => setTimeout(resolve, idlePollMs));
  }

  async #run(): Promise<void> {
    this.#dueAt = Infinity;
    if (this.#options.signal.aborted) return;
    if (this.#running) {
      this.#wanted = true;
      return;
    }
    const { cpuUs = () => 0 } = this.#options;
    const before = cpuUs();
    this.#running = true;
    this.#wanted = false;
    try {
      await this.#task();
      this.#backoff.reset();
    } catch (error) {
      this.#options.onError(error);
      this.triggerIn(this.#backoff.next());
    } finally {
      this.#running = false;
      this.#restsUntil = performance.now() + Math.min((cpuUs() - before) / 1000 * restShare, mostRestMs);
      if (this.#wanted) this.trigger();
    }
  }
}
