import { execFile } from 'node:child_process';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { HttpKube, isConflict, isExpired, isKubeError, isNotFound, resources, tokenFile, type KubeObject, type WatchEvent } from '../../../stowaway-image/src/kube/index.ts';

type Handler = (request: IncomingMessage & { text: string }, response: ServerResponse) => void;

let folder: string;
let server: Server;
let port: number;
let cert: string;
let handler: Handler;
const sockets = new Set<Duplex>();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kube-http-'));
  const [keyPath, certPath] = [join(folder, 'key'), join(folder, 'cert')];
  await promisify(execFile)('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', keyPath, '-out', certPath]);
  cert = await readFile(certPath, 'utf8');
  server = createServer({ key: await readFile(keyPath), cert }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => handler(Object.assign(request, { text: Buffer.concat(chunks).toString() }), response));
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as AddressInfo).port;
});

afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true });
});

beforeEach(() => { for (const socket of sockets) socket.destroy(); });

const kube = (more: { token?: (refresh: boolean) => Promise<string>; ca?: string } = {}): HttpKube => new HttpKube(
  { server: `https://127.0.0.1:${port}`, ca: more.ca ?? cert, ...(more.token === undefined ? {} : { token: more.token }) },
  { userAgent: 'test', timeouts: { requestMs: 300, watchSilenceMs: 300 } },
);
const answer = (response: ServerResponse, code: number, value: unknown): void => void response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(value));
const status = (code: number, reason: string) => ({ kind: 'Status', status: 'Failure', code, reason, message: `it is ${reason}` });
const pod: KubeObject = { metadata: { namespace: 'demo', name: 'web', resourceVersion: '5' } };
const ref = { namespace: 'demo', name: 'web' };

async function failureOf(call: Promise<unknown>): Promise<unknown> {
  return await call.then(() => { throw new Error('it did not fail'); }, (error: unknown) => error);
}

describe('requests', () => {
  test('have the path, query and content type that Kubernetes wants', async () => {
    const seen: string[] = [];
    handler = (request, response) => {
      seen.push(`${request.method} ${request.url} ${request.headers['content-type'] ?? '-'} ${request.text}`);
      answer(response, 200, pod);
    };
    await kube().get(resources.nodes, { name: 'n1' });
    await kube().apply(resources.bridges, { metadata: { namespace: 'demo', name: 'b' }, status: { phase: 'Ready' } }, { manager: 'me', subresource: 'status' });
    await kube().mergePatch(resources.pods, ref, { a: null });
    expect(seen).toEqual([
      'GET /api/v1/nodes/n1 - ',
      'PATCH /apis/podbridge.dev/v1alpha1/namespaces/demo/bridges/b/status?fieldManager=me&force=true application/apply-patch+yaml {"metadata":{"namespace":"demo","name":"b"},"status":{"phase":"Ready"},"apiVersion":"podbridge.dev/v1alpha1","kind":"Bridge"}',
      'PATCH /api/v1/namespaces/demo/pods/web application/merge-patch+json {"a":null}',
    ]);
  });

  test('after a deletion with preconditions go on over the same connection', async () => {
    const bodies: string[] = [];
    const connections = new Set<unknown>();
    handler = (request, response) => {
      connections.add(request.socket);
      bodies.push(`${request.method} ${request.text}`);
      answer(response, 200, pod);
    };
    const client = kube();
    await client.delete(resources.pods, ref, { uid: 'u-1', gracePeriodSeconds: 0 });
    await client.get(resources.pods, ref);
    expect(bodies).toEqual(['DELETE {"apiVersion":"v1","kind":"DeleteOptions","preconditions":{"uid":"u-1"},"gracePeriodSeconds":0}', 'GET ']);
    expect(connections.size).toBe(1);
  });

  test('for what is not there: get says so, delete is content', async () => {
    handler = (_, response) => answer(response, 404, status(404, 'NotFound'));
    expect(isNotFound(await failureOf(kube().get(resources.pods, ref)))).toBe(true);
    await kube().delete(resources.pods, ref);
  });

  test('a conflict is told from an object that exists already', async () => {
    handler = (_, response) => answer(response, 409, status(409, 'Conflict'));
    expect(isConflict(await failureOf(kube().replace(resources.pods, pod)))).toBe(true);
    handler = (_, response) => answer(response, 409, status(409, 'AlreadyExists'));
    expect(isConflict(await failureOf(kube().create(resources.pods, pod)))).toBe(false);
  });

  test('lists come in pages', async () => {
    handler = (request, response) => {
      const more = new URL(request.url ?? '', 'https://x').searchParams.get('continue');
      answer(response, 200, { metadata: { resourceVersion: '9', ...(more === null ? { continue: 'next' } : {}) }, items: [{ metadata: { name: more ?? 'first' } }] });
    };
    const { items, resourceVersion } = await kube().list(resources.pods, { labelSelector: 'app=web' });
    expect(items.map(({ metadata }) => metadata.name)).toEqual(['first', 'next']);
    expect(resourceVersion).toBe('9');
  });

  test('a refused token is read again, once', async () => {
    const tokens: (string | undefined)[] = [];
    handler = (request, response) => {
      tokens.push(request.headers.authorization);
      if (request.headers.authorization === 'Bearer new') answer(response, 200, pod);
      else answer(response, 401, status(401, 'Unauthorized'));
    };
    await kube({ token: async (refresh) => (refresh ? 'new' : 'old') }).get(resources.pods, ref);
    expect(tokens).toEqual(['Bearer old', 'Bearer new']);
    expect(await failureOf(kube({ token: async () => 'bad' }).get(resources.pods, ref))).toMatchObject({ code: 401 });
    expect(tokens).toHaveLength(4);
  });

  test('a token file is read again after a minute', async () => {
    let now = 0;
    const path = join(folder, 'cert');
    const read = tokenFile(path, () => now);
    expect(await read(false)).toBe(cert.trim());
    await rm(path);
    now = 59_000;
    expect(await read(false)).toBe(cert.trim());
    now = 61_000;
    await expect(read(false)).rejects.toThrow(/ENOENT/);
  });

  test('everything that can go wrong is a KubeError in words', async () => {
    handler = (_, response) => response.writeHead(503, { 'content-type': 'text/plain' }).end('starting');
    expect(await failureOf(kube().get(resources.pods, ref))).toMatchObject({ code: 503, message: 'GET /api/v1/namespaces/demo/pods/web: HTTP 503 starting' });
    handler = (request) => void request.socket.destroy();
    expect(await failureOf(kube().get(resources.pods, ref))).toMatchObject({ code: 0, reason: 'ECONNRESET' });
    handler = () => undefined;
    expect(await failureOf(kube().get(resources.pods, ref))).toMatchObject({ code: 0, reason: 'ETIMEDOUT' });
    handler = (_, response) => response.writeHead(200).end('<html>');
    expect(await failureOf(kube().get(resources.pods, ref))).toMatchObject({ reason: 'InvalidAnswer' });
    handler = (_, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('{"half');
      setTimeout(() => response.destroy(), 20);
    };
    expect(isKubeError(await failureOf(kube().get(resources.pods, ref)))).toBe(true);
    expect(await failureOf(kube({ token: async () => { throw new Error('no file'); } }).get(resources.pods, ref))).toMatchObject({ code: 0 });
    const strangers = kube({ ca: cert.replace(/[A-Za-z]{8}/, 'AAAAAAAA') });
    expect(isKubeError(await failureOf(strangers.get(resources.pods, ref)))).toBe(true);
  });
});

