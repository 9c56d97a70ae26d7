/**
 * Requests by bridge, over all processes of HAProxy: each counts from its own start, and a changed configuration is a new
 * process. So every look adds what has come since the last one. Pure; the agent feeds it.
 */
import type { BridgeCounters } from '../../../../protocol/counters.ts';
import type { ServerStat } from './stats.ts';

/** One bridged port of one pod. */
export interface CountedPort {
  /** Id of the frontend. */
  frontend: string;
  hubPort: number;
}

interface Counts {
  requests: number;
  failed: number;
}

const none: Counts = { requests: 0, failed: 0 };

/** Which sum a server belongs to: those to one hub port, or those to the original of one frontend. Other servers (checks) to none. */
function sumOf({ backend, server }: ServerStat): string | undefined {
  const [, , frontend, hubPort] = /^b(s?(?:tcp|h1|h2))_(.+)_(\d+)$/.exec(backend) ?? [];
  if (frontend !== undefined) return server === 'bridge' ? `${frontend} ${hubPort}` : frontend;
  return /^os?(?:tcp|h1|h2)_(.+)$/.exec(backend)?.[1];
}

export class RequestCounters {
  /** By process and server: what it said last. */
  readonly #seen = new Map<number, Map<string, Counts>>();
  readonly #sums = new Map<string, Counts>();
  /** By bridge and port: the sums when it began. Hub ports and pods have had other bridges before. */
  readonly #begun = new Map<string, Map<string, { ports: CountedPort; local: Counts; original: Counts }>>();

  /** @param generation number of the process that told */
  take(generation: number, stats: readonly ServerStat[]): void {
    const before = this.#seen.get(generation) ?? new Map<string, Counts>();
    this.#seen.set(generation, before);
    for (const stat of stats) {
      const sum = sumOf(stat);
      if (sum === undefined) continue;
      const key = `${stat.backend}/${stat.server}`;
      const last = before.get(key) ?? none;
      // What was refused by the container and then given to the original counts there.
      const now = { requests: stat.total - stat.redispatched, failed: stat.failed };
      before.set(key, now);
      const { requests, failed } = this.#sums.get(sum) ?? none;
      this.#sums.set(sum, { requests: requests + now.requests - last.requests, failed: failed + now.failed - last.failed });
    }
  }

  /** The processes that still live; what others said is in the sums. */
  keep(generations: ReadonlySet<number>): void {
    for (const number of this.#seen.keys()) if (!generations.has(number)) this.#seen.delete(number);
  }

  /** Counting begins for ports that are new; those that are no longer among them stop to count (their pod is gone), what they had stays. */
  begin(bridge: string, ports: readonly CountedPort[]): void {
    const begun = this.#begun.get(bridge) ?? new Map<string, { ports: CountedPort; local: Counts; original: Counts }>();
    this.#begun.set(bridge, begun);
    for (const port of ports) {
      const key = this.#localKey(port);
      if (!begun.has(key)) begun.set(key, { ports: port, local: this.#sums.get(key) ?? none, original: this.#sums.get(port.frontend) ?? none });
    }
  }

  of(bridge: string): BridgeCounters | undefined {
    const begun = this.#begun.get(bridge);
    if (begun === undefined) return undefined;
    const counters: BridgeCounters = { local: 0, original: 0, failed: 0 };
    for (const { ports, local, original } of begun.values()) {
      const [toBridge, toOriginal] = [this.#sums.get(this.#localKey(ports)) ?? none, this.#sums.get(ports.frontend) ?? none];
      counters.local += toBridge.requests - local.requests;
      counters.original += toOriginal.requests - original.requests;
      counters.failed += toBridge.failed - local.failed + toOriginal.failed - original.failed;
    }
    return counters;
  }

  /** Only these bridges are there; sums of ports that none of them has are dropped. */
  retain(bridges: ReadonlySet<string>): void {
    for (const bridge of this.#begun.keys()) if (!bridges.has(bridge)) this.#begun.delete(bridge);
    const used = new Set([...this.#begun.values()].flatMap((begun) => [...begun].flatMap(([key, { ports }]) => [key, ports.frontend])));
    for (const sum of this.#sums.keys()) if (!used.has(sum)) this.#sums.delete(sum);
  }

  #localKey({ frontend, hubPort }: CountedPort): string {
    return `${frontend} ${hubPort}`;
  }
}
