/**
 * Frontends whose listener could not be opened in their pod. One of them would keep HAProxy from starting for all pods of the node, so it is left
 * out, and tried again after a while: at once at another port, and then less and less often.
 */
import { Backoff } from '../kube/backoff.ts';

const firstPauseMs = 250;
const longestPauseMs = 30_000;

interface Refusal {
  words: string;
  retryAt: number;
  backoff: Backoff;
}

export class UnboundFrontends {
  /** By id. */
  readonly #refusals = new Map<string, Refusal>();
  readonly #random: () => number;

  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  refuse(id: string, words: string, now: number): void {
    const backoff = this.#refusals.get(id)?.backoff ?? new Backoff(firstPauseMs, longestPauseMs, this.#random);
    this.#refusals.set(id, { words, backoff, retryAt: now + backoff.next() });
  }

  /** Must this frontend be left out now? Then in which words the last attempt ended, and how long to wait for the next. */
  leftOut(id: string, now: number): { words: string; retryInMs: number } | undefined {
    const refusal = this.#refusals.get(id);
    return refusal === undefined || now >= refusal.retryAt ? undefined : { words: refusal.words, retryInMs: refusal.retryAt - now };
  }

  /** They have their listeners. */
  opened(ids: Iterable<string>): void {
    for (const id of ids) this.#refusals.delete(id);
  }
}
