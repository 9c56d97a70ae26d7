/**
 * Which containers go up and down too often (a crash loop), and which were ever up. Read from HAProxy's counters at each look,
 * so that no change between two looks is missed.
 */
import { rarity } from './proxy/check.ts';
import { isHubPortName } from './proxy/hub-port.ts';
import type { ServerStat } from './proxy/stats.ts';

/**
 * So many times within so long that a check failed while the container was up: from then on one failed check is enough to take
 * it out, and it has to stay up for a while (checkTimings.waryMs) before it gets traffic again. A fall is two or three failed
 * checks in a row; those closer together than `oneMs` are one, or longer where checks are rarer.
 */
const stumbles = { most: 4, withinMs: 30_000, oneMs: 400 } as const;
/** Where so many containers, and such a share of all, fail at once, it is not for them: the node, the hub or the network had no time. */
const common = { least: 10, share: 0.1 } as const;
/** After so long up without a failed check it is trusted again. */
const trustAfterMs = 30_000;

interface Known {
  /** Of which process of HAProxy the count is: each begins anew. */
  generation: number;
  failedChecks: number;
  /** Times of the last stumbles, oldest first. */
  stumbles: number[];
  upSince: number | undefined;
  wary: boolean;
  proven: boolean;
}

export class Steadiness {
  readonly #known = new Map<string, Known>();

  /** Takes one look at HAProxy's counters in. Returns true when something is judged otherwise than before. */
  note(stats: readonly ServerStat[], generation: number, now: number): boolean {
    const ports = stats.filter(({ backend }) => isHubPortName(backend));
    const stumbled = new Set(ports.filter((stat) => this.#stumbled(stat, generation)).map(({ backend }) => backend));
    const counts = stumbled.size < Math.max(common.least, ports.length * common.share);
    const oneMs = stumbles.oneMs * rarity(ports.length);
    return ports.map((stat) => this.#take(stat, generation, now, stumbled.has(stat.backend), counts ? oneMs : undefined)).some(Boolean);
  }

  /** It goes up and down too often. */
  wary(hubPortName: string): boolean {
    return this.#known.get(hubPortName)?.wary ?? false;
  }

  /** It was up once. */
  proven(hubPortName: string): boolean {
    return this.#known.get(hubPortName)?.proven ?? false;
  }

  /** Forgets all but these. */
  keep(hubPortNames: ReadonlySet<string>): void {
    for (const name of this.#known.keys()) if (!hubPortNames.has(name)) this.#known.delete(name);
  }

  #stumbled({ backend, failedChecks }: ServerStat, generation: number): boolean {
    const known = this.#known.get(backend);
    return failedChecks > (known?.generation === generation ? known.failedChecks : 0);
  }

  /** @param oneMs stumbles closer together are one; undefined: it is not for this container that it stumbled, and none counts */
  #take({ backend, up, failedChecks }: ServerStat, generation: number, now: number, stumbled: boolean, oneMs: number | undefined): boolean {
    const known = this.#known.get(backend) ?? { generation, failedChecks: 0, stumbles: [], upSince: undefined, wary: false, proven: false };
    this.#known.set(backend, known);
    const { wary, proven } = known;
    known.generation = generation;
    known.failedChecks = failedChecks;
    if (stumbled && oneMs !== undefined && now - (known.stumbles.at(-1) ?? -Infinity) >= oneMs) known.stumbles.push(now);
    known.stumbles = known.stumbles.slice(-stumbles.most).filter((at) => now - at <= stumbles.withinMs);
    known.upSince = !up ? undefined : stumbled ? now : known.upSince ?? now;
    known.proven ||= up || stumbled;
    if (known.stumbles.length >= stumbles.most) known.wary = true;
    else if (known.upSince !== undefined && now - known.upSince >= trustAfterMs) known.wary = false;
    return known.wary !== wary || known.proven !== proven;
  }
}
