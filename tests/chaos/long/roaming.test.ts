/** What a laptop does to its link: another address, a long sleep. */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { setUpLimitMs } from '../../e2e/support/suite.ts';
import { until } from '../../support/wait.ts';
import { startWorld, type World } from '../world.ts';

const minutes = Number(process.env.PODBRIDGE_CHAOS_MINUTES ?? 20);
/** Longer than every time limit on the way, and than conntrack keeps a UDP flow. */
const sleepMs = Math.min(10, minutes / 2) * 60_000;
jest.setTimeout(sleepMs + 15 * 60_000);
const backLimitMs = 120_000;
let world: World;

beforeAll(async () => {
  world = await startWorld('e2e-roaming');
  await world.start();
  await world.untilServed();
}, setUpLimitMs);
afterAll(() => world?.end());

/** From inside a container: the way into the cluster. */
const outwards = async (): Promise<string> => (await execa('docker', ['exec', world.sides[0]!.bridge, '/echo', 'client', 'http', '--url', 'http://ruled/', '--count', '5', '--timeout', '3s'], { reject: false })).stdout;
async function untilWhole(): Promise<void> {
  await world.untilServed();
  await until('the way out', async () => ((await outwards()).includes('"failed":0') ? true : undefined), backLimitMs);
}

test('another source address: the link goes on', async () => {
  const cargo = await world.cargo();
  const { dockerNetwork: network } = world.suite.cluster;
  if (network === undefined) throw new Error('this needs a cluster whose nodes are on a Docker network');
  const addressOf = async (): Promise<string> => world.docker('inspect', '--format', `{{(index .NetworkSettings.Networks "${network}").IPAddress}}`, cargo);
  const before = await addressOf();
  await world.docker('network', 'disconnect', network, cargo);
  // Whoever comes next gets the address that was free.
  await world.docker('run', '--detach', '--rm', '--name', 'e2e-roaming-guest', '--network', network, '--ip', before, world.suite.image, 'loop', '1h', '1h');
  try {
    await world.docker('network', 'connect', network, cargo);
    expect(await addressOf()).not.toBe(before);
    await untilWhole();
  } finally {
    await world.docker('rm', '--force', 'e2e-roaming-guest');
  }
});

test(`asleep for ${sleepMs / 60_000} minutes: the originals answer meanwhile, and all is back by itself`, async () => {
  const cargo = await world.cargo();
  await world.docker('pause', cargo);
  await sleep(sleepMs);
  const meanwhile = await Promise.all(world.sides.map(({ url, headers }) => world.prober.run('http', '--url', url, ...headers, '--count', '20')));
  expect(meanwhile.map(({ byWho }) => byWho)).toEqual([{ original: 20 }, { original: 20 }]);
  await world.docker('unpause', cargo);
  await untilWhole();
});
