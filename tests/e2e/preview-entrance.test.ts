/** Previews behind what companies have in front of their clusters: an Ingress controller, a Gateway (Traefik is both), a load balancer. */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { execa } from 'execa';
import { names, systemNamespace } from '../../protocol/names.ts';
import { resources, type KubeObject } from '../../cli/adapters/cluster/index.ts';
import { bridge, bridgeOk } from '../support/bridge-command.ts';
import { startBrowser, type Browser } from '../support/browser.ts';
import { openEntrance, type Entrance } from '../support/entrance.ts';
import { haveGatewayApi } from '../support/gateway-api.ts';
import { until } from '../support/wait.ts';
import { deployment, service } from '../workloads/manifests.ts';
import { ensureEchoImage } from '../workloads/echo-image.ts';
import { setUpLimitMs, startSuite, testLimitMs, type Suite } from './support/suite.ts';

jest.setTimeout(testLimitMs);
const namespace = 'e2e-preview-entrance';
/** Of the bridge, and of all that the entrance is. */
const name = 'e2e-preview-entrance';
const host = 'preview.example.com';
const limitMs = 60_000;
/** What a controller or the gateway answers while one of them does not know the preview yet. */
const notYet = [404, 502, 503, 504];
let suite: Suite;
let entrance: Entrance;
let browser: Browser;
/** What takes away what is not in the namespace; the last first. */
const undo: (() => Promise<void>)[] = [];

interface Seen { who: string; authority: string; headers: Record<string, string[]> }
interface IngressObject extends KubeObject { spec: object; status?: { loadBalancer?: { ingress?: { ip?: string }[] } } }
interface RouteObject extends KubeObject { spec: object; status?: { parents?: { controllerName: string; conditions: { type: string; status: string }[] }[] } }

beforeAll(async () => {
  const { stdout } = await execa('docker', ['run', '--rm', await ensureEchoImage(), 'certificate', host]);
  const [certificate = '', key = ''] = stdout.split(/(?=-----BEGIN PRIVATE KEY)/);
  suite = await startSuite(namespace, (echo) => [deployment({ name: 'web', namespace, image: echo }), service({ name: 'web', namespace })]);
  undo.push(await haveGatewayApi(suite.kube));
  entrance = await openEntrance(suite, { namespace, name, domain: 'example.com', certificate: `${certificate}\n`, key: `${key}\n` });
  undo.push(() => entrance.remove());
  browser = await startBrowser(['--ignore-certificate-errors', `--host-resolver-rules=MAP ${host}:443 ${entrance.host}:${entrance.port}`]);
  await suite.run(name, 'local', ['--target', 'deploy/web', '--port', 'http', '--mark', 'ann']);
}, setUpLimitMs);
afterAll(async () => {
  await browser?.close();
  if (suite !== undefined) await bridge(['install', '--yes', '--preview', 'node-port'], suite.admin);
  await takeAway().finally(() => suite?.end());
});

async function takeAway(): Promise<void> {
  for (let last = undo.pop(); last !== undefined; last = undo.pop()) await last();
}

const install = (...preview: string[]) => bridgeOk(['install', '--yes', '--preview', ...preview], suite.admin);

async function made(): Promise<string> {
  const { stdout } = await bridgeOk(['preview', 'create', '-o', 'json', '-n', namespace, '--entry', 'svc/web:web'], suite.user);
  return (JSON.parse(stdout) as { url: string }).url;
}

/** @returns its cookie */
async function enter(url: string): Promise<string> {
  const entered = await until('the gateway behind the entrance', async () => {
    const answer = await entrance.ask(url);
    // Until the controller has heard of the object and of the gateway's pod.
    return notYet.includes(answer.status) ? undefined : answer;
  }, limitMs);
  const [cookie = ''] = entered.headers['set-cookie'] ?? [];
  expect([entered.status, entered.headers.location]).toEqual([303, '/']);
  expect(cookie).toMatch(/^podbridge-preview=[^;]+; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Lax; Secure$/);
  return /^[^;]+/.exec(cookie)![0];
}

/** What the container has seen; undefined: somebody else has answered. */
function byContainer({ status, body }: { status: number; body: string }): Seen | undefined {
  const seen = status === 200 ? JSON.parse(body) as Seen : undefined;
  return seen?.who === 'local' ? seen : undefined;
}

