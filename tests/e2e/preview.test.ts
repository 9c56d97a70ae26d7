/** Preview links: a colleague's browser sees the system with the bridge, everybody else as it is; and what a link must not do. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { buildChangedApi, buildShop, shopImages } from '../../examples/shop/build.ts';
import { groupVersion, names, systemNamespace } from '../../protocol/names.ts';
import { resources, type KubeObject } from '../../cli/adapters/cluster/index.ts';
import type { Preview } from '../../protocol/preview.ts';
import type { Bridge, Client } from '../../protocol/objects.ts';
import { loadImages } from '../cluster/index.ts';
import { bridge, bridgeOk } from '../support/bridge-command.ts';
import { startBrowser, type Browser, type View } from '../support/browser.ts';
import { applyAll } from '../support/namespace.ts';
import { untilServing } from '../support/serving.ts';
import { shopManifests } from '../support/shop.ts';
import { until } from '../support/wait.ts';
import { deployment, enforceRestricted, restricted, service } from '../workloads/manifests.ts';
import { setUpLimitMs, startSuite, testLimitMs, type Suite } from './support/suite.ts';

jest.setTimeout(testLimitMs);
const namespace = 'e2e-preview';
const shopBridge = 'e2e-preview-api';
const echoBridge = 'e2e-preview-echo';
const eve = 'e2e-preview-eve';
const endedLimitMs = 60_000;
/** Where to put screenshots, to look at them. */
const pictures = process.env.PODBRIDGE_SCREENSHOTS;
let suite: Suite;
let browser: Browser;

interface Made { name: string; url: string; password?: string; expiresAt: string }

async function preview(...args: string[]): Promise<Made> {
  const { stdout } = await bridgeOk(['preview', 'create', '-o', 'json', '-n', namespace, ...args], suite.user);
  return JSON.parse(stdout) as Made;
}

beforeAll(async () => {
  await buildShop();
  await buildChangedApi();
  suite = await startSuite(namespace, (image) => [
    deployment({ name: 'echo', namespace, image, replicas: 2, container: restricted.container, pod: restricted.pod }), service({ name: 'echo', namespace }),
  ], enforceRestricted);
  await loadImages(suite.cluster, shopImages);
  await applyAll(suite.kube, [...await shopManifests(namespace), {
    apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata: { name: 'front', namespace },
    spec: { rules: [{ host: 'echo.example.com', http: { paths: [
      { path: '/', pathType: 'Prefix', backend: { service: { name: 'web', port: { number: 80 } } } },
      { path: '/echo', pathType: 'Prefix', backend: { service: { name: 'echo', port: { name: 'web' } } } },
    ] } }] },
  }]);
  await bridgeOk(['run', '-d', '--name', shopBridge, '--mark', 'demo', '--target', 'deploy/api', '-n', namespace, '--image', 'podbridge-example/shop-api:changed'], suite.user);
  await untilServing(suite.kube, namespace, shopBridge);
  await suite.run(echoBridge, 'local', ['--target', 'deploy/echo', '--port', 'http', '--port', 'grpc', '--mark', 'demo']);
  browser = await startBrowser();
}, setUpLimitMs);
afterAll(async () => {
  await browser?.close();
  await suite?.end();
});

