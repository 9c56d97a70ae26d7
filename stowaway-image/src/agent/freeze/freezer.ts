/**
 * Runs `pod-files freeze`, which holds processes still by tracing them, from the first time that something shall be frozen until
 * nothing is. The kernel lets all of them go on when it ends, however it ends.
 */
import { talkingChild, type TalkingChild } from '../../adapters/talking-child.ts';
import type { Log } from '../../log.ts';

const program = '/usr/local/bin/pod-files';
/** It answers within milliseconds, or not at all. */
const answerTimeoutMs = 3000;

/** A container's first process, in our PID namespace. Its descendants are meant too. */
export interface Root {
  pid: number;
  /** Clock ticks since boot. */
  startTime: number;
}

interface Answer {
  seq: number;
  held: number[];
  /** By pid. */
  failed?: Record<string, string>;
}

export interface FreezerOptions {
  log: Log;
  /** The program ended by itself: what was held runs. */
  onEnd: () => void;
  start?: typeof talkingChild;
}

export class Freezer {
  readonly #options: FreezerOptions;
  #child: TalkingChild | undefined;
  #seq = 0;
  #asked = '[]';
  #held: ReadonlySet<number> = new Set();
  readonly #waiting = new Map<number, (answer: Answer) => void>();

  constructor(options: FreezerOptions) {
    this.#options = options;
  }

  isHeld({ pid }: Root): boolean {
    return this.#held.has(pid);
  }

  /** Exactly these stand still when it resolves; what could not be held is told by pid. Nothing new: nothing is done. */
  async set(roots: readonly Root[]): Promise<ReadonlyMap<number, string>> {
    const asked = JSON.stringify(roots.map(({ pid, startTime }) => ({ pid, startTime: String(startTime) })).sort((a, b) => a.pid - b.pid));
    if (asked === this.#asked) return new Map();
    if (roots.length === 0) {
      this.stop();
      return new Map();
    }
    this.#child ??= this.#start();
    const seq = ++this.#seq;
    const answered = new Promise<Answer>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('pod-files does not answer')), answerTimeoutMs);
      this.#waiting.set(seq, (answer) => { clearTimeout(timer); resolve(answer); });
    });
    this.#child.tell(`{"seq":${seq},"roots":${asked}}`);
    try {
      const { held, failed = {} } = await answered;
      this.#held = new Set(held);
      this.#asked = asked;
      return new Map(Object.entries(failed).map(([pid, why]) => [Number(pid), why]));
    } catch (error) {
      // Nobody knows what it holds: its end lets everything go. One that does not answer may not hear that its stdin has ended either.
      this.#child?.kill();
      this.#forget();
      throw error;
    } finally {
      this.#waiting.delete(seq);
    }
  }

  /** Everything goes on. */
  stop(): void {
    this.#child?.close();
    this.#forget();
  }

  #forget(): void {
    this.#child = undefined;
    this.#held = new Set();
    this.#asked = '[]';
  }

  #start(): TalkingChild {
    const { log, onEnd, start = talkingChild } = this.#options;
    const child = start([program, 'freeze'], { GOMEMLIMIT: '16MiB' }, (line) => {
      const answer = JSON.parse(line) as Answer;
      this.#waiting.get(answer.seq)?.(answer);
    }, (line) => log('pod-files freeze', { line }));
    void child.ended.then((how) => {
      if (this.#child !== child) return;
      this.#forget();
      log('failed', { what: 'pod-files freeze', message: how });
      onEnd();
    });
    return child;
  }
}
