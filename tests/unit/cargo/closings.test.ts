import { expect, test } from '@jest/globals';
import { createClosings } from '../../../cargo-image/src/control/closings.ts';

function scheduled(): { closed: string[]; closings: ReturnType<typeof createClosings>; elapse: (ms: number) => void } {
  const closed: string[] = [];
  let now = 0;
  let due: { at: number; run: () => void }[] = [];
  const closings = createClosings(({ name }) => { closed.push(name); }, (run, afterMs) => { due.push({ at: now + afterMs, run }); });
  return {
    closed, closings,
    elapse(ms) {
      now += ms;
      const ripe = due.filter(({ at }) => at <= now);
      due = due.filter(({ at }) => at > now);
      for (const { run } of ripe) run();
    },
  };
}
const api = { namespace: 'shop', name: 'api' };

test('forwards stay for the time that is given, which counts anew when the bridge is heard to be gone', () => {
  const { closed, closings, elapse } = scheduled();
  closings.begin(api, 30);
  elapse(20);
  closings.begin(api, 11);
  expect(closings.list()).toEqual([api]);
  elapse(10);
  expect(closed).toEqual([]);
  elapse(1);
  expect(closed).toEqual(['api']);
  closings.cancel(api);
  elapse(30);
  expect(closed).toEqual(['api']);
});

test('a bridge that is somebody\'s again keeps them', () => {
  const { closed, closings, elapse } = scheduled();
  closings.begin(api, 11);
  closings.begin({ ...api, name: 'web' }, 11);
  closings.cancel({ ...api });
  expect([closings.has(api), closings.has({ ...api, name: 'web' })]).toEqual([false, true]);
  elapse(11);
  expect(closed).toEqual(['web']);
});
