/** Writes this node's entries into the statuses of bridges, where they have changed. */
import type { Bridge, BridgePod } from '../../../protocol/objects.ts';
import { words, type Log } from '../log.ts';
import { bridgeKey } from './plan.ts';
import { statusEntries, type EntryState } from './status-entries.ts';

/** After a start hundreds of bridges may have something new to be told. */
const writersAtOnce = 8;
const againMs = 1000;

export interface StatusesOptions {
  node: string;
  /** `address:port` */
  agent: string;
  writeStatus: (bridge: Bridge, entries: BridgePod[]) => Promise<void>;
  log: Log;
  triggerIn: (ms: number) => void;
}

export class Statuses {
  readonly #options: StatusesOptions;
  readonly #written = new Map<string, { uid: string | undefined; entries: BridgePod[] }>();

  constructor(options: StatusesOptions) {
    this.#options = options;
  }

  /** One that cannot be written is written later. @param bridges all that there are */
  async write(bridges: readonly Bridge[], statesOf: (bridge: Bridge) => EntryState[]): Promise<void> {
    const due = bridges.flatMap((bridge) => {
      const before = this.#before(bridge);
      const entries = statusEntries(statesOf(bridge), before, this.#options.node, this.#options.agent, new Date());
      return JSON.stringify(entries) === JSON.stringify(before) ? [] : [{ bridge, entries }];
    });
    await Promise.all(Array.from({ length: writersAtOnce }, async () => {
      for (let next = due.shift(); next !== undefined; next = due.shift()) await this.#write(next.bridge, next.entries);
    }));
    const present = new Set(bridges.map(bridgeKey));
    for (const key of this.#written.keys()) if (!present.has(key)) this.#written.delete(key);
  }

  /** What we wrote last, or the agent before us. */
  #before(bridge: Bridge): readonly BridgePod[] {
    const known = this.#written.get(bridgeKey(bridge));
    return known !== undefined && known.uid === bridge.metadata.uid ? known.entries : (bridge.status?.pods ?? []).filter(({ node }) => node === this.#options.node);
  }

  async #write(bridge: Bridge, entries: BridgePod[]): Promise<void> {
    const { writeStatus, log, triggerIn } = this.#options;
    try {
      await writeStatus(bridge, entries);
      this.#written.set(bridgeKey(bridge), { uid: bridge.metadata.uid, entries });
    } catch (error) {
      log('status cannot be written', { bridge: bridgeKey(bridge), error: words(error) });
      triggerIn(againMs);
    }
  }
}
