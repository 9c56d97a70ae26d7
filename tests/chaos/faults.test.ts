/** Each part killed, cut or replaced in turn, under load: who pays, for how long, and what stays. `npm run test:chaos` keeps the table in docs/reliability.md. */
import { afterAll, beforeAll, beforeEach, expect, jest, test } from '@jest/globals';
import { cpus } from 'node:os';
import { setUpLimitMs, testLimitMs } from '../e2e/support/suite.ts';
import { faults } from './faults.ts';
import { long } from './form.ts';
import { measure, type Row } from './measure.ts';
import { faultTable, writePart } from './reliability.ts';
import { standing } from './standing.ts';
import { startWorld, type World } from './world.ts';

jest.setTimeout(testLimitMs);
const namespace = 'e2e-chaos';
const rounds = long ? Number(process.env.PODBRIDGE_CHAOS_ROUNDS ?? 3) : 1;
/**
 * The share that may be lost: by deaths what was under way and cannot be repeated, which is more on a machine that has no time; by
 * planned changes one request of a kept connection that was closed just then, where nobody understands what passes.
 */
const mostLost = { planned: 0.005, endsPods: 0.02, death: 0.05, silent: 0.05 };
const rows: Row[] = [];
let world: World;
let before: string[];

beforeAll(async () => {
  world = await startWorld(namespace);
  await world.start();
  await world.untilServed();
  before = await standing(world);
}, setUpLimitMs);
afterAll(async () => {
  if (rows.length > 0) {
    process.stderr.write(`\n${faultTable(rows)}\n`);
    // Some of them, chosen by name, are no table.
    if (long && faults.every(({ name }) => rows.some(({ fault }) => fault === name))) await writePart('faults', `${rounds} rounds, ${new Date().toISOString().slice(0, 10)}, ${cpus().length} cores for everything: both nodes, the load, and the laptop's side.\n\n${faultTable(rows)}`);
  }
  await world?.end();
});
// A fault that a test could not mend must not fail the others.
beforeEach(async () => {
  if (await world.untilServed().then(() => true, () => false)) return;
  await world.stop();
  await world.start();
});

test.each(faults.filter((fault) => long || fault.long !== true).flatMap((fault) => Array.from({ length: rounds }, () => fault)))('$name', async (fault) => {
  const row = await measure(world, fault, before);
  rows.push(row);
  process.stderr.write(`${JSON.stringify(row)}\n`);
  expect(row.residue).toEqual([]);
  const results = Object.entries(row.sides).flatMap(([side, { new: fresh, kept }]) => [[`${side}, new`, fresh], [`${side}, kept`, kept]] as const);
  for (const [what, { sent, failed, errors, firstError }] of results) {
    if (fault.ofKubernetes === true) continue;
    const none = fault.kind === 'planned' && fault.endsPods !== true && what !== 'plain, kept';
    const most = none ? 0 : Math.floor(sent * mostLost[fault.endsPods === true ? 'endsPods' : fault.kind]);
    expect({ what, few: failed <= most, ...(failed <= most ? {} : { failed, sent, errors, firstError }) }).toEqual({ what, few: true });
  }
});
