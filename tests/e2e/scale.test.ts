/** The smallest form of npm run bench:scale: fake laptops that speak the real protocol, and every bridge asked. What it measures is in docs/scale.md. */
import { expect, jest, test } from '@jest/globals';
import { measureScale } from '../bench/scale/scale.ts';
import { setUpLimitMs } from './support/suite.ts';

jest.setTimeout(setUpLimitMs);

test('ten links and twenty bridges on ten pods: every request comes to its own, and there is something to measure', async () => {
  const [step] = await measureScale({ clients: 10, bridges: 20, steps: 1, deployments: 5, restS: 3 }, () => undefined);
  expect(step).toMatchObject({ clients: 10, bridges: 20, wrong: [] });
  expect(Object.entries(step!.use).map(([part, { megabytes }]) => [part, megabytes > 0])).toEqual(expect.arrayContaining([['agent', true], ['controller', true], ['hub', true]]));
  expect(step!.reloadMs.count).toBeGreaterThan(0);
});
