import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Deframer, frame } from '../../../protocol/datagram-stream.ts';
import { serveRelay } from '../../../stowaway-image/src/hub/relay.ts';
import { until } from '../../support/wait.ts';

const datagram = (mark: number): Buffer => Buffer.concat([Buffer.of(1, 0, 0, 0), Buffer.alloc(144, mark)]);
let wireguard: UdpSocket;
let got: { message: Buffer; port: number }[];
let server: Server;
let stop: AbortController;
const streams: Socket[] = [];

beforeEach(async () => {
  got = [];
  wireguard = createSocket('udp4');
  wireguard.on('message', (message, from) => {
    got.push({ message, port: from.port });
    wireguard.send(message, from.port, from.address);
  });
  await new Promise<void>((resolve) => { wireguard.bind(0, '127.0.0.1', resolve); });
  stop = new AbortController();
  server = await serveRelay({ signal: stop.signal, onError: () => undefined, port: 0, wireguardPort: wireguard.address().port });
});
afterEach(() => {
  stop.abort();
  wireguard.close();
  for (const stream of streams.splice(0)) stream.destroy();
});

function open(): Promise<Socket> {
  const stream = connect((server.address() as AddressInfo).port, '127.0.0.1');
  streams.push(stream);
  stream.on('error', () => undefined);
  return new Promise((resolve) => { stream.once('connect', () => resolve(stream)); });
}

test('listens on the loopback alone', () => {
  expect((server.address() as AddressInfo).address).toBe('127.0.0.1');
});

test('each connection is an address of its own to WireGuard, and gets its own answers', async () => {
  const both = await Promise.all([open(), open()]);
  const answers = both.map((stream, index) => {
    const deframer = new Deframer();
    const seen: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => seen.push(...deframer.push(chunk)));
    stream.write(Buffer.concat([frame(datagram(index)), frame(datagram(index + 10))]));
    return seen;
  });
  await until('four answers', async () => (answers.flat().length === 4 ? true : undefined), 10_000);
  expect(answers).toEqual([[datagram(0), datagram(10)], [datagram(1), datagram(11)]]);
  expect(new Set(got.map(({ port }) => port)).size).toBe(2);
});

test('garbage ends the connection, reaches nobody, and leaves the others alone', async () => {
  const [bad, good] = await Promise.all([open(), open()]);
  const ended = new Promise((resolve) => { bad.once('close', resolve); });
  bad.resume();
  bad.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n');
  await ended;
  good.write(frame(datagram(3)));
  await until('the good one', async () => got[0], 10_000);
  expect(got.map(({ message }) => message)).toEqual([datagram(3)]);
});
