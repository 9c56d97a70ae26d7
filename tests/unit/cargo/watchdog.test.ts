import { expect, test } from '@jest/globals';
import { createWatchdog, firstSilenceMs, silenceMs, type WatchdogInput } from '../../../cargo-image/src/wireguard/watchdog.ts';

const quiet = (nowMs: number, changes: Partial<WatchdogInput> = {}): WatchdogInput => ({ nowMs, echoAgeMs: null, configuredForMs: nowMs, rxBytes: 0, ...changes });

test('a first handshake that was lost is repeated after a second, with growing pauses', () => {
  const watchdog = createWatchdog();
  const renewals: number[] = [];
  for (let nowMs = 0; nowMs <= 40_000; nowMs += 500) if (watchdog.check(quiet(nowMs)) !== undefined) renewals.push(nowMs);
  expect(renewals).toEqual([firstSilenceMs, 2000, 4000, 8000, 16_000, 26_000, 36_000]);
});

test('a link that worked has to be silent for longer', () => {
  const watchdog = createWatchdog();
  expect(watchdog.check(quiet(10_000, { echoAgeMs: silenceMs - 1 }))).toBeUndefined();
  expect(watchdog.check(quiet(10_500, { echoAgeMs: silenceMs }))).toBe(1);
  expect(watchdog.check(quiet(11_000, { echoAgeMs: silenceMs + 500 }))).toBeUndefined();
  expect(watchdog.check(quiet(11_500, { echoAgeMs: silenceMs + 1000 }))).toBe(2);
  expect(watchdog.check(quiet(12_000, { echoAgeMs: 10 }))).toBeUndefined();
  expect(watchdog.check(quiet(20_000, { echoAgeMs: silenceMs }))).toBe(1);
});

test('as long as data comes in, a missing echo is not the tunnel\'s fault', () => {
  const watchdog = createWatchdog();
  for (let step = 1; step < 10; step++) expect(watchdog.check(quiet(step * 500, { echoAgeMs: 5000, rxBytes: step * 1000 }))).toBeUndefined();
  expect(watchdog.check(quiet(5000, { echoAgeMs: 9000, rxBytes: 9000 }))).toBe(1);
});
