/** HTTPS in the pod with rules, and what the container learns of the client. */
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { execa } from 'execa';
import { resources } from '../../cli/adapters/cluster/index.ts';
import { deployment, echoPorts, everyPort, secret, service } from '../workloads/manifests.ts';
import { ensureEchoImage } from '../workloads/echo-image.ts';
import { setUpLimitMs, startSuite, testLimitMs, type Suite } from './support/suite.ts';

jest.setTimeout(testLimitMs);
const namespace = 'e2e-https';
const name = 'e2e-https';
const mine = { 'x-developer': 'ann' };
/** The container makes its own certificate: what the pod's environment names is not its. */
const own = ['--target', 'deploy/web', '-e', 'TLS_CERT='];
const rule = [...own, '--header', 'x-developer=ann'];
let suite: Suite;
let address: string;
/** Of the prober: the client of all requests. */
let client: string;

interface Answer { who: string; proto: string; remote: string; headers: Record<string, string[]> }

beforeAll(async () => {
  const { stdout } = await execa('docker', ['run', '--rm', await ensureEchoImage(), 'certificate', 'shop.example']);
  const [cert = '', key = ''] = stdout.split(/(?=-----BEGIN PRIVATE KEY)/);
  suite = await startSuite(namespace, (image) => [
    secret('shop-tls', namespace, { 'tls.crt': cert, 'tls.key': key }),
    deployment({
      name: 'web', namespace, image, replicas: 2, env: [...everyPort, { name: 'TLS_CERT', value: '/tls/tls.crt' }, { name: 'TLS_KEY', value: '/tls/tls.key' }],
      container: { volumeMounts: [{ name: 'tls', mountPath: '/tls' }] }, pod: { volumes: [{ name: 'tls', secret: { secretName: 'shop-tls' } }] },
    }),
    service({ name: 'web', namespace }),
  ]);
  address = await suite.addressOf('web');
  client = (await suite.kube.get<{ apiVersion: string; kind: string; metadata: { name: string }; status: { podIP: string } }>(resources.Pod, suite.prober.pod, namespace)).status.podIP;
}, setUpLimitMs);
afterAll(() => suite?.end());
afterEach(() => suite.bridge(['stop', name]));

async function ask(url: string, headers = {}, http2 = false) {
  const { body, ...rest } = await suite.prober.fetch(url, headers, { http2 });
  return { ...rest, answer: JSON.parse(body) as Answer };
}

describe('HTTPS with the certificate that the pod has mounted', () => {
  const url = (): string => `https://${address}:${echoPorts.tls}/`;

  test('by TLS again to the container: each request of one connection on its side, HTTP/1.1 and HTTP/2', async () => {
    await suite.run(name, 'local', [...rule, '--port', 'tls', '--port', 'http', '--tls-secret', 'shop-tls']);
    const report = await suite.prober.run('http', '--url', url(), '--connections', '1', '--count', '200', '--alternate', 'x-developer: ann');
    expect(report).toMatchObject({ total: 200, failed: 0, connections: 1 });
    expect(report.byKind).toEqual({ plain: { original: 100 }, alternate: { local: 100 } });
    for (const http2 of [false, true]) {
      const [plain, marked] = [await ask(url(), {}, http2), await ask(url(), mine, http2)];
      const proto = http2 ? 'HTTP/2.0' : 'HTTP/1.1';
      expect([plain.proto, marked.proto, plain.answer.proto, marked.answer.proto]).toEqual([proto, proto, proto, proto]);
      // Nobody can tell from outside who opened it.
      expect([plain.certificate, marked.certificate]).toEqual(['shop.example', 'shop.example']);
      expect([plain.answer.who, marked.answer.who]).toEqual(['original', 'local']);
      // The original sees what it always saw.
      expect(plain.answer.remote.startsWith(`${client}:`)).toBe(true);
      expect(plain.answer.headers).not.toHaveProperty('x-forwarded-for');
      expect(marked.answer.headers).toMatchObject({ 'x-forwarded-for': [client], 'x-forwarded-proto': ['https'] });
    }
    // A port without TLS beside it goes on as ever.
    expect((await ask(`http://${address}/`, mine)).answer.who).toBe('local');
  });

  test('--plaintext: the container needs no certificate', async () => {
    await suite.run(name, 'local', [...rule, '--port', 'tls:8080', '--tls-cert', '/tls/tls.crt,/tls/tls.key', '--plaintext']);
    const [plain, marked] = [await ask(url(), {}, true), await ask(url(), mine, true)];
    expect([plain.answer.who, plain.answer.proto, marked.answer.who, marked.answer.proto]).toEqual(['original', 'HTTP/2.0', 'local', 'HTTP/1.1']);
    expect(marked.answer.headers).toMatchObject({ 'x-forwarded-for': [client], 'x-forwarded-proto': ['https'] });
  });

  test('a certificate that is not there is told, before anything is made', async () => {
    const { exitCode, stderr } = await suite.bridge(['run', '-d', '--image', suite.image, ...rule, '--tls-secret', 'other']);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/does not have tls\.crt of Secret other[\s\S]*shop-tls[\s\S]*--tls-cert/);
  });

  test('no key is in an object: it says where it stands', async () => {
    await suite.run(name, 'local', [...rule, '--port', 'tls', '--tls-secret', 'shop-tls']);
    const { items } = await suite.kube.list(resources.Bridge, { namespace });
    expect(JSON.stringify(items)).toContain('/tls/tls.key');
    expect(JSON.stringify(items)).not.toContain('PRIVATE KEY');
  });
});

test('--proxy-protocol: the container sees the client\'s address, with and without rules', async () => {
  for (const rules of [['--header', 'x-developer=ann'], []]) {
    await suite.run(name, 'local', [...own, '--port', 'http', ...rules, '--proxy-protocol', '-e', 'PROXY_PROTOCOL=1']);
    const { answer } = await ask(`http://${address}/`, mine);
    expect({ who: answer.who, remote: answer.remote.split(':')[0] }).toEqual({ who: 'local', remote: client });
    await suite.stop(name);
  }
});

test('with a rule the container is told the client\'s address in a header, behind what stood there; the original sees it as its peer', async () => {
  await suite.run(name, 'local', [...rule, '--port', 'http']);
  const { answer } = await ask(`http://${address}/`, { ...mine, 'x-forwarded-for': '203.0.113.9' });
  expect(answer.headers['x-forwarded-for']).toEqual(['203.0.113.9', client]);
  // The original sees what it saw without a bridge.
  const { answer: { who, remote, headers } } = await ask(`http://${address}/`, { 'x-forwarded-for': '203.0.113.9' });
  expect([who, remote.split(':')[0], headers['x-forwarded-for']]).toEqual(['original', client, ['203.0.113.9']]);
});