describe('in a browser', () => {
  const textOf = (view: View) => view.evaluate<string>('document.body.innerText');
  async function look(view: View, name: string): Promise<void> {
    const picture = await view.screenshot();
    expect(picture.subarray(1, 4).toString()).toBe('PNG');
    if (pictures !== undefined) await writeFile(join(pictures, `${name}.png`), picture);
  }

  test('a colleague with the link sees the changed shop, others the ordinary one; the link says when it has ended', async () => {
    const { url, name } = await preview('--bridge', shopBridge, '--entry', 'svc/web:80');
    // Nodes take a moment to open the port of a Service that has its first pod.
    await until('the port of the gateway', () => fetch(new URL('/', url)).then(() => true, () => undefined), testLimitMs / 6);
    const colleague = await browser.newView();
    await colleague.open(url);
    expect(await textOf(colleague)).toContain('twenty percent off');
    expect(await textOf(colleague)).toContain('28.00 EUR');
    // The secret has become a cookie that no script sees.
    expect(await colleague.evaluate<string>('location.pathname + document.cookie')).toBe('/');
    await look(colleague, 'colleague');

    const stranger = await browser.newView();
    await stranger.open(new URL('/', url).href);
    expect(await textOf(stranger)).toContain('Open the link that you were sent');
    await look(stranger, 'without-link');

    const web = await suite.kube.request<{ spec: { ports: { nodePort: number }[] } }>('GET', `/api/v1/namespaces/${namespace}/services/web`);
    await stranger.open(`http://${new URL(url).hostname}:${web.spec.ports[0]!.nodePort}/`);
    expect(await textOf(stranger)).toContain('35.00 EUR');
    expect(await textOf(stranger)).not.toContain('twenty percent off');
    await look(stranger, 'ordinary');

    await bridgeOk(['preview', 'delete', name, '-n', namespace], suite.user);
    await until('the end of the preview', async () => {
      await colleague.open(new URL('/', url).href);
      return (await textOf(colleague)).includes('has ended') ? true : undefined;
    }, endedLimitMs);
    expect(await textOf(colleague)).toContain('Whoever made it has deleted it');
    await look(colleague, 'ended');
  });

  test('a password is asked for, and the link alone does not open it', async () => {
    const silent = await suite.bridge(['preview', 'create', '--bridge', shopBridge, '--entry', 'svc/web:80', '--name', 'silent', '--password', '--ttl', '1d', '--progress', 'none']);
    expect(silent.stdout).toMatch(/^http\S+\nPassword: [\w-]{12}\n?$/);
    await bridgeOk(['preview', 'delete', 'silent', '-n', namespace], suite.user);
    const { url, password } = await preview('--bridge', shopBridge, '--entry', 'svc/web:80', '--password', '--ttl', '10m');
    const view = await browser.newView();
    await view.open(url);
    expect(await textOf(view)).not.toContain('Teapot');
    await look(view, 'password');
    const secret = url.split('/').at(-1)!;
    // Neither is the secret the cookie.
    expect((await ask(new URL('/', url).href, { cookie: `podbridge-preview=${secret}` })).status).toBe(410);
    expect((await ask(url, { 'content-type': 'application/x-www-form-urlencoded' }, 'password=wrong')).status).toBe(403);
    const opened = await ask(url, { 'content-type': 'application/x-www-form-urlencoded' }, `password=${encodeURIComponent(password!)}`);
    expect(opened.status).toBe(303);
    const cookie = /^podbridge-preview=[^;]+/.exec(opened.headers.get('set-cookie') ?? '')![0];
    expect(await (await ask(new URL('/', url).href, { cookie })).text()).toContain('twenty percent off');
  });
});

function ask(url: string, headers: Record<string, string> = {}, body?: string): Promise<Response> {
  return fetch(url, { redirect: 'manual', headers, ...(body === undefined ? {} : { method: 'POST', body }) });
}

async function enter(url: string, headers: Record<string, string> = {}): Promise<string> {
  const entered = await ask(url, headers);
  expect([entered.status, entered.headers.get('location')]).toEqual([303, '/']);
  return /^podbridge-preview=[^;]+/.exec(entered.headers.get('set-cookie') ?? '')![0];
}

