/** Which originals of this node stand still, and since when their containers serve: what the pure part (candidates.ts) decides is done by the freezer. */
import type { talkingChild } from '../../adapters/talking-child.ts';
import { words, type Log } from '../../log.ts';
import type { Assignment } from '../plan.ts';
import { mainProcess } from '../pods/main-process.ts';
import type { Processes } from '../pods/proc-table.ts';
import { candidateKey, freezeCandidates, freezeObstacle, hubsToAsk, type Candidate } from './candidates.ts';
import { Freezer, type Root } from './freezer.ts';
import { HubAnswers } from './hub-answers.ts';

/** What could not be frozen is tried again after this long. */
const freezeAgainMs = 10_000;

export interface FrozenOriginalsOptions {
  processes: Processes;
  /** Goes up and down too often. */
  wary: (hubPortName: string) => boolean;
  log: Log;
  /** Look again: now, or after a while. */
  trigger: () => void;
  triggerIn: (ms: number) => void;
  start?: typeof talkingChild;
}

/** By {@link candidateKey}. */
export type ToFreeze = ReadonlyMap<string, Candidate & { root: Root }>;

export class FrozenOriginals {
  readonly #options: FrozenOriginalsOptions;
  readonly #freezer: Freezer;
  readonly #hubs: HubAnswers;
  readonly #servingSince = new Map<string, number>();
  #frozen: ToFreeze = new Map();
  /** What could not be frozen, and why: it is not tried at every look. */
  readonly #unfrozen = new Map<string, { why: string; at: number }>();

  constructor(options: FrozenOriginalsOptions) {
    this.#options = options;
    const { log, trigger, start } = options;
    this.#freezer = new Freezer({ log, onEnd: () => { this.#frozen = new Map(); trigger(); }, ...(start === undefined ? {} : { start }) });
    this.#hubs = new HubAnswers({ onChange: trigger });
  }

  /** These hub ports are served now, and no others. */
  noteServing(serving: ReadonlySet<string>): void {
    for (const name of this.#servingSince.keys()) if (!serving.has(name)) this.#servingSince.delete(name);
    for (const name of serving) if (!this.#servingSince.has(name)) this.#servingSince.set(name, Date.now());
  }

  /** Those that shall stand still now. */
  wanted(assignments: readonly Assignment[]): ToFreeze {
    const asking = assignments.filter(({ bridge }) => bridge.spec.freeze === true);
    this.#hubs.ask(hubsToAsk(asking));
    // Pods that are gone, and bridges that are.
    const present = new Set(asking.map((assignment) => candidateKey({ assignment })));
    for (const key of this.#unfrozen.keys()) if (!present.has(key)) this.#unfrozen.delete(key);
    if (asking.length === 0) return new Map();
    const { processes, wary, triggerIn } = this.#options;
    const now = Date.now();
    const ids = new Set([...this.#frozen.values()].map(({ container }) => container.id));
    const { candidates, lookAgainMs } = freezeCandidates(asking, {
      servingSince: (name) => this.#servingSince.get(name), hubSince: (address) => (address === undefined ? undefined : this.#hubs.since(address)), wary, frozen: ({ id }) => ids.has(id), now,
    });
    if (lookAgainMs !== undefined) triggerIn(lookAgainMs);
    processes.refresh();
    return new Map(candidates.flatMap((candidate) => {
      const key = candidateKey(candidate);
      const own = processes.ofPod(candidate.assignment.pod.metadata.uid ?? '');
      const main = mainProcess(candidate.container, own);
      const process = own.find(({ pid }) => pid === main);
      if (process === undefined) return [];
      const failed = this.#unfrozen.get(key);
      if (failed !== undefined && now - failed.at < freezeAgainMs) {
        triggerIn(freezeAgainMs);
        return [];
      }
      return [[key, { ...candidate, root: { pid: process.pid, startTime: process.startTime } }] as const];
    }));
  }

  /** Who stands still and is not wanted any more goes on; nobody else is stopped. */
  async release(wanted: ToFreeze): Promise<void> {
    await this.set(new Map([...wanted].filter(([key]) => this.#frozen.has(key))));
  }

  /** Exactly these stand still, as far as they can be held. */
  async set(wanted: ToFreeze): Promise<void> {
    const { log, triggerIn } = this.#options;
    let failed: ReadonlyMap<number, string>;
    try {
      failed = await this.#freezer.set([...wanted.values()].map(({ root }) => root));
    } catch (error) {
      failed = new Map([...wanted.values()].map(({ root }) => [root.pid, words(error)]));
    }
    const frozen = new Map([...wanted].filter(([, { root }]) => !failed.has(root.pid)));
    for (const [key, { root, assignment }] of wanted) {
      const why = failed.get(root.pid);
      if (why === undefined) { this.#unfrozen.delete(key); continue; }
      this.#unfrozen.set(key, { why, at: Date.now() });
      triggerIn(freezeAgainMs);
      log('cannot be frozen', { pod: assignment.pod.metadata.name, why });
    }
    for (const key of new Set([...this.#frozen.keys(), ...frozen.keys()])) {
      if (this.#frozen.has(key) !== frozen.has(key)) log(frozen.has(key) ? 'frozen' : 'goes on', { key });
    }
    this.#frozen = frozen;
  }

  has(assignment: Assignment): boolean {
    return this.#frozen.has(candidateKey({ assignment }));
  }

  /** Why one that shall stand still does not; undefined: no reason is known. */
  trouble(assignment: Assignment): string | undefined {
    const why = assignment.bridge.spec.freeze === true ? this.#unfrozen.get(candidateKey({ assignment }))?.why : undefined;
    return freezeObstacle(assignment) ?? (why === undefined ? undefined : `it cannot be frozen: ${why}`);
  }

  /** All go on. */
  stop(): void {
    this.#hubs.ask(new Set());
    this.#freezer.stop();
    this.#frozen = new Map();
  }
}
