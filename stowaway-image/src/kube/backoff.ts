/** Growing pauses between attempts, spread at random so that many programs do not come back in one moment. */
export class Backoff {
  readonly #firstMs: number;
  readonly #mostMs: number;
  readonly #random: () => number;
  #nextMs: number;

  constructor(firstMs: number, mostMs: number, random: () => number = Math.random) {
    this.#firstMs = firstMs;
    this.#mostMs = mostMs;
    this.#random = random;
    this.#nextMs = firstMs;
  }

  /** Milliseconds to wait now: between half of the current pause and all of it. */
  next(): number {
    const pause = this.#nextMs;
    this.#nextMs = Math.min(this.#mostMs, pause * 2);
    return pause / 2 + this.#random() * (pause / 2);
  }

  /** After a success. */
  reset(): void {
    this.#nextMs = this.#firstMs;
  }
}

/** Resolves after the time, or at once when the signal is aborted (never rejects). */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted === true) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done, { once: true });
  });
}
