/**
 * Rules and routes in pods that somebody else took away (`nft flush ruleset`, `ip rule flush`) are put back. `pod-files watch-netns`
 * says where something has changed; a look at what is there decides. Our own changes are told as well: each costs a look.
 */
import { talkingChild, type TalkingChild } from '../adapters/talking-child.ts';
import { Backoff } from '../kube/backoff.ts';
import { words, type Log } from '../log.ts';
import type { PodNetwork } from './netns/pod-network.ts';

const program = '/usr/local/bin/pod-files';
/** Whatever is told: every pod is looked at once in so long. */
const everyMs = 60_000;
/** A look that failed is taken again. */
const againMs = 1000;
const startAgain = { firstMs: 1000, mostMs: 60_000 } as const;

type Watched = Pick<PodNetwork, 'netns' | 'putBack'>;

export interface LostRulesOptions {
  /** Those that we are in. */
  networks: () => Iterable<Watched>;
  log: Log;
  /** Call {@link LostRules.look} soon, or after a while; never two at once. */
  trigger: () => void;
  triggerIn: (ms: number) => void;
  start?: typeof talkingChild;
  now?: () => number;
}

export class LostRules {
  readonly #options: LostRulesOptions;
  readonly #now: () => number;
  #child: TalkingChild | undefined;
  #watched = '[]';
  readonly #backoff = new Backoff(startAgain.firstMs, startAgain.mostMs);
  #startAt = 0;
  /** By name of the namespace: when to look at the latest. */
  readonly #dueAt = new Map<string, number>();

  constructor(options: LostRulesOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** Where something has changed, what is missing is put back. */
  async look(): Promise<void> {
    const { networks, log, triggerIn } = this.#options;
    const now = this.#now();
    await Promise.all([...networks()].filter(({ netns }) => now >= (this.#dueAt.get(netns) ?? Infinity)).map(async (network) => {
      const { netns } = network;
      try {
        this.#dueAt.set(netns, now + everyMs);
        const lost = await network.putBack();
        if (lost.length > 0) log('rules that somebody took out of a pod are put back', { netns, lost });
      } catch (error) {
        this.#dueAt.set(netns, now + againMs);
        triggerIn(againMs);
        log('what somebody took out of a pod cannot be put back; it is tried again', { netns, error: words(error) });
      }
    }));
  }

  /** Watches those that we are in now, and no others. */
  watch(): void {
    const { networks, triggerIn } = this.#options;
    const now = this.#now();
    const names = [...networks()].map(({ netns }) => netns).sort();
    for (const name of this.#dueAt.keys()) if (!names.includes(name)) this.#dueAt.delete(name);
    for (const name of names) if (!this.#dueAt.has(name)) this.#dueAt.set(name, now + everyMs);
    if (names.length === 0) return this.stop();
    triggerIn(Math.max(0, Math.min(...this.#dueAt.values()) - now));
    if (this.#child === undefined && now < this.#startAt) return triggerIn(this.#startAt - now);
    this.#child ??= this.#start();
    const watched = JSON.stringify(names);
    if (watched === this.#watched) return;
    this.#watched = watched;
    this.#child.tell(`{"watch":${watched}}`);
  }

  stop(): void {
    const child = this.#child;
    this.#child = undefined;
    this.#watched = '[]';
    child?.close();
  }

  #start(): TalkingChild {
    const { log, trigger, start = talkingChild } = this.#options;
    const child = start([program, 'watch-netns'], { GOMEMLIMIT: '16MiB' }, (line) => {
      const { netns, failed } = JSON.parse(line) as { netns: string; failed?: string };
      this.#backoff.reset();
      // Without news the look of every minute remains.
      if (failed !== undefined) return log('changes of the rules in a pod are not told', { netns, why: failed });
      if (!this.#dueAt.has(netns)) return;
      this.#dueAt.set(netns, 0);
      trigger();
    }, (line) => log('pod-files watch-netns', { line }));
    void child.ended.then((how) => {
      if (this.#child !== child) return;
      this.stop();
      log('failed', { what: 'pod-files watch-netns', message: how });
      this.#startAt = this.#now() + this.#backoff.next();
      trigger();
    });
    return child;
  }
}
