import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo, type Server as SocketServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { filesPath, type FilesTicket } from '../../../protocol/files.ts';
import { seal } from '../../../protocol/seal.ts';
import { serveTickets } from '../../../cargo-image/src/files/socket.ts';
import { findTicket, ticketAnswer } from '../../../cargo-image/src/files/tickets.ts';

const keys = generateKeyPairSync('x25519');
const standard = (text: string | undefined): string => Buffer.from(text ?? '', 'base64url').toString('base64');
const publicKey = standard(keys.publicKey.export({ format: 'jwk' }).x);
const privateKey = standard(keys.privateKey.export({ format: 'jwk' }).d);
const bridge = { namespace: 'shop', name: 'api-ann' };
const key = Buffer.alloc(32, 1).toString('base64');
const ticket: FilesTicket = { v: 1, pod: { name: 'api-1', namespace: 'shop', uid: 'u' }, volumes: [], port: 7082, hostKey: key, key, agents: [] };
const servers: Server[] = [];

/** An agent that answers so; its address. */
async function agent(status: number, body: object | string): Promise<string> {
  const server = createServer((request, response) => {
    response.writeHead(request.url === filesPath('shop', 'api-ann') ? status : 404);
    response.end(typeof body === 'string' ? body : JSON.stringify(seal(publicKey, Buffer.from(JSON.stringify(body)))));
  });
  servers.push(server);
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', () => resolve()); });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}
const find = (...agents: string[]) => findTicket(agents, bridge, '127.0.0.1', privateKey);

let folder: string;
beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'podbridge-tickets-')); });
afterEach(async () => {
  for (const server of servers.splice(0)) server.close();
  await rm(folder, { recursive: true, force: true });
});

test('the first agent that has one; those that it names are asked next time', async () => {
  const [none, starting] = [await agent(404, 'not here'), await agent(503, 'not yet')];
  const has = await agent(200, { ...ticket, agents: ['10.0.0.9:7080'] });
  const found = await find(none, starting, has);
  expect(found).toMatchObject({ address: '127.0.0.1:7082', agents: [has, '10.0.0.9:7080'] });
  expect(ticketAnswer(found)).toEqual({ address: '127.0.0.1:7082', hostKey: key, key });
});

test('an agent whose pod has gone leads to the one that has it; two that name each other end', async () => {
  const has = await agent(200, ticket);
  const left = await agent(200, { v: 1, elsewhere: [has] });
  expect(await find(left)).toMatchObject({ agents: [has] });
  const lost = await agent(200, { v: 1, elsewhere: [left.replace(/\d+$/, '1'), 'not an address'] });
  await expect(find(lost)).rejects.toMatchObject({ code: 'refused' });
  const alone: string = await agent(200, { v: 1, elsewhere: [] });
  await expect(find(alone)).rejects.toThrow('no node has a running pod');
});

test('what was not sealed for this link, or is no ticket, is refused', async () => {
  await expect(find(await agent(200, JSON.stringify(ticket)))).rejects.toThrow('not sealed for this link');
  await expect(find(await agent(200, { ...ticket, hostKey: 'short' }))).rejects.toThrow('not sealed for this link');
  await expect(find()).rejects.toThrow('no agent is known');
});

test('one line asks at the socket, one answers', async () => {
  const path = join(folder, 'below', 'socket');
  const server: SocketServer = await serveTickets(async (asked) => {
    if (asked.name !== 'api-ann') throw new Error('the files are not wanted here');
    return { address: 'a', hostKey: 'h', key: 'k' };
  }, path);
  const ask = (text: string): Promise<unknown> => new Promise((resolve, reject) => {
    let answer = '';
    connect(path).setEncoding('utf8').on('data', (chunk: string) => { answer += chunk; }).on('error', reject).on('close', () => resolve(answer === '' ? undefined : JSON.parse(answer))).end(text);
  });
  expect(await ask(`${JSON.stringify({ bridge })}\n`)).toEqual({ address: 'a', hostKey: 'h', key: 'k' });
  expect(await ask(`${JSON.stringify({ bridge: { ...bridge, name: 'other' } })}\n`)).toEqual({ error: 'the files are not wanted here' });
  expect(await ask('garbage\n')).toEqual({ error: 'not a line of JSON' });
  expect(await ask('{"bridge":{"namespace":"../x","name":"y"}}\n')).toEqual({ error: 'a question names a bridge' });
  expect(await ask('x'.repeat(10_000))).toBeUndefined();
  server.close();
});
