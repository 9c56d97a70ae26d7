/** A bridge with rules: each request goes where it belongs, whatever the protocol above TCP. */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { Report } from '../support/prober.ts';
import { deployment, echoPorts, service } from '../workloads/manifests.ts';
import { setUpLimitMs, startSuite, testLimitMs, type Suite } from './support/suite.ts';

jest.setTimeout(testLimitMs);
const namespace = 'e2e-rules';
const name = 'e2e-rules';
const mine = 'x-developer: ann';
let suite: Suite;
let address: string;

beforeAll(async () => {
  suite = await startSuite(namespace, (image) => [deployment({ name: 'web', namespace, image, replicas: 2 }), service({ name: 'web', namespace })]);
  address = await suite.addressOf('web');
}, setUpLimitMs);
afterAll(() => suite?.end());

const http = (...more: string[]): Promise<Report> => suite.prober.run('http', '--url', `http://${address}/`, ...more);
const apart = (count: number) => ({ plain: { original: count }, alternate: { local: count } });

describe('a bridge with a header rule', () => {
  beforeAll(() => suite.run(name, 'local', ['--target', 'deploy/web', '--header', 'X-Developer=ann', ...['http', 'grpc', 'tls', 'tcp'].flatMap((port) => ['--port', port])]));
  afterAll(() => suite.stop(name));

  test('HTTP/1.1: 1000 of 1000 requests on one kept connection, alternating', async () => {
    const report = await http('--connections', '1', '--count', '1000', '--alternate', mine);
    expect(report).toMatchObject({ total: 1000, failed: 0, connections: 1 });
    expect(report.byKind).toEqual(apart(500));
  });

  test('h2c: 1000 of 1000 streams of one connection, alternating', async () => {
    const report = await http('--h2c', '--count', '1000', '--alternate', mine);
    expect(report).toMatchObject({ total: 1000, failed: 0, connections: 1 });
    expect(report.byKind).toEqual(apart(500));
  });

  test('h2c: streams that are open at the same time', async () => {
    const report = await http('--h2c', '--rate', '300', '--count', '600', '--alternate', mine);
    expect(report).toMatchObject({ failed: 0 });
    expect(report.byKind).toEqual(apart(300));
  });

  test.each([['unary', 1000], ['stream', 20], ['bidi', 200]])('gRPC %s: %d calls over one connection, alternating', async (kind, count) => {
    for (const port of [echoPorts.http, echoPorts.grpc]) {
      const report = await suite.prober.run('grpc', '--address', `${address}:${port}`, '--kind', kind, '--count', String(count), '--alternate', mine);
      expect(report).toMatchObject({ total: count, failed: 0, connections: 1 });
      expect(report.byKind).toEqual(apart(count / 2));
    }
  });

  test.each([['local', ['--header', mine]], ['original', []]])('WebSocket and server-sent events stay with the %s', async (who, header) => {
    const ws = await suite.prober.run('ws', '--url', `ws://${address}/ws`, '--count', '100', ...header);
    expect(ws).toMatchObject({ total: 100, failed: 0 });
    expect(ws.byWho).toEqual({ [who]: 100 });
    const sse = await suite.prober.run('sse', '--url', `http://${address}/sse?n=30&ms=50`, ...header);
    expect(sse).toMatchObject({ total: 30, failed: 0 });
    expect(sse.byWho).toEqual({ [who]: 30 });
    // One every 50 ms, each on its own: in bunches most would come right after another.
    expect(sse.p50Ms).toBeGreaterThan(20);
  });

  test('the response says where it was made', async () => {
    const [plain, marked] = [await suite.prober.fetch(`http://${address}/`), await suite.prober.fetch(`http://${address}/`, { 'x-developer': 'ann' })];
    expect(plain.headers['x-bridge-served-by']).toEqual(['original']);
    expect(marked.headers['x-bridge-served-by']).toEqual([`${namespace}/${name}`]);
  });

  test('what is not HTTP stays with the original, and is not kept waiting', async () => {
    const tcp = await suite.prober.run('tcp', '--address', `${address}:${echoPorts.tcp}`, '--count', '10');
    const tls = await suite.prober.run('http', '--url', `https://${address}:${echoPorts.tls}/`, '--count', '10');
    expect([tcp.byWho, tls.byWho]).toEqual([{ original: 10 }, { original: 10 }]);
    for (const report of [tcp, tls]) expect(report.p99Ms).toBeLessThan(500);
  });
});

test('starting and stopping loses no request, whether it matches or not', async () => {
  const probes = await Promise.all([
    ['--rate', '100'], ['--rate', '100', '--connections', '10'], ['--rate', '50', '--h2c'],
  ].map((how) => suite.prober.start('http', '--url', `http://${address}/`, '--duration', '150s', '--alternate', mine, ...how)));
  for (let round = 0; round < 2; round++) {
    await suite.run(name, 'local', ['--target', 'deploy/web', '--port', 'http', '--header', 'x-developer=ann']);
    await suite.stop(name);
  }
  const reports = await Promise.all(probes.map((probe) => probe.stop()));
  expect(reports.map(({ failed, firstError }) => ({ failed, firstError }))).toEqual(reports.map(() => ({ failed: 0, firstError: undefined })));
  // What did not match was never answered by the container.
  for (const { byKind } of reports) expect(Object.keys(byKind.plain ?? {})).toEqual(['original']);
  expect(reports[0]!.byKind.alternate!.local).toBeGreaterThan(0);
});

describe.each([
  { rule: ['--header', 'x-team^=pay'], local: { 'x-team': 'payments' }, original: { 'x-team': 'shipping' } },
  { rule: ['--header', 'x-user~=^(ann|bob)$'], local: { 'x-user': 'bob' }, original: { 'x-user': 'bobby' } },
  { rule: ['--mark', 'ann'], local: { baggage: 'tenant=7, bridge=ann;p=1,x=y' }, original: { baggage: 'bridge=anna' } },
  { rule: ['--path-prefix', '/api/', '--method', 'GET'], local: {}, path: '/api/things', original: {}, otherPath: '/apix' },
  { rule: ['--path', '/exact', '--header', 'a=1', '--header', 'b=2'], local: { a: '1', b: '2' }, path: '/exact?q=1', original: { a: '1' }, otherPath: '/exact' },
  { rule: ['--path-regex', '^/v[0-9]+/'], local: {}, path: '/v12/x', original: {}, otherPath: '/x/v1/' },
])('rule $rule', ({ rule, local, original, path = '/', otherPath = path }) => {
  test('takes what matches and nothing else', async () => {
    await suite.run(name, 'local', ['--target', 'deploy/web', '--port', 'http', ...rule]);
    try {
      const who = async (at: string, headers: Record<string, string | undefined>): Promise<string> =>
        (JSON.parse((await suite.prober.fetch(`http://${address}${at}`, headers as Record<string, string>)).body) as { who: string }).who;
      expect({ matching: await who(path, local), other: await who(otherPath, original), plain: await who('/', {}) }).toEqual({ matching: 'local', other: 'original', plain: 'original' });
    } finally {
      await suite.stop(name);
    }
  });
});
