/** `bridge propagation check`: workloads are watched by taps, marked requests are sent, and what was seen is judged. Nothing stays. */
import { randomBytes } from 'node:crypto';
import type { Cluster } from '../adapters/cluster/index.ts';
import { tap } from '../bridge/tap.ts';
import type { UsableLink } from '../bridge/needs.ts';
import { withStop } from '../bridge/run-all.ts';
import { isBridgeError } from '../errors.ts';
import type { Host } from '../host.ts';
import type { Steps } from '../steps/steps.ts';
import { parseTarget } from '../target/parse-target.ts';
import { timing } from '../timing.ts';
import type { Probe, Sight } from './verdict.ts';

export interface CheckQuestion {
  host: Host;
  cluster: Cluster;
  /** One for each tap, of the same link. */
  steps: () => Steps;
  /** Ends it, as Ctrl-C does. */
  signal: AbortSignal;
  link: () => Promise<UsableLink>;
  namespace: string;
  /** `deploy/api`. */
  workloads: readonly string[];
  count: number;
  /** Sends them one after the other, and fills in how it went. */
  send: (probes: Probe[]) => Promise<void>;
}

export function makeProbes(count: number): Probe[] {
  const run = randomBytes(4).toString('hex');
  return Array.from({ length: count }, (_, index) => ({ mark: `check-${run}-${index + 1}`, trace: randomBytes(16).toString('hex'), sentAt: 0, answeredAt: 0 }));
}

export interface Checked {
  probes: Probe[];
  sights: Sight[];
  /** Those that the namespace's policy does not let anybody watch, with its words. */
  refused: Map<string, string>;
}

export async function check({ host, cluster, steps, signal, link, namespace, workloads, count, send }: CheckQuestion): Promise<Checked> {
  const { host: stoppable, stop } = withStop(host);
  const probes = makeProbes(count);
  const sights: Sight[] = [];
  const ready: Promise<void>[] = [];
  const refused = new Map<string, string>();
  const taps = workloads.map((workload) => {
    let markReady: () => void = () => undefined;
    ready.push(new Promise<void>((resolve) => { markReady = resolve; }));
    return tap({
      host: stoppable, cluster, steps: steps(), link, ref: parseTarget(workload), namespace, ports: [], rules: [], traffic: { tapHeaders: true },
      onReady: () => markReady(), onEvent: (event) => { sights.push({ workload, event }); }, onLost: () => undefined,
    }).catch((error: unknown) => {
      if (!isBridgeError(error) || error.facts.code !== 'policy-refused') throw error;
      refused.set(workload, error.facts.why ?? error.facts.what);
      // One that nobody may watch keeps nobody from watching the others.
      if (refused.size === workloads.length) throw error;
      markReady();
    });
  });
  const ended = Promise.all(taps);
  ended.catch(() => stop());
  try {
    // A tap that cannot be made ends all.
    await Promise.race([Promise.all(ready), ended]);
    signal.throwIfAborted();
    await send(probes);
    await settled(sights, probes, workloads.length - refused.size, signal);
  } finally {
    stop();
    await ended;
  }
  return { probes, sights, refused };
}

/** Agents tell of a request when it is over, and are asked in turns: as soon as every workload has told of the last probe, or a while later. */
async function settled(sights: readonly Sight[], probes: readonly Probe[], workloads: number, signal: AbortSignal): Promise<void> {
  const last = probes.at(-1)?.mark;
  for (const deadline = Date.now() + timing.propagationSettleMs; Date.now() < deadline;) {
    signal.throwIfAborted();
    if (new Set(sights.filter(({ event }) => event.mark === last).map(({ workload }) => workload)).size === workloads) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
