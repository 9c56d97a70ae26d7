import { describe, expect, test } from '@jest/globals';
import { createPathChoice, openRelayAfterMs, type Path, type PathInput } from '../../../cargo-image/src/path/path-choice.ts';

const stepMs = 500;

/** Plays cargo: `world` says what can be heard at a time, orders are carried out. Returns what was ordered when. */
function play(untilMs: number, world: { straight: (ms: number) => boolean; relay?: (ms: number) => boolean; known?: boolean }, only?: Path): { orders: string[]; path: Path } {
  const choice = createPathChoice({ nowMs: 0, ...(only === undefined ? {} : { only }) });
  const orders: string[] = [];
  let lastEchoMs: number | undefined;
  let relay: 'off' | 'wanted' = only === 'relay' ? 'wanted' : 'off';
  let closedSinceMs = 0;
  for (let nowMs = 0; nowMs <= untilMs; nowMs += stepMs) {
    const open = relay === 'wanted' && (world.relay?.(nowMs) ?? true);
    if (open) closedSinceMs = nowMs;
    if (choice.path === 'straight' ? world.straight(nowMs) : open) lastEchoMs = nowMs;
    const input: PathInput = {
      nowMs, echoAgeMs: lastEchoMs === undefined ? null : nowMs - lastEchoMs,
      relay: world.known === false ? 'unknown' : relay === 'off' ? 'off' : open ? 'open' : 'connecting', relayClosedForMs: relay === 'off' || open ? 0 : nowMs - closedSinceMs,
    };
    const order = choice.check(input);
    if (order === 'stay') continue;
    orders.push(`${nowMs} ${order}`);
    if (order === 'open-relay') [relay, closedSinceMs] = ['wanted', nowMs];
    if (order === 'close-relay') relay = 'off';
    if (order === 'take-relay') choice.took('relay', nowMs);
    if (order === 'take-straight' || (order === 'probe' && world.straight(nowMs))) choice.took('straight', nowMs);
  }
  return { orders, path: choice.path };
}

describe('the way of the tunnel', () => {
  test('straight, and nothing else is opened, as long as it is heard', () => {
    expect(play(600_000, { straight: () => true })).toEqual({ orders: [], path: 'straight' });
  });

  test('over the API server when there is no first answer within three seconds', () => {
    const { orders, path } = play(5000, { straight: () => false });
    expect(orders).toEqual([`${openRelayAfterMs} open-relay`, `${openRelayAfterMs + stepMs} take-relay`]);
    expect(path).toBe('relay');
  });

  test('the straight way is tried again and again, less and less often, and taken when it answers', () => {
    const { orders, path } = play(200_000, { straight: (ms) => ms > 100_000 });
    expect(orders.filter((order) => order.endsWith('probe')).map((order) => Number(order.split(' ')[0]))).toEqual([8500, 18_500, 38_500, 78_500, 158_500]);
    expect(orders.at(-1)).toMatch(/close-relay/);
    expect(path).toBe('straight');
  });

  test('a short silence opens the relay and takes it no further', () => {
    const { orders, path } = play(60_000, { straight: (ms) => ms < 10_000 || ms > 13_200, relay: (ms) => ms > 14_000 });
    expect(orders).toEqual(['12500 open-relay', '13500 close-relay']);
    expect(path).toBe('straight');
  });

  test('while neither answers both are tried in turn', () => {
    const { orders } = play(60_000, { straight: () => false, relay: (ms) => ms > 3000 && ms < 9000 });
    expect(orders.slice(0, 3)).toEqual(['3000 open-relay', '3500 take-relay', expect.stringMatching(/probe|take-straight/)]);
    expect(orders.at(-1)).toMatch(/take-straight/);
    expect(orders.filter((order) => order.endsWith('take-straight'))).toHaveLength(1);
  });

  test('an API server that comes back is used again', () => {
    const { orders, path } = play(60_000, { straight: () => false, relay: (ms) => ms < 9000 || ms > 30_000 });
    expect(orders.filter((order) => order.endsWith('take-relay'))).toHaveLength(2);
    expect(path).toBe('relay');
  });

  test('forced one way, there is no other', () => {
    expect(play(60_000, { straight: () => false }, 'straight')).toEqual({ orders: [], path: 'straight' });
    expect(play(60_000, { straight: () => true }, 'relay')).toEqual({ orders: [], path: 'relay' });
  });

  test('without a token there is no way over the API server', () => {
    expect(play(60_000, { straight: () => false, known: false })).toEqual({ orders: [], path: 'straight' });
  });
});
