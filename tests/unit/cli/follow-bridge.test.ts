/** What a run in the foreground says of a container that does not listen: nothing, as long as it does not even run. */
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import type { BridgeWatch } from '../../../cli/bridge/bridge-watch.ts';
import { followBridge } from '../../../cli/bridge/follow-bridge.ts';
import { timing } from '../../../cli/timing.ts';
import type { UiEvent } from '../../../cli/ui/events.ts';
import { until } from '../../support/wait.ts';

const delayMs = 20;
beforeEach(() => { jest.replaceProperty(timing, 'notListeningDelayMs', delayMs as typeof timing.notListeningDelayMs); });
afterEach(() => { jest.restoreAllMocks(); });

/** @param lives what runs each time that is asked; the last one for ever */
async function follow(lives: (string | undefined)[], enough: (asked: number, told: UiEvent[]) => boolean): Promise<{ asked: number; told: UiEvent[] }> {
  const told: UiEvent[] = [];
  let asked = 0;
  const watch = {
    ref: { namespace: 'shop', name: 'api-ann' }, onChange: () => () => undefined,
    current: { spec: { ports: [{ port: 80, local: 8080, protocol: 'TCP' }] }, status: { phase: 'Ready', pods: [{ serving: false }] } },
  } as unknown as BridgeWatch;
  const over = new AbortController();
  void followBridge({ watch, reporter: { emit: (event) => void told.push(event) }, now: () => 0, signal: over.signal, life: async () => lives[Math.min(asked++, lives.length - 1)] });
  await until('enough', async () => (enough(asked, told) ? true : undefined), 10_000).finally(() => over.abort());
  return { asked, told };
}

test('it runs and does not listen: told, with what helps', async () => {
  const { told } = await follow(['a'], (_, events) => events.length > 0);
  expect(told).toEqual([expect.objectContaining({ code: 'not-listening', text: expect.stringContaining('port 8080'), next: expect.stringContaining('0.0.0.0') })]);
});

test('it has ended: that is told elsewhere', async () => expect((await follow([undefined], (asked) => asked >= 4)).told).toEqual([]));

test('it was started anew meanwhile: it has its time again, and is told of when that is over', async () => {
  const { asked, told } = await follow(['a', undefined, 'b', 'b'], (_, events) => events.length > 0);
  expect(asked).toBeGreaterThanOrEqual(4);
  expect(told).toHaveLength(1);
});