describe('what passes', () => {
  let base: string;
  let cookie: string;
  let url: string;
  const local = { byWho: { local: 10 }, failed: 0 };

  beforeAll(async () => {
    ({ url } = await preview('--bridge', echoBridge, '--entry', 'svc/echo:web'));
    base = new URL(url).origin;
    cookie = await enter(url);
  });
  const echo = async (path: string, headers: Record<string, string> = {}) => {
    const response = await ask(`${base}${path}`, { cookie, ...headers });
    return { response, seen: await response.json() as { who: string; authority: string; headers: Record<string, string[]> } };
  };

  test('the mark is added, once; the application sees neither secret nor another mark, and the host that the browser asked for', async () => {
    const { seen, response } = await echo('/x', { cookie: `a=1; ${cookie}; b=2`, baggage: 'user=7,bridge=other' });
    expect(seen).toMatchObject({ who: 'local', authority: new URL(base).host, headers: { baggage: ['user=7,bridge=demo'], 'x-forwarded-proto': ['http'], 'x-forwarded-host': [new URL(base).host] } });
    expect(seen.headers.cookie).toEqual(['a=1; b=2']);
    expect(response.headers.get('x-bridge-served-by')).toBe(`${namespace}/${echoBridge}`);
    expect(JSON.stringify((await echo('/x')).seen)).not.toContain('podbridge-preview');
  });

  test('HTTP/2, WebSocket, server-sent events and gRPC', async () => {
    const { host } = new URL(base);
    const probes = [['http', '--url', `${base}/`], ['http', '--h2c', '--url', `${base}/`], ['ws', '--url', `ws://${host}/ws`], ['sse', '--url', `${base}/sse?n=10&ms=20`]];
    for (const probe of probes) expect(await suite.prober.run(...probe, '--count', '10', '--header', `cookie: ${cookie}`)).toMatchObject(local);
    const { url: grpc } = await preview('--bridge', echoBridge, '--entry', 'svc/echo:grpc');
    expect(await suite.prober.run('grpc', '--address', host, '--kind', 'bidi', '--messages', '3', '--count', '10', '--header', `cookie: ${await enter(grpc)}`)).toMatchObject({ failed: 0 });
  });

  test('redirects and cookies of the application stay with the preview', async () => {
    const reply = async (...headers: string[]) => (await ask(`${base}/reply?status=302&${headers.map((header) => `header=${encodeURIComponent(header)}`).join('&')}`, { cookie })).headers;
    expect((await reply(`location:http://echo.${namespace}.svc.cluster.local/a?b=1`)).get('location')).toBe('/a?b=1');
    expect((await reply('location:https://login.example.com/')).get('location')).toBe('https://login.example.com/');
    const answered = await reply('set-cookie:sid=1; Domain=echo.example.com; Path=/; Secure; SameSite=None; HttpOnly', 'set-cookie:plain=2; Path=/');
    expect(answered.getSetCookie()).toEqual(['sid=1; Path=/; HttpOnly', 'plain=2; Path=/']);
  });

  test('an Ingress: its paths, its host; behind TLS cookies are for TLS', async () => {
    const { url: ingress } = await preview('--bridge', echoBridge, '--entry', 'ingress/front');
    const own = await enter(ingress, { 'x-forwarded-proto': 'https' });
    expect((await ask(ingress, { 'x-forwarded-proto': 'https' })).headers.get('set-cookie')).toContain('; Secure');
    const headers = { cookie: own, 'x-forwarded-proto': 'https' };
    expect(await (await ask(`${base}/echo/x`, headers)).json()).toMatchObject({ who: 'local', authority: 'echo.example.com', path: '/echo/x' });
    expect(await (await ask(`${base}/echoes`, headers)).text()).toContain('web has no');
    const redirected = await ask(`${base}/reply`, headers);
    expect(redirected.status).toBe(404);
  });
});

