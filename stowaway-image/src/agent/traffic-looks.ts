/** What HAProxy's numbers tell, look by look: which hub ports serve and which refuse, which containers go up and down, and how many requests each bridge had. */
import type { BridgeCounters } from '../../../protocol/counters.ts';
import type { Bridge } from '../../../protocol/objects.ts';
import { frontendId } from './frontends.ts';
import { bridgeKey, type Assignment } from './plan.ts';
import { RequestCounters } from './proxy/counters.ts';
import { parseServerStats, refusingHubPorts, serverStatsCommand, servingHubPorts } from './proxy/stats.ts';
import type { Generation } from './proxy/supervisor.ts';
import { Steadiness } from './steadiness.ts';

export interface TrafficLooksOptions {
  generations: () => readonly Generation[];
  /** The process that serves, when it has anything to serve. */
  serving: () => Generation | undefined;
  /** Other hub ports serve than before, or other containers go up and down. */
  onChange: () => void;
}

export class TrafficLooks {
  readonly #options: TrafficLooksOptions;
  readonly #counters = new RequestCounters();
  readonly steadiness = new Steadiness();
  /** Hub ports that accept connections. */
  serving: ReadonlySet<string> = new Set();
  /** Hub ports whose last check was refused. */
  refusing: ReadonlySet<string> = new Set();

  constructor(options: TrafficLooksOptions) {
    this.#options = options;
  }

  async look(): Promise<void> {
    const process = this.#options.serving();
    if (process === undefined) return;
    try {
      const stats = parseServerStats(await process.api.ask(serverStatsCommand));
      this.#counters.take(process.number, stats);
      if (this.steadiness.note(stats, process.number, Date.now())) this.#options.onChange();
      this.refusing = refusingHubPorts(stats);
      const serving = servingHubPorts(stats);
      if (serving.size === this.serving.size && [...serving].every((name) => this.serving.has(name))) return;
      this.serving = serving;
      this.#options.onChange();
    } catch {
      // It is being replaced or has ended; the next look asks its successor. One that hangs is the watchdog's business.
    }
  }

  /** A process that ends takes its numbers along: asked before. */
  async count(which: (generation: Generation) => boolean): Promise<void> {
    const { generations } = this.#options;
    await Promise.all(generations().filter(which).map(async ({ number, api }) => {
      const answer = await api.ask(serverStatsCommand).catch(() => undefined);
      if (answer !== undefined) this.#counters.take(number, parseServerStats(answer));
    }));
    this.#counters.keep(new Set(generations().map(({ number }) => number)));
  }

  /** Counting begins for those of `served` that are new; bridges that are not among `all` are forgotten. */
  countFor(served: readonly Assignment[], all: readonly Assignment[]): void {
    for (const { bridge, pod: { metadata: { uid = '' } }, tcp } of served) {
      this.#counters.begin(countedKey(bridge), tcp.map(({ port, route }) => ({ frontend: frontendId(uid, port), hubPort: route.hub.port })));
    }
    this.#counters.retain(new Set(all.map(({ bridge }) => countedKey(bridge))));
  }

  /** Up to this moment; undefined when it is not served here. */
  async countersOf(bridge: Bridge): Promise<BridgeCounters | undefined> {
    await this.count(() => true);
    return this.#counters.of(countedKey(bridge));
  }
}

/** A bridge that is made anew begins at zero. */
function countedKey(bridge: Bridge): string {
  return `${bridgeKey(bridge)} ${bridge.metadata.uid}`;
}
