/** Starting and stopping, again and again: nothing piles up anywhere. */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { until } from '../support/wait.ts';
import { setUpLimitMs } from '../e2e/support/suite.ts';
import { long } from './form.ts';
import { footprint, type Footprint } from './footprint.ts';
import { writePart } from './reliability.ts';
import { startWorld, type World } from './world.ts';

const cycles = Number(process.env.PODBRIDGE_CHAOS_CYCLES ?? (long ? 200 : 5));
/** Until caches and heaps are as large as they get from work of this kind. */
const warmUp = Math.ceil(cycles / 10);
/** Heaps breathe; what leaks grows with every cycle. */
const breath = { files: 15, megabytes: 40 };
const settleLimitMs = 60_000;
jest.setTimeout(10 * 60_000 + cycles * 20_000);
let world: World;

beforeAll(async () => { world = await startWorld('e2e-cycles'); }, setUpLimitMs);
afterAll(() => world?.end());

async function cycle(times: number): Promise<void> {
  for (let time = 0; time < times; time++) {
    await world.start();
    await world.stop();
  }
}

/** All but memory and files, which are never twice the same. */
const counted = ({ parts, ...rest }: Footprint) => ({ ...rest, processes: Object.fromEntries(Object.entries(parts).map(([name, { processes }]) => [name, processes]).sort()) });

/** While the bridges stand, so that their agents do. What replaced processes hold goes a moment later. */
async function settled(same?: Footprint): Promise<Footprint> {
  await world.start();
  let last = await footprint(world);
  await until('nothing moves', async () => {
    const before = same ?? last;
    last = await footprint(world);
    return JSON.stringify(counted(before)) === JSON.stringify(counted(last)) ? true : undefined;
  }, settleLimitMs).catch(() => undefined);
  return last;
}

test(`${cycles} starts and stops of two bridges leave nothing, nowhere`, async () => {
  await cycle(warmUp);
  const before = await settled();
  await world.stop();
  await cycle(cycles - 1);
  const after = await settled(before);
  const lines = Object.entries(after.parts).map(([name, { processes, files, megabytes }]) => {
    const was = before.parts[name];
    return `| ${[name.replace(/ on .*/, ''), `${was?.processes} / ${processes}`, `${was?.files} / ${files}`, `${was?.megabytes} / ${megabytes}`].join(' | ')} |`;
  });
  const table = ['| part | processes before / after | open files | resident MB |', '|---|---|---|---|', ...lines].join('\n');
  process.stderr.write(`\n${table}\n`);
  if (long) await writePart('cycles', `${cycles} starts and stops of two bridges, after ${warmUp} to warm up.\n\n${table}`);
  expect(counted(after)).toEqual(counted(before));
  for (const [name, { files, megabytes }] of Object.entries(after.parts)) {
    const was = before.parts[name]!;
    expect({ name, files, megabytes, most: true }).toEqual({ name, files, megabytes, most: files <= was.files + breath.files && megabytes <= was.megabytes + breath.megabytes });
  }
});