test('somebody else\'s bridge gets no visitor by a copy of what this one stores, and its bad previews harm nobody: neither while they are there, nor a gateway that starts, nor by going', async () => {
  const [hers, { username }] = await Promise.all([preview('--bridge', echoBridge, '--entry', 'svc/echo:web'), suite.kube.whoAmI()]);
  const { spec } = await suite.kube.get<Bridge>(resources.Bridge, echoBridge, namespace);
  const { link, access, expiresAt, ...stored } = spec.previews!.find(({ name }) => name === hers.name)!;
  const cookie = await enter(hers.url);
  const page = new URL('/', hers.url).href;
  const seen = async (): Promise<string> => {
    const answer = await ask(page, { cookie });
    return answer.ok ? (await answer.json() as { who: string }).who : String(answer.status);
  };
  const digest = (start: string): string => start.padEnd(64, '0');
  const bad = (name: string, more: Partial<Preview>): Preview => ({ ...stored, name, link: digest('1'), access, expiresAt, routes: [{ path: '/', match: 'prefix', service: 'web', port: 80 }], ...more });
  const client: Client = { apiVersion: groupVersion, kind: 'Client', metadata: { name: eve, namespace: systemNamespace }, spec: { owner: username, publicKey: `${'e'.repeat(42)}A=` } };
  const copy: Bridge = {
    apiVersion: groupVersion, kind: 'Bridge', metadata: { name: eve, namespace },
    spec: { owner: username, client: eve, target: { kind: 'Deployment', name: 'echo', container: 'echo' }, ports: [], rules: [{ mark: 'eve' }], previews: [
      bad('copy', {}), bad('same-link', { link }), bad('half', { link: digest(link.slice(0, 16)) }), bad('twin', { access: digest('2') }), bad('other-twin', { access: digest('2') }),
      bad('quotes', { routes: [{ path: `/${"'".repeat(255)}a`, match: 'prefix', service: 'web', port: 80 }], expiresAt: '9999-11-30T00:00:00Z' }),
    ] },
  };
  await suite.kube.create(client);
  await suite.kube.create(copy);
  await until('what the cluster says of it', async () => {
    const { status } = await suite.kube.get<Bridge>(resources.Bridge, eve, namespace);
    expect(status?.phase).not.toBe('Failed');
    return status?.conditions?.some(({ type, message }) => type === 'PreviewsServed' && /previews\. quotes: more than 1024 bytes/.test(message)) === true ? true : undefined;
  }, endedLimitMs);
  const listed = JSON.parse((await suite.bridge(['preview', 'list', '-o', 'json'])).stdout) as { unserved: { bridge: string }[] };
  expect(listed.unserved).toMatchObject([{ bridge: eve }]);
  // A configuration with all of these is in force when a preview that was made later is served.
  const later = await preview('--bridge', echoBridge, '--entry', 'svc/echo:web');
  await enter(later.url);
  expect(await seen()).toBe('local');

  const pod = await suite.kube.get<KubeObject>(resources.Pod, names.preview, systemNamespace);
  await suite.kube.delete(resources.Pod, names.preview, { namespace: systemNamespace });
  await until('another gateway', async () => {
    const next = await suite.kube.get<KubeObject>(resources.Pod, names.preview, systemNamespace).catch(() => pod);
    return next.metadata.uid !== pod.metadata.uid && await seen().catch(() => '') === 'local' ? true : undefined;
  }, endedLimitMs);
  expect((await ask(hers.url)).status).toBe(303);

  await suite.kube.delete(resources.Bridge, eve, { namespace });
  await suite.kube.delete(resources.Client, eve, { namespace: systemNamespace });
  await enter((await preview('--bridge', echoBridge, '--entry', 'svc/echo:web')).url);
  expect(await seen()).toBe('local');
});

