import { once } from 'node:events';
import { createServer, connect, type AddressInfo, type Socket } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { serveHealth } from '../../../stowaway-image/src/health.ts';
import { keepRoom, type Room } from '../../../stowaway-image/src/keep-room.ts';
import { until } from '../../support/wait.ts';

const limitMs = 5000;
const ends: (() => void)[] = [];
afterEach(() => { for (const end of ends.splice(0)) end(); });

async function hold(port: number, from: string, asking = ''): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', localAddress: from });
  socket.on('error', () => undefined).resume();
  ends.push(() => socket.destroy());
  await once(socket, 'connect');
  if (asking !== '') socket.write(asking);
  return socket;
}

test('health is told to one address while another holds all the connections that it may have, and more', async () => {
  const stop = new AbortController();
  ends.push(() => stop.abort());
  const ailments: string[] = [];
  const { port } = await serveHealth({ ailment: () => ailments[0], signal: stop.signal, port: 0 });
  const held: Socket[] = [];
  for (let i = 0; i < 100; i++) held.push(await hold(port, '127.0.0.2', 'GET /healthz HTTP/1.1\r\nx: '));
  const ask = async (path = '/healthz'): Promise<number> => (await fetch(`http://127.0.0.1:${port}${path}`)).status;
  expect(await ask()).toBe(200);
  await until('all but the newest are ended', async () => (held.filter(({ closed }) => !closed).length === 16 && !held[99]!.closed ? true : undefined), limitMs);
  ailments.push('not yet');
  expect(await ask()).toBe(503);
  expect(await ask('/')).toBe(404);
});

async function roomy(room: Room): Promise<number> {
  const server = createServer((socket) => socket.on('error', () => undefined).resume());
  keepRoom(server, room);
  ends.push(() => server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

test('one too many ends the oldest; what was ended by its owner takes no room', async () => {
  const port = await roomy({ connections: 3 });
  const held = [await hold(port, '127.0.0.2'), await hold(port, '127.0.0.3')];
  held.push(await hold(port, '127.0.0.4'), await hold(port, '127.0.0.5'));
  await until('the first is ended', async () => (held[0]!.closed ? true : undefined), limitMs);
  held[1]!.destroy();
  await once(held[1]!, 'close');
  expect(held.slice(2).map(({ closed }) => closed)).toEqual([false, false]);
});

test('an address beyond its share ends its own oldest, not another\'s', async () => {
  const port = await roomy({ connections: 10, perAddress: 2 });
  const other = await hold(port, '127.0.0.2');
  const mine = [await hold(port, '127.0.0.3'), await hold(port, '127.0.0.3'), await hold(port, '127.0.0.3')];
  await until('mine', async () => (mine[0]!.closed ? true : undefined), limitMs);
  expect([other, ...mine.slice(1)].map(({ closed }) => closed)).toEqual([false, false, false]);
});
