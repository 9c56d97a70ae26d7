import { expect, test } from '@jest/globals';
import { durationMs, lifetimeOf, ttlOf } from '../../../cli/commands/ttl.ts';

test('durations know days; the cluster is told hours', () => {
  expect(['3d', '1d12h', '0.5d', '90m', '1h30m', '1500ms'].map((given) => durationMs('ttl', given))).toEqual([259_200_000, 129_600_000, 43_200_000, 5_400_000, 5_400_000, 1500]);
  expect([ttlOf({ options: { ttl: '1d12h' } }), lifetimeOf({ options: { lifetime: '2d' } }), ttlOf({ options: {} })]).toEqual([{ ttl: '24h12h' }, { lifetime: '48h' }, {}]);
  for (const given of ['3', 'd', '1w', '-1d', '0d', '500ms']) expect(() => durationMs('ttl', given)).toThrow(expect.objectContaining({ facts: expect.objectContaining({ code: 'usage', what: `--ttl ${given} is not a duration of a second or more` }) }));
});
