/** Twenty minutes of load on two bridges, and a rollout or a change of scale every minute. PODBRIDGE_CHAOS_MINUTES says another time. */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { setUpLimitMs } from '../../e2e/support/suite.ts';
import type { Report } from '../../support/prober.ts';
import { footprint } from '../footprint.ts';
import { keptConnections, perSecond } from '../measure.ts';
import { writePart } from '../reliability.ts';
import { replicas, startWorld, type World } from '../world.ts';

const minutes = Number(process.env.PODBRIDGE_CHAOS_MINUTES ?? 20);
/** Where nobody understands what passes, a kept connection is closed between two requests, and a client may ask in that very moment. */
const rareShare = 0.0005;
/** The prober's answers must fit into what the API server passes on. */
const reportLimitMs = 30_000;
jest.setTimeout((minutes + 20) * 60_000);
let world: World;

beforeAll(async () => {
  world = await startWorld('e2e-soak');
  await world.start();
  await world.untilServed();
}, setUpLimitMs);
afterAll(() => world?.end());

test('no request is lost, and nothing grows', async () => {
  const before = await footprint(world);
  const probes = await Promise.all(world.sides.flatMap(({ name, url, headers }) => [
    ['new connections', ['--rate', String(perSecond)]] as const, ['kept connections', ['--rate', String(perSecond), '--connections', String(keptConnections)]] as const,
  ].map(async ([kind, args]) => ({ what: `${name}, ${kind}`, probe: await world.prober.start('http', '--url', url, ...headers, ...args, '--duration', `${minutes + 15}m`) }))));
  const until = Date.now() + minutes * 60_000;
  for (let minute = 0; Date.now() < until; minute++) {
    if (minute % 2 === 0) await world.rollOut();
    else for (const count of [replicas + 2, replicas]) await world.scale(count);
    await sleep(Math.max(0, Math.min(until, until - minutes * 60_000 + (minute + 1) * 60_000) - Date.now()));
  }
  const reports: [string, Report][] = [];
  for (const { what, probe } of probes) reports.push([what, await Promise.race([probe.stop(), sleep(reportLimitMs).then(() => { throw new Error(`the probe of ${what} does not answer`); })])]);
  const after = await footprint(world);
  const rows = reports.map(([what, { total, failed, errors, longestGapMs, byWho }]) => `| ${[what, total, failed === 0 ? '0' : `${failed} (${JSON.stringify(errors)})`, byWho.original ?? 0, (longestGapMs / 1000).toFixed(2)].join(' | ')} |`);
  const memory = Object.entries(after.parts).map(([name, { megabytes }]) => `${name.replace(/ on .*/, '')} ${before.parts[name]?.megabytes ?? '-'} and ${megabytes}`).join(', ');
  const table = ['| | requests | failed | answered by the original | longest gap, s |', '|---|---|---|---|---|', ...rows].join('\n');
  process.stderr.write(`\n${table}\n${memory}\n`);
  await writePart('soak', `${minutes} minutes of load with a rollout or a change of scale every minute. Resident MB before and after: ${memory}.\n\n${table}`);
  for (const [what, { total, failed, firstError }] of reports) {
    const most = what === 'plain, kept connections' ? Math.floor(total * rareShare) : 0;
    expect({ what, few: failed <= most, ...(failed <= most ? {} : { failed, firstError }) }).toEqual({ what, few: true });
  }
  for (const [name, { megabytes }] of Object.entries(after.parts)) expect({ name, grown: megabytes > 2 * (before.parts[name]?.megabytes ?? megabytes) + 40 }).toEqual({ name, grown: false });
});
