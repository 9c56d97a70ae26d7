import { expect, test } from '@jest/globals';
import { createTracker, withoutGone } from '../../../cargo-image/src/heartbeat/tracker.ts';
import { heartbeatMaxBytes, heartbeatMaxEnded, type Heartbeat } from '../../../protocol/heartbeat.ts';
import { parseHeartbeat } from '../../../stowaway-image/src/hub/heartbeat-message.ts';

const parse = (datagram: Buffer): Heartbeat => JSON.parse(datagram.toString()) as Heartbeat;
const echo = (seq: number, gone: unknown = []): Buffer => Buffer.from(JSON.stringify({ v: 1, seq, gone }));

test('counts up and measures the way there and back', () => {
  const tracker = createTracker();
  expect(parse(tracker.next('udp', [], 1000))).toEqual({ v: 1, seq: 1, transport: 'udp', ended: [] });
  expect(tracker.echoAgeMs(1000)).toBeNull();
  expect(tracker.echo(echo(1), 1003.456)).toEqual([]);
  expect(tracker.rttMs()).toEqual([3.46]);
  expect(tracker.echoAgeMs(2003.456)).toBe(1000);
});

test.each([['no JSON', Buffer.from('{')], ['another version', Buffer.from('{"v":2,"seq":1,"gone":[]}')], ['never sent', echo(99)], ['gone of another shape', echo(1, [1])], ['a uid of another shape', echo(1, [{ namespace: 'shop', name: 'api', uid: 1 }])], ['null', Buffer.from('null')], ['empty', Buffer.alloc(0)]])('%s is no echo', (_, datagram) => {
  const tracker = createTracker();
  tracker.next('udp', [], 0);
  expect(tracker.echo(datagram, 1)).toBeUndefined();
  expect(tracker.echoAgeMs(1)).toBeNull();
});

test('an echo counts once, a late one within a minute still counts', () => {
  const tracker = createTracker();
  for (let index = 0; index < 61; index++) tracker.next('udp', [], index * 1000);
  expect(tracker.echo(echo(1), 60_100)).toBeUndefined();
  expect(tracker.echo(echo(2), 60_100)).toEqual([]);
  expect(tracker.echo(echo(2), 60_200)).toBeUndefined();
  expect(tracker.rttMs()).toEqual([59_100]);
});

test('keeps sixty round trips, newest last', () => {
  const tracker = createTracker();
  for (let seq = 1; seq <= 70; seq++) {
    tracker.next('udp', [], seq);
    tracker.echo(echo(seq), seq + seq);
  }
  expect(tracker.rttMs()).toEqual(Array.from({ length: 60 }, (_, index) => index + 11));
});

test('hundreds of ended bridges are said one part after the other, each of which the hub takes', () => {
  const tracker = createTracker();
  let left = Array.from({ length: 3 * heartbeatMaxEnded + 1 }, (_, index) => ({ namespace: 'shop', name: `b${index}` }));
  for (const expected of [heartbeatMaxEnded, heartbeatMaxEnded, heartbeatMaxEnded, 1, 0]) {
    const heard = parseHeartbeat(tracker.next('udp', left, 0));
    expect(heard?.ended).toEqual(left.slice(0, expected));
    left = withoutGone(left, tracker.echo(echo(heard!.seq, heard!.ended), 1)!);
  }
  expect(left).toEqual([]);
});

test('the end of one session is not the end of another of the same name, unless somebody does not tell which', () => {
  const [old, young, unknown] = [{ namespace: 'shop', name: 'api', uid: 'u-1' }, { namespace: 'shop', name: 'api', uid: 'u-2' }, { namespace: 'shop', name: 'api' }];
  const tracker = createTracker();
  const { seq, ended } = parseHeartbeat(tracker.next('udp', [old], 0))!;
  expect(ended).toEqual([old]);
  expect(withoutGone([young], tracker.echo(echo(seq, ended), 1)!)).toEqual([young]);
  expect(withoutGone([young], [unknown])).toEqual([]);
  expect(withoutGone([unknown], [old])).toEqual([]);
});

test('what does not fit into a datagram is said later', () => {
  const ended = Array.from({ length: 300 }, (_, index) => ({ namespace: 'n'.repeat(63), name: `bridge-${'b'.repeat(100)}-${index}` }));
  const datagram = createTracker().next('udp', ended, 0);
  expect(datagram.length).toBeLessThanOrEqual(heartbeatMaxBytes);
  const said = parse(datagram).ended;
  expect(said.length).toBeGreaterThan(30);
  expect(said.length).toBeLessThan(heartbeatMaxEnded);
  expect(said).toEqual(ended.slice(0, said.length));
  expect(withoutGone(ended, said)).toEqual(ended.slice(said.length));
});