/** What must hold however the requests come in; link and cookie are of the same preview. */
async function expectPreview(url: string, cookie: string): Promise<void> {
  // A busy machine may answer a check late, and then the pod answers for a moment.
  const seen = await until('the container', async () => { return byContainer(await entrance.ask(`https://${host}/x`, { cookie })); }, limitMs);
  expect(seen).toMatchObject({ authority: host, headers: { baggage: ['bridge=ann'], 'x-forwarded-proto': ['https'], 'x-forwarded-host': [host] } });
  expect(seen.headers['x-forwarded-for']?.[0]).toMatch(/^\d+\.\d+\.\d+\.\d+/);
  const replied = await entrance.ask(`https://${host}/reply?status=302&header=${encodeURIComponent(`location:http://web.${namespace}/a?b=1`)}&header=${encodeURIComponent('set-cookie:sid=1; Domain=web.example.com; Path=/; Secure; SameSite=None; HttpOnly')}`, { cookie });
  expect([replied.status, replied.headers.location, replied.headers['set-cookie']]).toEqual([302, '/a?b=1', ['sid=1; Path=/; Secure; SameSite=None; HttpOnly']]);
  // Its host is nobody else's, and nothing but the link opens it.
  expect(await entrance.ask(`https://${host}/`)).toMatchObject({ status: 404, body: expect.stringContaining('Open the link that you were sent') });
  const other = await entrance.ask(`https://${host}/`, { cookie, host: 'other.example.com' });
  expect(other.status).toBe(404);
  expect(other.body).not.toContain('Open the link');

  const view = await browser.newView();
  await until('the container in the browser', async () => {
    await view.open(url);
    return (JSON.parse(await view.evaluate<string>('document.body.innerText')) as Seen).who === 'local' ? true : undefined;
  }, limitMs);
  expect(await view.evaluate<string>('location.href + document.cookie')).toBe(`https://${host}/`);
  const said = await until('a WebSocket of the container', async () => {
    const answer = await view.evaluate<string>('new Promise((resolve) => { const socket = new WebSocket(`wss://${location.host}/ws`); socket.onopen = () => socket.send("hello"); socket.onmessage = ({ data }) => resolve(data); socket.onerror = () => resolve("{}"); })');
    return answer.includes('local') ? answer : undefined;
  }, limitMs);
  expect(JSON.parse(said)).toMatchObject({ who: 'local' });
}

test('an Ingress: a class that nobody serves is warned of; the controller takes it, and the link is of its host, by TLS', async () => {
  expect((await install(`ingress:${name}`, '--preview-url', `https://${host}`)).stderr).toContain(`no IngressClass ${name}`);
  expect((await suite.kube.get<IngressObject>(resources.Ingress, names.preview, systemNamespace)).spec).toMatchObject({ ingressClassName: name, tls: [{ hosts: [host] }], rules: [{ host }] });
  await entrance.announce();
  const taken = await suite.kube.until<IngressObject>(resources.Ingress, names.preview, (ingress) => ingress?.status?.loadBalancer?.ingress !== undefined, { namespace: systemNamespace, timeoutMs: limitMs });
  expect(taken?.status?.loadBalancer?.ingress).toEqual([{ ip: entrance.host }]);
  const url = await made();
  expect(url).toMatch(new RegExp(`^https://${host}/\\.podbridge/preview/[A-Za-z0-9_-]{22}\\.[A-Za-z0-9_-]{43}$`));
  await expectPreview(url, await enter(url));
});

test('a Gateway of another namespace: that it refuses the HTTPRoute of a foreign host is told; it accepts that of its own; the Ingress is gone', async () => {
  // A controller that had no time is told of otherwise.
  await until('the refusal', async () => ((await install(`gateway:${namespace}/${name}`, '--preview-url', 'https://preview.elsewhere.net')).stderr.includes(`Gateway ${namespace}/${name} does not take it (NoMatchingListenerHostname`) ? true : undefined), limitMs);
  await until('no warning', async () => ((await install(`gateway:${namespace}/${name}`, '--preview-url', `https://${host}`)).stderr.includes('lead nowhere') ? undefined : true), limitMs);
  expect(await suite.kube.find(resources.Ingress, names.preview, systemNamespace)).toBeUndefined();
  const accepted = (route: RouteObject | undefined) => route?.status?.parents?.some(({ conditions }) => ['Accepted', 'ResolvedRefs'].every((wanted) => conditions.some(({ type, status }) => type === wanted && status === 'True'))) === true;
  const route = await suite.kube.until<RouteObject>(resources.HTTPRoute, names.preview, accepted, { namespace: systemNamespace, timeoutMs: limitMs });
  expect(route?.spec).toMatchObject({ parentRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', namespace, name }], hostnames: [host] });
  expect(route?.status?.parents?.map(({ controllerName }) => controllerName)).toEqual(['traefik.io/gateway-controller']);
  const url = await made();
  await expectPreview(url, await enter(url));
});

test('a load balancer: no link before the cluster has given it an address; then that is where browsers come', async () => {
  await install('load-balancer');
  expect(await suite.kube.find(resources.HTTPRoute, names.preview, systemNamespace)).toBeUndefined();
  const early = await bridge(['preview', 'create', '-o', 'json', '-n', namespace, '--entry', 'svc/web:web'], suite.user);
  expect(JSON.parse(early.stdout)).toMatchObject({ error: { code: 'preview-unreachable', what: expect.stringContaining('has no address yet') } });
  // As a small cluster's controller does: the address of a node, for which kube-proxy answers on the Service's port.
  await suite.kube.patch(resources.Service, names.preview, { status: { loadBalancer: { ingress: [{ ip: entrance.host }] } } }, { namespace: systemNamespace, subresource: 'status' });
  const url = await made();
  expect(url).toMatch(new RegExp(`^http://${entrance.host}/`));
  const entered = await until('the node answers for the load balancer', async () => {
    const answer = await fetch(url, { redirect: 'manual' }).catch(() => undefined);
    return answer === undefined || notYet.includes(answer.status) ? undefined : answer;
  }, limitMs);
  expect([entered.status, entered.headers.get('location')]).toEqual([303, '/']);
  const cookie = /^podbridge-preview=[^;]+/.exec(entered.headers.get('set-cookie') ?? '')![0];
  await until('the container', async () => {
    const answer = await fetch(new URL('/x', url), { headers: { cookie } });
    return byContainer({ status: answer.status, body: await answer.text() });
  }, limitMs);
});

test('where there is no Gateway API, that is said', async () => {
  await takeAway();
  const refused = await bridge(['install', '--yes', '--preview', 'gateway:infra/public', '--preview-url', `https://${host}`, '-o', 'json'], suite.admin);
  expect(refused.exitCode).toBe(3);
  expect(JSON.parse(refused.stdout)).toMatchObject({ error: { code: 'cluster-kind-missing', what: expect.stringContaining('httproutes'), why: expect.stringContaining('gateway.networking.k8s.io/v1') } });
});
