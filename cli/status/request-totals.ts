/** One bridge's requests over all its agents: totals and rates from what each of them tells now and then. */
import type { BridgeCounters } from '../../protocol/counters.ts';
import type { Requests } from './snapshot.ts';

export interface AgentCount {
  /** `address:port`. */
  agent: string;
  epoch: string;
  counters: BridgeCounters;
}

interface Known extends AgentCount {
  atMs: number;
}

const kinds = ['local', 'original', 'failed'] as const;
const zero = (): BridgeCounters => ({ local: 0, original: 0, failed: 0 });

function add(a: BridgeCounters, b: BridgeCounters): BridgeCounters {
  return { local: a.local + b.local, original: a.original + b.original, failed: a.failed + b.failed };
}

export class RequestTotals {
  #known = new Map<string, Known>();
  /** Of agents that were replaced, or whose pods have gone. */
  #past = zero();

  /** @param agents those that the bridge has now; one that did not answer this time is missing in `counts` and keeps what it had */
  take(agents: ReadonlySet<string>, counts: readonly AgentCount[], atMs: number): Requests | null {
    const rates = zero();
    let rated = false;
    for (const count of counts) {
      const before = this.#known.get(count.agent);
      if (before?.epoch === count.epoch) {
        const seconds = (atMs - before.atMs) / 1000;
        if (seconds > 0) {
          rated = true;
          for (const kind of kinds) rates[kind] += Math.max(0, count.counters[kind] - before.counters[kind]) / seconds;
        }
      } else if (before !== undefined) {
        this.#past = add(this.#past, before.counters);
      }
      this.#known.set(count.agent, { ...count, atMs });
    }
    for (const [agent, { counters }] of this.#known) {
      if (agents.has(agent)) continue;
      this.#past = add(this.#past, counters);
      this.#known.delete(agent);
    }
    if (this.#known.size === 0) return null;
    const totals = [...this.#known.values()].reduce((sum, { counters }) => add(sum, counters), this.#past);
    return { ...totals, perSecond: rated ? rates : null };
  }
}
