import { expect, test } from '@jest/globals';
import { Deframer, frame, isWireguard } from '../../protocol/datagram-stream.ts';

function datagram(size: number, type = 4): Buffer {
  const bytes = Buffer.alloc(size, 7);
  Buffer.of(type, 0, 0, 0).copy(bytes);
  return bytes;
}

test('datagrams come out as they went in, however the stream cuts them', () => {
  const sent = [datagram(148, 1), datagram(32), datagram(1532), datagram(65535), datagram(92, 2)];
  const stream = Buffer.concat(sent.map(frame));
  for (const step of [1, 2, 3, 1000, 70_000, stream.length]) {
    const deframer = new Deframer();
    const got: Buffer[] = [];
    for (let at = 0; at < stream.length; at += step) got.push(...deframer.push(stream.subarray(at, at + step)).map((each) => Buffer.from(each)));
    expect(got).toEqual(sent);
  }
});

test.each([
  ['text', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ['an empty datagram', Buffer.of(0, 0)],
  ['one that is too short', Buffer.concat([Buffer.of(0, 31), datagram(31)])],
  ['an unknown type', frame(datagram(64, 5))],
  ['reserved bytes that are used', frame(Buffer.concat([Buffer.of(1, 1, 0, 0), Buffer.alloc(60)]))],
])('%s ends the stream', (_, bytes) => {
  expect(() => new Deframer().push(Buffer.concat([bytes, Buffer.alloc(70_000)]))).toThrow(RangeError);
});

test('what WireGuard says is recognised', () => {
  expect([1, 2, 3, 4].map((type) => isWireguard(datagram(64, type)))).toEqual([true, true, true, true]);
  expect([isWireguard(Buffer.alloc(0)), isWireguard(datagram(64, 0)), isWireguard(datagram(31))]).toEqual([false, false, false]);
});
