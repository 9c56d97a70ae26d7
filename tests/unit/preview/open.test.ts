/** `bridge open`'s proxy: what is added, what stays here, and that streams pass. */
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { WebSocket, WebSocketServer } from 'ws';
import { ownResponseHeaders, requestHeaders, serveOpen, type OpenSettings } from '../../../cargo-image/src/open/open.ts';

let upstream: Server;
let proxy: Server;
const portOf = (server: Server): number => (server.address() as AddressInfo).port;
const listen = (server: Server) => new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });

beforeEach(async () => {
  upstream = createServer((request, response) => { response.writeHead(200, { 'x-path': request.url ?? '' }).end(JSON.stringify(request.headers)); });
  new WebSocketServer({ server: upstream }).on('connection', (socket, { headers }) => socket.on('message', (data: Buffer) => socket.send(`${String(data)} ${String(headers['baggage'])}`)));
  await listen(upstream);
  const settings: OpenSettings = { port: 0, routes: [{ path: '/', match: 'prefix', host: '127.0.0.1', port: portOf(upstream), tls: false }, { path: '/gone', match: 'exact', host: '127.0.0.1', port: 1, tls: false }], mark: 'ann', headers: [['X-User', 'ann']], names: ['web'] };
  proxy = serveOpen(settings);
  await listen(proxy);
  settings.port = portOf(proxy);
});
afterEach(() => { for (const server of [proxy, upstream]) { server.close(); server.closeAllConnections(); } });

test('requests and WebSockets get the mark and the rule\'s headers; an entry that does not answer is told', async () => {
  const base = `http://127.0.0.1:${portOf(proxy)}`;
  const answer = await fetch(`${base}/a?b=1`, { method: 'POST', body: 'x', headers: { baggage: 'user=7, bridge=other' } });
  expect(answer.headers.get('x-path')).toBe('/a?b=1');
  expect(await answer.json()).toMatchObject({ baggage: 'user=7,bridge=ann', 'x-user': 'ann', host: `127.0.0.1:${portOf(proxy)}` });
  expect((await fetch(`${base}/gone`)).status).toBe(502);
  const socket = new WebSocket(`ws://127.0.0.1:${portOf(proxy)}/ws`);
  const heard = new Promise<string>((resolve, reject) => { socket.on('message', (data: Buffer) => resolve(String(data))); socket.on('error', reject); });
  socket.on('open', () => socket.send('hello'));
  expect(await heard).toBe('hello bridge=ann');
  socket.terminate();
});

test('only who asks for the loopback and this port is answered, by requests and WebSockets', async () => {
  const port = portOf(proxy);
  const statusAs = (host: string, upgrade = false) => new Promise<number | undefined>((resolve, reject) => {
    request({ host: '127.0.0.1', port, setHost: false, headers: { host, ...(upgrade ? { connection: 'upgrade', upgrade: 'websocket' } : {}) } }, (response) => { response.resume(); resolve(response.statusCode); }).on('error', reject).end();
  });
  const own = [`127.0.0.1:${port}`, `localhost:${port}`, `LOCALHOST:${port}`, `[::1]:${port}`];
  expect(await Promise.all(own.map((host) => statusAs(host)))).toEqual(own.map(() => 200));
  const others = ['evil.example', `evil.example:${port}`, '127.0.0.1', `localhost:${port + 1}`, `localhost.evil.example:${port}`, ''];
  expect(await Promise.all(others.map((host) => statusAs(host)))).toEqual(others.map(() => 421));
  expect(await statusAs(`evil.example:${port}`, true)).toBe(421);
});

test('the entry\'s own host, its redirects and its cookies', () => {
  expect(requestHeaders({ host: '127.0.0.1:8000' }, { headers: [], host: 'shop.example.com' })).toMatchObject({ host: 'shop.example.com', 'x-forwarded-host': '127.0.0.1:8000' });
  expect(ownResponseHeaders({ location: 'http://web:80/x?y#z', 'set-cookie': ['a=1; Domain=web; Secure; Path=/; SameSite=None'] }, ['web'])).toEqual({ location: '/x?y#z', 'set-cookie': ['a=1; Path=/'] });
  expect(ownResponseHeaders({ location: 'https://login.example.com/' }, ['web'])).toEqual({ location: 'https://login.example.com/' });
});
