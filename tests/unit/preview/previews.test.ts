/** The command's side of previews: which bridge, where browsers find it, and what is refused before anything is made. */
import { describe, expect, test } from '@jest/globals';
import type { Cluster, KubeObject } from '../../../cli/adapters/cluster/index.ts';
import { bridgedText } from '../../../cli/bridge/summary.ts';
import { findEntry } from '../../../cli/preview/entry.ts';
import { addedHeaders, chooseBridge, deletePreview, listPreviews, makePreview } from '../../../cli/preview/previews.ts';
import { untilGateway } from '../../../cli/preview/until-gateway.ts';
import { gatewayUrl } from '../../../cli/preview/where.ts';
import { Steps } from '../../../cli/steps/steps.ts';
import { main } from '../../../cli/main.ts';
import { names, systemNamespace } from '../../../protocol/names.ts';
import { bridgeTag, digestOf, mostPreviews } from '../../../protocol/preview.ts';
import { fakeHost } from '../cli/fake-host.ts';
import { bridge, client } from '../stowaway/objects.ts';
import { clusterError, fakeCluster } from '../support/fake-cluster.ts';

const now = 1_800_000_000_000;
const entry = { text: 'svc/web:80', routes: [{ path: '/', match: 'prefix' as const, service: 'web', port: 80 }] };
const code = async (act: () => unknown): Promise<string> => {
  try {
    await act();
  } catch (error) {
    return (error as { facts?: { code: string } }).facts?.code ?? String(error);
  }
  return 'none';
};

function world(...objects: KubeObject[]): Cluster & { objects: Map<string, KubeObject> } {
  const made = fakeCluster();
  for (const object of objects) made.objects.set(`${object.kind} ${object.metadata.namespace ?? ''}/${object.metadata.name}`, structuredClone(object));
  return Object.assign(made, {
    async get<T>(type: { kind: string }, name: string, namespace = ''): Promise<T> {
      const found = made.objects.get(`${type.kind} ${namespace}/${name}`);
      if (found === undefined) throw clusterError('cluster-not-found');
      return structuredClone(found) as T;
    },
  });
}
const service = (name: string, ports: object[]): KubeObject => ({ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'demo' }, spec: { ports } }) as KubeObject;

describe('which bridge', () => {
  test('the only one of one\'s own, or the one that is named', async () => {
    expect((await chooseBridge(world(bridge('api-ann'), bridge('api-bob', { owner: 'bob' })), 'demo', undefined, 'it is needed')).metadata.name).toBe('api-ann');
    expect((await chooseBridge(world(bridge('a'), bridge('b')), 'demo', 'b', 'it is needed')).metadata.name).toBe('b');
    expect(await code(() => chooseBridge(world(bridge('a'), bridge('b')), 'demo', undefined, 'it is needed'))).toBe('bridge-ambiguous');
    expect(await code(() => chooseBridge(world(), 'demo', undefined, 'it is needed'))).toBe('bridge-not-found');
    // What curl and open are told is not about previews.
    await expect(chooseBridge(world(), 'demo', undefined, 'the request is one of a bridge')).rejects.toMatchObject({ facts: { why: 'the request is one of a bridge', next: expect.stringMatching(/bridge run .*-n NAMESPACE/) } });
  });

  test('one whose rules no request can be made to satisfy is refused', async () => {
    expect(await code(() => addedHeaders(bridge('a', { rules: [{ headers: [{ name: 'x', match: 'regex', value: '.' }] }] })))).toBe('rule-not-addable');
  });
});

describe('the entry', () => {
  test('a Service by port or name, TLS by what the port is called; an Ingress with its paths and host', async () => {
    const web = service('web', [{ name: 'http', port: 80 }, { name: 'https-admin', port: 8443 }]);
    const ingress = { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata: { name: 'shop', namespace: 'demo' }, spec: { rules: [{ host: 'shop.example.com', http: { paths: [{ path: '/api', pathType: 'Exact', backend: { service: { name: 'web', port: { name: 'http' } } } }] } }], defaultBackend: { service: { name: 'web', port: { number: 80 } } } } } as KubeObject;
    const cluster = world(web, ingress);
    expect((await findEntry(cluster, 'demo', 'svc/web')).text).toBe('svc/web:80');
    expect((await findEntry(cluster, 'demo', 'svc/web:https-admin')).routes).toEqual([{ path: '/', match: 'prefix', service: 'web', port: 8443, tls: true }]);
    expect(await findEntry(cluster, 'demo', 'ingress/shop')).toEqual({ text: 'ingress/shop', host: 'shop.example.com', routes: [{ path: '/api', match: 'exact', service: 'web', port: 80 }, { path: '/', match: 'prefix', service: 'web', port: 80 }] });
    for (const bad of ['web', 'svc/', 'deploy/web', 'ingress/shop:80', 'svc/web:9']) expect([bad, await code(() => findEntry(cluster, 'demo', bad))]).toEqual([bad, 'entry-malformed']);
  });
});

