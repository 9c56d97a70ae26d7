/** The cluster adapter against an API server of our own: real HTTP, real kubeconfig files. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { connectCluster, resources, resourceFor, resourcePath, type Cluster, type KubeObject, type WatchEvent } from '../../../cli/adapters/cluster/index.ts';
import { proxyFor } from '../../../cli/adapters/cluster/proxy.ts';
import { isBridgeError, type ErrorFacts } from '../../../cli/errors.ts';

type Handler = (request: IncomingMessage & { body: string }, response: ServerResponse) => void;

let folder: string;
let server: Server;
let handler: Handler;
let requests: { method: string; url: string; headers: IncomingMessage['headers']; body: string }[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'podbridge-kube-'));
  requests = [];
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      requests.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers, body });
      handler(Object.assign(request, { body }), response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true, force: true });
});

const url = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

interface KubeconfigOptions {
  context?: string;
  current?: string;
  server?: string;
  user?: object;
  namespace?: string;
}

function kubeconfig(name: string, { context = 'lab', current = context, server: address = url(), user = { token: 'secret' }, namespace = 'shop' }: KubeconfigOptions = {}): string {
  const file = join(folder, name);
  writeFileSync(file, JSON.stringify({
    apiVersion: 'v1', kind: 'Config', 'current-context': current, clusters: [{ name: `c-${context}`, cluster: { server: address } }], users: [{ name: `u-${context}`, user }],
    contexts: [{ name: context, context: { cluster: `c-${context}`, user: `u-${context}`, namespace } }],
  }));
  return file;
}

const host = (env: Record<string, string> = {}) => ({ env, homeDir: folder, cwd: folder });
const connected = async (): Promise<Cluster> => connectCluster(host(), { kubeconfig: kubeconfig('config') });

function answer(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(typeof body === 'string' ? body : JSON.stringify(body));
}

async function failure(promise: Promise<unknown>): Promise<ErrorFacts> {
  const error: unknown = await promise.then(() => new Error('it did not fail'), (reason: unknown) => reason);
  if (isBridgeError(error)) return error.facts;
  throw error;
}

const pod = (name: string, resourceVersion: string) => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'shop', resourceVersion } });

describe('which cluster', () => {
  test('the flag, then every file of KUBECONFIG (missing ones skipped, the first definition wins), then the home directory', async () => {
    const one = kubeconfig('one', { context: 'one', current: '' });
    const two = kubeconfig('two', { context: 'two', namespace: 'second' });
    const again = kubeconfig('again', { context: 'two', namespace: 'never' });
    const both = host({ KUBECONFIG: [join(folder, 'missing'), one, two, again, ''].join(delimiter) });
    expect((await connectCluster(both)).context).toMatchObject({ name: 'two', namespace: 'second', files: [one, two, again], kubectl: 'kubectl --context two' });
    expect((await connectCluster(both, { context: 'one' })).context).toMatchObject({ name: 'one', user: 'u-one' });
    expect((await connectCluster(both, { kubeconfig: 'one', context: 'one' })).context.files).toEqual([one]);
    mkdirSync(join(folder, '.kube'));
    kubeconfig(join('.kube', 'config'), { context: 'home', namespace: undefined });
    expect((await connectCluster(host())).context).toMatchObject({ name: 'home', namespace: 'shop' });
  });

  test('what is wrong is said', async () => {
    const one = kubeconfig('one', { context: 'one', current: '' });
    expect(await failure(connectCluster(host()))).toMatchObject({ kind: 'environment', code: 'kubeconfig-missing' });
    expect(await failure(connectCluster(host({ KUBECONFIG: '/nowhere/config' })))).toMatchObject({ code: 'kubeconfig-missing', why: 'KUBECONFIG names files that do not exist' });
    expect(await failure(connectCluster(host(), { kubeconfig: 'nope' }))).toMatchObject({ kind: 'usage', code: 'kubeconfig-missing' });
    expect(await failure(connectCluster(host(), { kubeconfig: one }))).toMatchObject({ code: 'context-unset', next: 'kubectl config use-context one' });
    expect(await failure(connectCluster(host(), { kubeconfig: one, context: 'other' }))).toMatchObject({ kind: 'usage', code: 'context-missing', why: 'there are: one' });
    writeFileSync(join(folder, 'broken'), 'clusters: [');
    expect(await failure(connectCluster(host(), { kubeconfig: 'broken' }))).toMatchObject({ code: 'kubeconfig-invalid' });
  });

  test('an exec plugin beside the kubeconfig gives the token, and is asked again after 401', async () => {
    const plugin = join(folder, 'plugin');
    const count = join(folder, 'count');
    writeFileSync(plugin, `#!/bin/sh\necho x >> '${count}'\nprintf '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"t%s"}}' "$(wc -l < '${count}' | tr -d ' ')"\n`, { mode: 0o755 });
    handler = (request, response) => (request.headers.authorization === 'Bearer t2' ? answer(response, 200, { gitVersion: 'v1.35.4' }) : answer(response, 401, { message: 'Unauthorized' }));
    const cluster = await connectCluster(host(), { kubeconfig: kubeconfig('exec', { user: { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: './plugin' } } }) });
    expect(await cluster.serverVersion()).toBe('v1.35.4');
    expect(requests.map((request) => request.headers.authorization)).toEqual(['Bearer t1', 'Bearer t2']);
    cluster.close();
    const missing = await connectCluster(host(), { kubeconfig: kubeconfig('exec2', { user: { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: './nothing' } } }) });
    expect(await failure(missing.serverVersion())).toMatchObject({ kind: 'environment', code: 'cluster-credentials' });
  });

  test.each([
    ['https://api.example.com:6443', { HTTPS_PROXY: 'http://proxy:3128' }, 'http://proxy:3128'], ['https://api.example.com', { https_proxy: 'proxy:3128' }, 'http://proxy:3128'],
    ['http://api.example.com', { HTTPS_PROXY: 'http://proxy:3128' }, undefined], ['https://api.example.com', { ALL_PROXY: 'socks5://p:1' }, 'socks5://p:1'],
    ['https://api.example.com', { HTTPS_PROXY: 'http://p', NO_PROXY: 'example.com' }, undefined], ['https://api.example.com', { HTTPS_PROXY: 'http://p', NO_PROXY: 'x.org, .example.com' }, undefined],
    ['https://example.com', { HTTPS_PROXY: 'http://p', NO_PROXY: '.example.com' }, 'http://p'], ['https://notexample.com', { HTTPS_PROXY: 'http://p', NO_PROXY: 'example.com' }, 'http://p'],
    ['https://10.1.2.3:6443', { HTTPS_PROXY: 'http://p', NO_PROXY: '10.0.0.0/8' }, undefined], ['https://10.1.2.3:6443', { HTTPS_PROXY: 'http://p', NO_PROXY: '10.1.2.3:443' }, 'http://p'],
    ['https://10.1.2.3:6443', { HTTPS_PROXY: 'http://p', NO_PROXY: '*' }, undefined], ['https://127.0.0.1:6443', { HTTPS_PROXY: 'http://p' }, undefined], ['https://localhost', { HTTPS_PROXY: 'http://p' }, undefined],
    ['https://[::1]:6443', { HTTPS_PROXY: 'http://p' }, undefined],
  ])('the proxy for %s with %j is %s', (target, env, proxy) => expect(proxyFor(target, env)).toBe(proxy));
});

describe('requests', () => {
  test('paths', () => {
    expect(resourcePath(resources.Deployment, 'shop', 'api')).toBe('/apis/apps/v1/namespaces/shop/deployments/api');
    expect(resourcePath(resources.Pod)).toBe('/api/v1/pods');
    expect(resourcePath(resources.Node, 'ignored', 'n', 'status')).toBe('/api/v1/nodes/n/status');
    expect(resourceFor({ apiVersion: 'podbridge.dev/v1alpha1', kind: 'Bridge' })).toBe(resources.Bridge);
  });

  test('list pages, and gives items their kind', async () => {
    handler = (request, response) => (new URL(request.url!, url()).searchParams.get('continue') === 'more'
      ? answer(response, 200, { metadata: { resourceVersion: '9' }, items: [{ metadata: { name: 'b' } }] })
      : answer(response, 200, { metadata: { resourceVersion: '9', continue: 'more' }, items: [{ metadata: { name: 'a' } }] }));
    const cluster = await connected();
    expect(await cluster.list(resources.Pod, { namespace: 'shop', labelSelector: 'a=b' })).toEqual({ resourceVersion: '9', items: ['a', 'b'].map((name) => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name } })) });
    expect(requests[0]!.url).toContain('/api/v1/namespaces/shop/pods?labelSelector=a%3Db');
    expect(requests[0]!.headers.authorization).toBe('Bearer secret');
    cluster.close();
  });

  test('apply, patch, delete', async () => {
    handler = (request, response) => (request.method === 'DELETE' ? answer(response, 404, { reason: 'NotFound', message: 'pods "a" not found', details: { name: 'a' } }) : answer(response, 200, pod('a', '1')));
    const cluster = await connected();
    await cluster.apply(pod('a', ''), { dryRun: true });
    await cluster.patch(resources.Pod, 'a', { spec: {} }, { namespace: 'shop', subresource: 'status' });
    expect(await cluster.delete(resources.Pod, 'a', { namespace: 'shop' })).toBe(false);
    expect(requests.map(({ method, url: path, headers }) => [method, path, headers['content-type']])).toEqual([
      ['PATCH', '/api/v1/namespaces/shop/pods/a?fieldManager=podbridge&force=true&dryRun=All', 'application/apply-patch+yaml'],
      ['PATCH', '/api/v1/namespaces/shop/pods/a/status?fieldManager=podbridge', 'application/merge-patch+json'],
      ['DELETE', '/api/v1/namespaces/shop/pods/a', 'application/json'],
    ]);
    cluster.close();
  });

  test('429 and 503 are tried again, who am I is asked once', async () => {
    let calls = 0;
    handler = (_, response) => (++calls === 1 ? answer(response, 429, {}, { 'retry-after': '0' }) : calls === 2 ? answer(response, 503, {}) : answer(response, 200, { gitVersion: 'v1' }));
    const cluster = await connected();
    expect(await cluster.serverVersion()).toBe('v1');
    handler = (_, response) => answer(response, 201, { status: { userInfo: { username: 'ann' } } });
    expect(await cluster.whoAmI()).toEqual({ username: 'ann', groups: [] });
    await cluster.whoAmI();
    expect(requests).toHaveLength(4);
    cluster.close();
  });
});

describe('errors', () => {
  test.each([
    [401, { message: 'Unauthorized' }, { kind: 'refused', code: 'cluster-unauthorized' }],
    [403, { reason: 'Forbidden', message: 'pods "a" is forbidden: User "ann" cannot get resource "pods"' }, { kind: 'refused', code: 'cluster-forbidden', what: 'you may not get pods in namespace shop', next: expect.stringMatching(/^kubectl --kubeconfig \S+\/config --context lab auth can-i get pods -n shop\nask an administrator for: kubectl create rolebinding podbridge-user-ann --clusterrole=podbridge-user --user=ann --namespace=shop$/) }],
    [404, { reason: 'NotFound', message: 'pods "a" not found', details: { name: 'a' } }, { kind: 'usage', code: 'cluster-not-found', what: 'there is no pod a in namespace shop' }],
    [404, '404 page not found', { kind: 'environment', code: 'cluster-kind-missing' }],
    [409, { reason: 'AlreadyExists', message: 'x', details: { name: 'a' } }, { kind: 'refused', code: 'cluster-already-exists' }],
    [409, { reason: 'Conflict', message: 'x', details: { name: 'a' } }, { kind: 'refused', code: 'cluster-conflict' }],
    [422, { reason: 'Invalid', message: 'x', details: { name: 'a', causes: [{ field: 'spec.ports', message: 'too many' }] } }, { kind: 'usage', code: 'cluster-invalid', why: 'spec.ports: too many' }],
    [422, { reason: 'Invalid', message: 'clients "x" is forbidden: ValidatingAdmissionPolicy \'p\' with binding \'p\' denied request: spec.owner must be ann' }, { kind: 'refused', code: 'cluster-denied', why: 'spec.owner must be ann' }],
    [403, { reason: 'Forbidden', message: 'pods "a" is forbidden: exceeded quota: q, requested: pods=1' }, { kind: 'refused', code: 'cluster-denied', why: 'exceeded quota: q, requested: pods=1' }],
    [500, { message: 'etcd is away' }, { kind: 'environment', code: 'cluster-error', why: 'etcd is away' }],
  ])('%i %j', async (status, body, facts) => {
    handler = (_, response) => answer(response, status, body);
    const cluster = await connected();
    expect(await failure(cluster.get(resources.Pod, 'a', 'shop'))).toMatchObject(facts);
    cluster.close();
  });

  test.each<[string, () => Promise<unknown>, string]>([
    ['a right that the role has', async () => (await connected()).list(resources.Pod, { namespace: 'bridge-system' }), 'ask an administrator for: kubectl create rolebinding podbridge-user-ann --clusterrole=podbridge-user --user=ann --namespace=bridge-system'],
    ['the scale of any kind', async () => (await connected()).scale({ apiVersion: 'x.io/v1', kind: 'X', plural: 'xs', namespaced: true }, 'a', 'shop'), 'ask an administrator for: kubectl create rolebinding podbridge-user-ann --clusterrole=podbridge-user --user=ann --namespace=shop'],
    ['a log', async () => (await connected()).podLog('bridge-system', 'hub-0'), 'ask an administrator: the role podbridge-user does not include it'],
    ['an account, for an invitation', async () => (await connected()).get(resources.ServiceAccount, 'guest-bob', 'bridge-system'), 'ask an administrator: the role podbridge-user does not include it'],
  ])('%s that is missing: what would grant it', async (_, ask, line) => {
    handler = (_request, response) => answer(response, 403, { reason: 'Forbidden', message: 'it is forbidden: User "ann" cannot get resource "x"' });
    const [question, ...others] = (await failure(ask())).next!.split('\n');
    expect([question, others]).toEqual([expect.stringContaining(' auth can-i '), [line]]);
  });

  test('without podbridge its roles are missing too: that it is not installed is what is told', async () => {
    handler = (request, response) => (request.url === '/apis/podbridge.dev' ? answer(response, 404, '404 page not found') : answer(response, 403, { reason: 'Forbidden', message: 'bridges.podbridge.dev is forbidden: User "ann" cannot list resource "bridges"' }));
    const cluster = await connected();
    expect(await failure(cluster.list(resources.Bridge, { namespace: 'shop' }))).toMatchObject({ code: 'cluster-kind-missing', why: 'podbridge is not installed there', next: 'bridge install' });
    expect(await cluster.find(resources.ConfigMap, 'podbridge-info', 'bridge-system')).toBeUndefined();
    expect(await failure(cluster.list(resources.Pod, { namespace: 'shop' }))).toMatchObject({ code: 'cluster-forbidden' });
    cluster.close();
  });

  test('credentials that are refused to several at once: all are told so, and none is cut off by the other\'s renewal', async () => {
    handler = (_request, response) => void setTimeout(() => answer(response, 401, { message: 'Unauthorized' }), 5 * (requests.length % 4));
    const cluster = await connected();
    const failures = await Promise.all([cluster.whoAmI(), cluster.serverVersion(), cluster.list(resources.Pod), cluster.can({ verb: 'get', resource: 'pods' }), cluster.can({ verb: 'list', resource: 'pods' })].map((asked) => failure(asked)));
    expect(failures.map(({ code }) => code)).toEqual(failures.map(() => 'cluster-unauthorized'));
    cluster.close();
  });

  test('nobody there', async () => {
    const cluster = await connectCluster(host(), { kubeconfig: kubeconfig('config', { server: 'http://127.0.0.1:9' }) });
    expect(await failure(cluster.serverVersion())).toMatchObject({ kind: 'environment', code: 'cluster-unreachable', next: `kubectl --kubeconfig ${join(folder, 'config')} --context lab version` });
    const nameless = await connectCluster(host(), { kubeconfig: kubeconfig('config', { server: 'https://api.invalid:6443' }) });
    expect((await failure(nameless.serverVersion())).why).toContain('its name does not resolve');
  });
});

describe('watching', () => {
  const line = (type: string, object: unknown) => `${JSON.stringify({ type, object })}\n`;

  async function take(events: AsyncIterable<WatchEvent<KubeObject>>, count: number): Promise<string[]> {
    const seen: string[] = [];
    for await (const event of events) {
      seen.push(event.type === 'synced' ? `synced ${event.items.map((item) => item.metadata.name).join(',')}` : `${event.type} ${event.object.metadata.name}`);
      if (seen.length === count) break;
    }
    return seen;
  }

  test('lists, watches, resumes where it stood after a cut, starts over when that is too old', async () => {
    const watches: (string | null)[] = [];
    let lists = 0;
    handler = (request, response) => {
      const query = new URL(request.url!, url()).searchParams;
      if (query.get('watch') === null) return answer(response, 200, { metadata: { resourceVersion: `${++lists}0` }, items: [pod('a', '1')] });
      watches.push(query.get('resourceVersion'));
      response.writeHead(200);
      switch (watches.length) {
        case 1:
          response.write(line('ADDED', pod('b', '11')) + line('BOOKMARK', pod('', '15')).slice(0, 20));
          return void setTimeout(() => response.end(line('BOOKMARK', pod('', '15')).slice(20)), 5);
        case 2:
          response.write(line('MODIFIED', pod('b', '16')));
          return void setTimeout(() => response.destroy(), 20);
        case 3: return response.end(line('ERROR', { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version' }));
        default: return response.end(line('DELETED', pod('a', '21')));
      }
    };
    const cluster = await connected();
    expect(await take(cluster.watch(resources.Pod, { namespace: 'shop' }), 5)).toEqual(['synced a', 'added b', 'modified b', 'synced a', 'deleted a']);
    expect(watches).toEqual(['10', '15', '16', '20']);
    cluster.close();
  });

  test('what cannot heal is thrown; the signal ends it silently', async () => {
    handler = (_, response) => answer(response, 403, { reason: 'Forbidden', message: 'no' });
    const cluster = await connected();
    expect(await failure(take(cluster.watch(resources.Pod), 1))).toMatchObject({ code: 'cluster-forbidden' });
    handler = (request, response) => (request.url!.includes('watch=1') ? void response.writeHead(200).flushHeaders() : answer(response, 200, { metadata: { resourceVersion: '1' }, items: [] }));
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 1000);
    expect(await take(cluster.watch(resources.Pod, { signal: abort.signal }), 5)).toEqual(['synced ']);
    cluster.close();
  });

  test('until: the object when it is so, undefined when it is gone, or a timeout with the last state', async () => {
    handler = (request, response) => {
      if (!request.url!.includes('watch=1')) return answer(response, 200, { metadata: { resourceVersion: '1' }, items: [pod('a', '1')] });
      response.writeHead(200);
      response.write(line('MODIFIED', { ...pod('a', '2'), status: { phase: 'Running' } }));
      setTimeout(() => response.write(line('DELETED', pod('a', '3'))), 20);
    };
    const cluster = await connected();
    const phase = (object: KubeObject | undefined) => (object as { status?: { phase?: string } } | undefined)?.status?.phase;
    expect(phase(await cluster.until(resources.Pod, 'a', (object) => phase(object) === 'Running', { namespace: 'shop', timeoutMs: 5000 }))).toBe('Running');
    expect(await cluster.until(resources.Pod, 'a', (object) => object === undefined, { namespace: 'shop', timeoutMs: 5000 })).toBeUndefined();
    expect(requests.every((request) => request.url.includes('fieldSelector=metadata.name%3Da'))).toBe(true);
    expect(await failure(cluster.until(resources.Pod, 'a', () => false, { namespace: 'shop', timeoutMs: 100 }))).toMatchObject({ kind: 'timeout', code: 'cluster-timeout' });
    cluster.close();
  });
});
