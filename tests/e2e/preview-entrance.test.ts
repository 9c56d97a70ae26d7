/** Previews behind TLS: through an Ingress and through a Gateway's HTTPRoute, as whoever serves these would send requests on. */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { execa } from 'execa';
import { names, systemNamespace } from '../../protocol/names.ts';
import { resources, type KubeObject } from '../../cli/adapters/cluster/index.ts';
import { bridge, bridgeOk } from '../support/bridge-command.ts';
import { startBrowser } from '../support/browser.ts';
import { openEntrance, waysOf, type Entrance, type HttpRouteObject, type IngressObject } from '../support/entrance.ts';
import { haveHttpRoutes } from '../support/gateway-api.ts';
import { until } from '../support/wait.ts';
import { deployment, service } from '../workloads/manifests.ts';
import { ensureEchoImage } from '../workloads/echo-image.ts';
import { setUpLimitMs, startSuite, testLimitMs, type Suite } from './support/suite.ts';

jest.setTimeout(testLimitMs);
const namespace = 'e2e-preview-entrance';
const name = 'e2e-preview-entrance';
const host = 'preview.example.com';
const limitMs = 60_000;
let suite: Suite;
let image: string;
let certificate: [certificate: string, key: string];

interface Seen { who: string; authority: string; headers: Record<string, string[]> }

beforeAll(async () => {
  const { stdout } = await execa('docker', ['run', '--rm', await ensureEchoImage(), 'certificate', host]);
  const [cert = '', key = ''] = stdout.split(/(?=-----BEGIN PRIVATE KEY)/);
  certificate = [`${cert}\n`, `${key}\n`];
  suite = await startSuite(namespace, (echo) => [deployment({ name: 'web', namespace, image: echo }), service({ name: 'web', namespace })]);
  image = (await suite.kube.get<KubeObject & { data: { stowawayImage: string } }>(resources.ConfigMap, names.info, systemNamespace)).data.stowawayImage;
  await suite.run(name, 'local', ['--target', 'deploy/web', '--port', 'http', '--mark', 'ann']);
}, setUpLimitMs);
afterAll(async () => {
  if (suite !== undefined) await bridge(['install', '--yes', '--preview', 'node-port'], suite.admin);
  await suite?.end();
});

async function made(): Promise<string> {
  const { stdout } = await bridgeOk(['preview', 'create', '-o', 'json', '-n', namespace, '--entry', 'svc/web:web'], suite.user);
  return (JSON.parse(stdout) as { url: string }).url;
}
const open = async (object: IngressObject | HttpRouteObject): Promise<Entrance> => openEntrance(suite.kube, { namespace, image, ways: waysOf(object), certificate: certificate[0], key: certificate[1] });

/** @returns its cookie */
async function enter(entrance: Entrance, url: string): Promise<string> {
  const entered = await until('the gateway behind the entrance', async () => {
    const answer = await entrance.ask(url);
    return answer.status === 503 ? undefined : answer;
  }, limitMs);
  const [cookie = ''] = entered.headers['set-cookie'] ?? [];
  expect([entered.status, entered.headers.location]).toEqual([303, '/']);
  expect(cookie).toMatch(/^podbridge-preview=[^;]+; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Lax; Secure$/);
  return /^[^;]+/.exec(cookie)![0];
}

