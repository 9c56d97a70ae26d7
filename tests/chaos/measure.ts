/** 100 requests a second over new connections and 100 over kept ones, half of them to each bridge, while something breaks. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Report, RunningProbe } from '../support/prober.ts';
import { until } from '../support/wait.ts';
import { difference } from '../support/inventory.ts';
import type { Fault } from './faults.ts';
import { standing } from './standing.ts';
import type { Side, World } from './world.ts';

/** To each bridge, over new connections, and as many over kept ones. */
export const perSecond = 50;
export const keptConnections = 10;
/** Before the fault, between fault and mending, and after the bridge serves again. */
const calmMs = 1000;
const faultMs = 2500;
const residueLimitMs = 45_000;
const reachableLimitMs = 60_000;

export interface Outcome {
  sent: number;
  failed: number;
  errors: Record<string, number>;
  firstError?: string;
  gapMs: number;
}

export interface Row {
  fault: string;
  kind: Fault['kind'];
  /** By side, and then over new and over kept connections. */
  sides: Record<Side['name'], { new: Outcome; kept: Outcome }>;
  /** From the mending, or from the fault where nothing needs mending. 0 when the bridge never stopped serving. */
  againMs: number | undefined;
  /** What stands otherwise than before, once all has settled. */
  residue: string[];
}

const outcome = ({ total, failed, errors, firstError, longestGapMs }: Report): Outcome => ({ sent: total, failed, errors, gapMs: longestGapMs, ...(firstError === undefined ? {} : { firstError }) });

/** @param before what stood before, as {@link standing} tells it */
export async function measure(world: World, fault: Fault, before: string[]): Promise<Row> {
  const { prober, sides } = world;
  await fault.prepare?.(world);
  const probes = await Promise.all(sides.map(async ({ url, headers, name }) => {
    const start = (...args: string[]): Promise<RunningProbe> => prober.start('http', '--url', url, ...headers, '--rate', String(perSecond), '--duration', '10m', ...args);
    return { name, new: await start(), kept: await start('--connections', String(keptConnections)) };
  }));
  await sleep(calmMs);
  let from = Date.now();
  const reports: Record<string, { new: Report; kept: Report }> = {};
  try {
    await fault.strike(world);
    if (fault.mend !== undefined) {
      await sleep(faultMs);
      from = Date.now();
      await fault.mend(world);
    }
    await world.untilServed();
    await sleep(calmMs);
  } finally {
    // The API server, by which probes are reached, may be what has failed.
    const stop = (probe: RunningProbe): Promise<Report> => until('the probe', () => probe.stop().catch(() => undefined), reachableLimitMs);
    for (const probe of probes) reports[probe.name] = { new: await stop(probe.new), kept: await stop(probe.kept) };
  }
  const residue = await settled(world, before);
  const again = Object.values(reports).map(({ new: { changes, byWho } }) => (Object.keys(byWho).some((who) => who !== 'local') ? (changes.at(-1)?.atMs ?? from) - from : 0));
  return {
    fault: fault.name, kind: fault.kind, residue, againMs: Math.max(0, ...again),
    sides: Object.fromEntries(Object.entries(reports).map(([name, report]) => [name, { new: outcome(report.new), kept: outcome(report.kept) }])) as Row['sides'],
  };
}

async function settled(world: World, before: string[]): Promise<string[]> {
  let left: string[] = [];
  await until('nothing is left', async () => {
    left = difference(before, await standing(world));
    return left.length === 0 ? true : undefined;
  }, residueLimitMs).catch(() => undefined);
  return left;
}