test('where browsers find the gateway, for each way', async () => {
  const endpoints = [{ kind: 'node' as const, host: '10.0.0.2', port: 1 }];
  const ann = client('ann-1', { status: { cluster: { ranges: [], dns: { server: '', domain: 'cluster.local' }, endpoints, version: '1' } } });
  const entrance = (spec: object, status: object = {}): KubeObject => ({ apiVersion: 'v1', kind: 'Service', metadata: { name: names.preview, namespace: systemNamespace }, spec, status }) as KubeObject;
  expect(await gatewayUrl(world(), { way: 'ingress', url: 'https://p.example.com' }, ann)).toBe('https://p.example.com');
  expect(await gatewayUrl(world(), { way: 'link' }, ann)).toBe('http://stowaway-preview.bridge-system.svc.cluster.local');
  expect(await gatewayUrl(world(entrance({ ports: [{ nodePort: 31000 }] })), { way: 'node-port' }, ann)).toBe('http://10.0.0.2:31000');
  expect(await gatewayUrl(world(entrance({}, { loadBalancer: { ingress: [{ ip: '1.2.3.4' }] } })), { way: 'load-balancer' }, ann)).toBe('http://1.2.3.4');
  expect(await code(() => gatewayUrl(world(entrance({})), { way: 'load-balancer' }, ann))).toBe('preview-unreachable');
  expect(await code(() => gatewayUrl(world(entrance({ ports: [{ nodePort: 31000 }] })), { way: 'node-port' }, undefined))).toBe('preview-unreachable');
});

test('made, listed, deleted: the object has digests only; expired ones make room, others do not', async () => {
  const cluster = world(bridge('api-ann', { rules: [{ mark: 'ann' }] }));
  const current = async () => chooseBridge(cluster, 'demo', 'api-ann', 'it is needed');
  const { preview, secret } = await makePreview(cluster, await current(), { entry, ttlMs: 60_000 }, now);
  expect(JSON.stringify(await current())).not.toContain(secret.split('.')[1]);
  expect(secret.split('.')[0]).toBe(bridgeTag((await current()).metadata.uid!));
  expect(preview).toMatchObject({ link: digestOf(secret), access: digestOf(secret), expiresAt: new Date(now + 60_000).toISOString().replace('.000', '') });
  const locked = await makePreview(cluster, await current(), { entry, ttlMs: 60_000, password: 'hunter22', name: 'locked' }, now);
  expect(locked.preview.access).not.toBe(locked.preview.link);
  expect((await listPreviews(cluster, 'demo', now)).previews.map(({ password, expired }) => [password, expired])).toEqual([[false, false], [true, false]]);
  const told = structuredClone(await current());
  told.status = { conditions: [{ type: 'PreviewsServed', status: 'False', reason: 'PreviewsNotServed', message: 'The gateway does not show these previews. locked: why.', lastTransitionTime: '2027-01-15T08:00:00Z' }] };
  expect((await listPreviews(world(told), 'demo', now)).unserved).toEqual([{ namespace: 'demo', bridge: 'api-ann', message: 'The gateway does not show these previews. locked: why.' }]);
  expect(JSON.stringify(await listPreviews(cluster, undefined, now))).not.toContain(preview.link);
  expect(await code(async () => makePreview(cluster, await current(), { entry, ttlMs: 1, name: 'locked' }, now))).toBe('preview-exists');
  while ((await current()).spec.previews!.length < mostPreviews) await makePreview(cluster, await current(), { entry, ttlMs: 60_000 }, now);
  expect(await code(async () => makePreview(cluster, await current(), { entry, ttlMs: 60_000 }, now))).toBe('previews-many');
  await makePreview(cluster, await current(), { entry, ttlMs: 60_000, name: 'later' }, now + 60_000);
  expect((await current()).spec.previews!.map(({ name }) => name)).toEqual(['later']);
  await deletePreview(cluster, 'demo', 'later');
  expect(await code(() => deletePreview(cluster, 'demo', 'later'))).toBe('preview-not-found');
});

test('a gateway that does not come is told of', async () => {
  const reporter = { emit: () => undefined };
  expect(await code(() => untilGateway(world(), new Steps(reporter, () => 0)))).toBe('preview-gateway');
});

test.each([
  [['install', '--dry-run', '--preview', 'somehow'], 'preview-exposure'], [['install', '--dry-run', '--preview', 'gateway:public', '--preview-url', 'https://p.example.com'], 'preview-exposure'],
  [['install', '--dry-run', '--preview', 'ingress'], 'preview-exposure'], [['install', '--dry-run', '--preview-url', 'https://p.example.com'], 'preview-exposure'], [['install', '--dry-run', '--preview', 'link', '--preview-url', 'p.example.com'], 'preview-exposure'],
])('%j is refused', async (argv, expected) => {
  const host = fakeHost();
  expect(await main([...argv, '-o', 'json'], host)).toBe(2);
  expect((JSON.parse(host.out()) as { error: { code: string } }).error.code).toBe(expected);
});

test('bridge run says how to send the mark: curl, a page, one\'s own browser', () => {
  const text = bridgedText({
    bridge: { namespace: 'shop', name: 'api-ann' }, container: { id: '1', name: 'api-ann', address: '10.0.0.1', image: 'api' }, target: { kind: 'Deployment', name: 'api', container: 'api' }, ports: [{ port: 80, protocol: 'TCP', local: 80 }],
    rules: [{ mark: 'ann' }], pods: [], mode: 'steal', delayMs: null, fault: null, published: ['127.0.0.1:32768 -> 80/tcp'], link: { client: 'c', transport: 'udp' }, elapsedMs: 1,
  }, false);
  expect(text).toContain("curl -H 'baggage: bridge=ann' http://...");
  expect(text).toContain('fetch(url, { headers: { baggage: "bridge=ann" } })');
  expect(text).toContain('bridge open svc/NAME -n shop');
  expect(text).toContain('  port: 127.0.0.1:32768 -> 80/tcp');
});