test('an Ingress: the link is of its host, by TLS; cookies stay Secure, redirects and WebSockets with the preview; in a browser', async () => {
  expect((await bridgeOk(['install', '--yes', '--preview', 'ingress:edge', '--preview-url', `https://${host}`], suite.admin)).stderr).toContain('no IngressClass edge');
  const ingress = await suite.kube.get<IngressObject>(resources.Ingress, names.preview, systemNamespace);
  expect(ingress.spec).toMatchObject({ ingressClassName: 'edge', tls: [{ hosts: [host] }], rules: [{ host }] });
  const entrance = await open(ingress);
  const url = await made();
  expect(url).toMatch(new RegExp(`^https://${host}/\\.podbridge/preview/[A-Za-z0-9_-]{22}\\.[A-Za-z0-9_-]{43}$`));
  const cookie = await enter(entrance, url);

  // A busy machine may answer a check late, and then the pod answers for a moment.
  const seen = await until('the container', async () => { const answer = JSON.parse((await entrance.ask(`https://${host}/x`, { cookie })).body) as Seen; return answer.who === 'local' ? answer : undefined; }, limitMs);
  expect(seen).toMatchObject({ who: 'local', authority: host, headers: { baggage: ['bridge=ann'], 'x-forwarded-proto': ['https'], 'x-forwarded-host': [host] } });
  const replied = await entrance.ask(`https://${host}/reply?status=302&header=${encodeURIComponent(`location:http://web.${namespace}/a?b=1`)}&header=${encodeURIComponent('set-cookie:sid=1; Domain=web.example.com; Path=/; Secure; SameSite=None; HttpOnly')}`, { cookie });
  expect([replied.status, replied.headers.location, replied.headers['set-cookie']]).toEqual([302, '/a?b=1', ['sid=1; Path=/; Secure; SameSite=None; HttpOnly']]);
  // Its host is nobody else's, and nothing but the link opens it.
  expect((await entrance.ask(`https://${host}/`)).status).toBe(404);
  expect((await entrance.ask(`https://${host}/`, { cookie, host: 'other.example.com' })).status).toBe(404);

  const browser = await startBrowser(['--ignore-certificate-errors', `--host-resolver-rules=MAP ${host}:443 ${entrance.host}:${entrance.port}`]);
  try {
    const view = await browser.newView();
    await view.open(url);
    expect(await view.evaluate<string>('location.href + document.cookie')).toBe(`https://${host}/`);
    expect(JSON.parse(await view.evaluate<string>('document.body.innerText'))).toMatchObject({ who: 'local', authority: host });
    const said = await view.evaluate<string>('new Promise((resolve) => { const socket = new WebSocket(`wss://${location.host}/ws`); socket.onopen = () => socket.send("hello"); socket.onmessage = ({ data }) => resolve(data); socket.onerror = () => resolve("failed"); })');
    expect(JSON.parse(said)).toMatchObject({ who: 'local' });
  } finally {
    await browser.close();
  }
});

test('a Gateway: the API server takes the HTTPRoute; the Ingress is gone; requests as the Gateway makes them', async () => {
  const remove = await haveHttpRoutes(suite.kube);
  try {
    await bridgeOk(['install', '--yes', '--preview', 'gateway:infra/public', '--preview-url', `https://${host}`], suite.admin);
    expect(await suite.kube.find(resources.Ingress, names.preview, systemNamespace)).toBeUndefined();
    const route = await suite.kube.get<HttpRouteObject>(resources.HTTPRoute, names.preview, systemNamespace);
    expect(route.spec).toMatchObject({ parentRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', namespace: 'infra', name: 'public' }], hostnames: [host] });
    const entrance = await open(route);
    const cookie = await enter(entrance, await made());
    await until('the container', async () => ((JSON.parse((await entrance.ask(`https://${host}/x`, { cookie })).body) as Seen).who === 'local' ? true : undefined), limitMs);
    await bridgeOk(['install', '--yes', '--preview', 'node-port'], suite.admin);
    expect(await suite.kube.find(resources.HTTPRoute, names.preview, systemNamespace)).toBeUndefined();
  } finally {
    await remove();
  }
  // Where there is no Gateway API, that is said.
  const refused = await bridge(['install', '--yes', '--preview', 'gateway:infra/public', '--preview-url', `https://${host}`, '-o', 'json'], suite.admin);
  expect(refused.exitCode).toBe(3);
  expect(JSON.parse(refused.stdout)).toMatchObject({ error: { code: 'cluster-kind-missing', what: expect.stringContaining('httproutes'), why: expect.stringContaining('gateway.networking.k8s.io/v1') } });
});