describe('watches', () => {
  async function watch(onEvent: (event: WatchEvent<KubeObject>) => void = () => undefined, signal = new AbortController().signal): Promise<void> {
    await kube().watch(resources.pods, { resourceVersion: '5', namespace: 'demo' }, onEvent, signal);
  }
  const event = (type: string, object: unknown): string => `${JSON.stringify({ type, object })}\n`;

  test('report events, whatever pieces they come in, and end with the server', async () => {
    let url = '';
    handler = (request, response) => {
      url = request.url ?? '';
      const text = event('ADDED', pod) + event('BOOKMARK', { metadata: { name: '', resourceVersion: '7' } });
      response.writeHead(200).write(text.slice(0, 25));
      setTimeout(() => response.end(text.slice(25)), 20);
    };
    const types: string[] = [];
    await watch(({ type }) => types.push(type));
    expect(types).toEqual(['ADDED', 'BOOKMARK']);
    expect(url).toMatch(/^\/api\/v1\/namespaces\/demo\/pods\?watch=true&allowWatchBookmarks=true&resourceVersion=5&timeoutSeconds=\d{3}$/);
  });

  test('that are too old say so, as an answer and as an event', async () => {
    handler = (_, response) => answer(response, 410, status(410, 'Expired'));
    expect(isExpired(await failureOf(watch()))).toBe(true);
    handler = (_, response) => response.writeHead(200).end(event('ERROR', status(410, 'Expired')));
    expect(isExpired(await failureOf(watch()))).toBe(true);
  });

  test('that break or fall silent fail instead of hanging', async () => {
    handler = (_, response) => {
      response.writeHead(200).write(event('ADDED', pod));
      setTimeout(() => response.destroy(), 20);
    };
    expect(await failureOf(watch())).toMatchObject({ code: 0 });
    handler = (_, response) => void response.writeHead(200).write(event('ADDED', pod));
    expect(await failureOf(watch())).toMatchObject({ code: 0 });
    handler = (_, response) => response.writeHead(200).end('no json\n');
    expect(isKubeError(await failureOf(watch()))).toBe(true);
  });

  test('end when they are told to', async () => {
    const stop = new AbortController();
    handler = (_, response) => void response.writeHead(200).write(event('ADDED', pod));
    expect(isKubeError(await failureOf(watch(() => stop.abort(), stop.signal)))).toBe(true);
  });
});
