/** What was tapped and not fetched yet, by bridge. */
import type { TapAnswer, TapEvent } from '../../../../protocol/tap.ts';
import type { TappedRequest } from './read-line.ts';

/** Nobody fetches? Then the oldest go: the view is live, not a record. */
const mostEvents = 1000;
const mostPerAnswer = 200;

interface Stream {
  events: TapEvent[];
  /** Number of the first event that is kept; they are counted from 1. */
  first: number;
  waiting: Set<() => void>;
}

export class TapEvents {
  readonly #streams = new Map<string, Stream>();

  push({ event, bridges }: TappedRequest): void {
    for (const { bridge, headers } of bridges) {
      const stream = this.#stream(bridge);
      const { requestHeaders, responseHeaders, ...plain } = event;
      stream.events.push(headers ? { ...plain, ...(requestHeaders === undefined ? {} : { requestHeaders }), ...(responseHeaders === undefined ? {} : { responseHeaders }) } : plain);
      if (stream.events.length > mostEvents) {
        stream.events.shift();
        stream.first += 1;
      }
      for (const wake of stream.waiting) wake();
      stream.waiting.clear();
    }
  }

  /** Events behind number `after`; waits for one when there is none. */
  async read(bridge: string, after: number, waitMs: number): Promise<TapAnswer> {
    const stream = this.#stream(bridge);
    // A number from the time of an agent before us.
    const from = Math.min(after, stream.first + stream.events.length - 1);
    if (stream.first + stream.events.length - 1 <= from) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, waitMs);
        stream.waiting.add(() => { clearTimeout(timer); resolve(); });
      });
    }
    const start = Math.max(from + 1, stream.first);
    const events = stream.events.slice(start - stream.first, start - stream.first + mostPerAnswer);
    return { v: 1, events, next: start + events.length - 1, lost: start - from - 1 };
  }

  /** Forgets all but these. */
  keep(bridges: ReadonlySet<string>): void {
    for (const [bridge, { waiting }] of this.#streams) {
      if (bridges.has(bridge)) continue;
      for (const wake of waiting) wake();
      this.#streams.delete(bridge);
    }
  }

  #stream(bridge: string): Stream {
    const stream = this.#streams.get(bridge) ?? { events: [], first: 1, waiting: new Set() };
    this.#streams.set(bridge, stream);
    return stream;
  }
}
