import { expect, test } from '@jest/globals';
import { createLifelines, lifelineGraceMs } from '../../../cargo-image/src/control/lifelines.ts';
import type { Session } from '../../../cargo-image/src/control/server.ts';
import type { BridgeRef } from '../../../protocol/heartbeat.ts';

const api: BridgeRef = { namespace: 'shop', name: 'api' };
const web: BridgeRef = { namespace: 'shop', name: 'web' };

function session(): Session & { end(): void } {
  const handlers: (() => void)[] = [];
  return { onEnd: (handler) => handlers.push(handler), end: () => { for (const handler of handlers) handler(); } };
}

function setup() {
  const ended: BridgeRef[] = [];
  const scheduled: { run: () => void; delayMs: number }[] = [];
  return { ended, scheduled, lifelines: createLifelines((bridge) => ended.push(bridge), (run, delayMs) => scheduled.push({ run, delayMs })) };
}

test('a connection that ends without release ends its bridges, and only those', () => {
  const { ended, lifelines } = setup();
  const [one, two] = [session(), session()];
  lifelines.hold(api, one);
  lifelines.hold(web, two);
  one.end();
  expect(ended).toEqual([api]);
  expect(lifelines.list()).toEqual([web]);
});

test('released: the end of the connection says nothing', () => {
  const { ended, lifelines } = setup();
  const one = session();
  lifelines.hold(api, one);
  lifelines.release(api);
  one.end();
  expect(ended).toEqual([]);
});

test('the newest holder counts', () => {
  const { ended, lifelines } = setup();
  const [old, young] = [session(), session()];
  lifelines.hold(api, old);
  lifelines.hold(api, young);
  old.end();
  expect(ended).toEqual([]);
  young.end();
  expect(ended).toEqual([api]);
});

test('after a restart sessions have some time to come back', () => {
  const { ended, scheduled, lifelines } = setup();
  lifelines.restore([api, web]);
  expect(lifelines.list()).toEqual([api, web]);
  expect(scheduled).toHaveLength(1);
  expect(scheduled[0]?.delayMs).toBe(lifelineGraceMs);
  lifelines.hold(web, session());
  scheduled[0]?.run();
  expect(ended).toEqual([api]);
  expect(lifelines.list()).toEqual([web]);
});

test('a session that was quicker than the restored state is not ended by it', () => {
  const { ended, scheduled, lifelines } = setup();
  lifelines.hold(api, session());
  lifelines.restore([api]);
  for (const { run } of scheduled) run();
  expect(ended).toEqual([]);
  expect(lifelines.list()).toEqual([api]);
});

test('nothing ends because cargo itself goes down', () => {
  const { ended, lifelines } = setup();
  const one = session();
  lifelines.hold(api, one);
  lifelines.close();
  one.end();
  expect(ended).toEqual([]);
  expect(lifelines.list()).toEqual([api]);
});