describe('a link ends', () => {
  const pageOf = async (url: string) => (await ask(url)).text();

  test('what is open is cut: by its time, by hand and with its bridge, in processes that were replaced since too', async () => {
    const open = async (...args: string[]) => {
      const { url, name } = await preview('--bridge', echoBridge, '--entry', 'svc/echo:web', ...args);
      const { origin, host } = new URL(url);
      const header = ['--header', `cookie: ${await enter(url)}`, '--rate', '5', '--duration', '170s'];
      const probes = await Promise.all([['ws', '--url', `ws://${host}/ws`], ['sse', '--url', `${origin}/sse?n=10000&ms=200`]].map((probe) => suite.prober.start(...probe, ...header)));
      await until('streams', async () => ((await Promise.all(probes.map((probe) => probe.peek()))).every(({ total }) => total > 2) ? true : undefined), endedLimitMs);
      // In WebSockets who asks sees the end; of events the stream breaks off.
      const untilCut = async () => {
        await until('the end of the streams', async () => ((await Promise.all(probes.map((probe) => probe.peek()))).every(({ failed }) => failed === 1) ? true : undefined), endedLimitMs);
        for (const probe of probes) expect((await probe.stop()).byWho).toEqual({ local: expect.any(Number) });
      };
      const untouched = async () => (await Promise.all(probes.map((probe) => probe.peek()))).map(({ failed }) => failed);
      return { name, untilCut, untouched };
    };
    // Each that comes replaces the process in which the streams of those before are.
    const [last, byHand, byTime] = [await open(), await open(), await open('--ttl', '15s')];
    await byTime.untilCut();
    expect([await last.untouched(), await byHand.untouched()]).toEqual([[0, 0], [0, 0]]);
    await bridgeOk(['preview', 'delete', byHand.name, '-n', namespace], suite.user);
    await byHand.untilCut();
    expect(await last.untouched()).toEqual([0, 0]);
    await suite.stop(echoBridge);
    await last.untilCut();
    await suite.run(echoBridge, 'local', ['--target', 'deploy/echo', '--port', 'http', '--port', 'grpc', '--mark', 'demo']);
  });

  test('with its time, with its bridge; and what the cluster stores opens nothing', async () => {
    const short = await preview('--bridge', echoBridge, '--entry', 'svc/echo:web', '--ttl', '4s');
    const long = await preview('--bridge', echoBridge, '--entry', 'svc/echo:web', '--name', 'long');
    const { spec } = await suite.kube.get<Bridge>(resources.Bridge, echoBridge, namespace);
    for (const { url } of [short, long]) expect(JSON.stringify(spec)).not.toContain(url.split('/').at(-1)!);
    const stored = spec.previews!.find(({ name }) => name === 'long')!;
    expect((await ask(new URL(`/.podbridge/preview/${stored.link}`, long.url).href)).status).toBe(410);
    expect((await ask(new URL('/', long.url).href, { cookie: `podbridge-preview=${stored.access}` })).status).toBe(410);
    const cookie = await enter(long.url);
    expect((await ask(new URL('/', long.url).href, { cookie })).status).toBe(200);

    await until('the end of the first', async () => ((await pageOf(short.url)).includes('It expired at') ? true : undefined), endedLimitMs);
    const listed = JSON.parse((await suite.bridge(['preview', 'list', '-o', 'json'])).stdout) as { previews: { name: string; expired: boolean }[] };
    expect(listed.previews.filter(({ name }) => [short.name, 'long'].includes(name)).map(({ expired }) => expired)).toEqual([true, false]);

    await suite.stop(echoBridge);
    await until('the end of the other', async () => ((await pageOf(long.url)).includes(`Its bridge ${echoBridge} has ended`) ? true : undefined), endedLimitMs);
    expect((await ask(new URL('/', long.url).href, { cookie })).status).toBe(410);
    expect(await pageOf(new URL('/.podbridge/preview/nonsense', long.url).href)).toContain('not valid');
  });

  test('errors say what to do', async () => {
    const told = async (...args: string[]) => {
      const run = await bridge(['preview', ...args, '-n', namespace, '-o', 'json'], suite.user);
      return [run.exitCode, (JSON.parse(run.stdout) as { error: { code: string } }).error.code];
    };
    expect(await told('create', '--entry', 'web')).toEqual([2, 'entry-malformed']);
    expect(await told('create', '--entry', 'svc/echo:nothing')).toEqual([2, 'entry-malformed']);
    expect(await told('create', '--entry', 'svc/none')).toEqual([2, 'cluster-not-found']);
    expect(await told('delete', 'none')).toEqual([2, 'preview-not-found']);
    expect(await told('create', '--bridge', shopBridge, '--entry', 'svc/web', '--name', 'twice').catch(() => 'made')).toBe('made');
    expect(await told('create', '--bridge', shopBridge, '--entry', 'svc/web', '--name', 'twice')).toEqual([4, 'preview-exists']);
    const pod = await suite.kube.get<{ apiVersion: string; kind: string; metadata: { name: string }; spec: { containers: { securityContext: object }[] } }>(resources.Pod, names.preview, systemNamespace);
    expect(pod.spec.containers[0]!.securityContext).toMatchObject({ capabilities: { drop: ['ALL'] }, readOnlyRootFilesystem: true });
  });
});
