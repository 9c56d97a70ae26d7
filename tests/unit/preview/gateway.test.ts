/** The preview gateway: which links are good, what HAProxy is told, and what the door says. */
import { afterEach, describe, expect, test } from '@jest/globals';
import type { Bridge } from '../../../protocol/objects.ts';
import { accessOf, bridgeTag, digestOf, keyOf, newSecret, previewCookie, previewPath, type Preview } from '../../../protocol/preview.ts';
import { headersFor } from '../../../protocol/rule.ts';
import { planPreviewPod, previewIdleMs } from '../../../stowaway-image/src/controller/preview-pod.ts';
import type { SystemPod } from '../../../stowaway-image/src/controller/pods.ts';
import { backendsOf, gatewayConfig, previewPart } from '../../../stowaway-image/src/preview/config.ts';
import { openDoor } from '../../../stowaway-image/src/preview/door.ts';
import { EndedPreviews, planPreviews, unservedWords, type LivePreview } from '../../../stowaway-image/src/preview/plan.ts';
import { share } from '../../../stowaway-image/src/preview/share.ts';
import { Sieve } from '../../../stowaway-image/src/preview/sieve.ts';
import { exposureFrom, previewData, previewEntrance } from '../../../cli/install/manifests/preview.ts';
import { haproxyWords } from '../agent/haproxy-words.ts';
import { bridge } from '../stowaway/objects.ts';

const now = 1_800_000_000_000;
const domain = 'cluster.local';
const [uid, anotherUid] = ['3b4f0f6e-0000', '77e1c2aa-0000'];
const tag = bridgeTag(uid);
const secret = newSecret(uid);
const old = `${tag}.old`;
const at = (ms: number): string => new Date(now + ms).toISOString();
const preview = (more: Partial<Preview> = {}): Preview => ({
  name: 'web', entry: 'svc/web:80', routes: [{ path: '/', match: 'prefix', service: 'web', port: 80 }], link: digestOf(secret), access: digestOf(secret), expiresAt: at(60_000), ...more,
});
const withPreviews = (previews: Preview[], more: Parameters<typeof bridge>[1] = {}, rules: Bridge['spec']['rules'] = [{ mark: 'ann' }], of = uid): Bridge => {
  const made = bridge('api-ann', { rules, ...more });
  return { ...made, metadata: { ...made.metadata, uid: of }, spec: { ...made.spec, previews } };
};

describe('which are served', () => {
  test('those in time, of bridges that work; the others with their reason', () => {
    const plan = planPreviews([withPreviews([preview(), preview({ name: 'old', link: digestOf(old), access: digestOf(old), expiresAt: at(-1) })])], now, domain);
    expect(plan.live.map(({ name, namespace, mark }) => [name, namespace, mark])).toEqual([['web', 'demo', 'ann']]);
    expect(plan.ended.get(keyOf(old))).toContain('It expired at');
    expect(plan.nextAt).toBe(now + 60_000);
    expect(planPreviews([withPreviews([preview()], { state: 'Draining' })], now, domain)).toMatchObject({ live: [], ended: new Map([[keyOf(secret), 'Its bridge api-ann has ended.']]) });
    expect(planPreviews([withPreviews([preview()], { status: { phase: 'Failed' } })], now, domain).live).toEqual([]);
    expect(planPreviews([withPreviews([preview()], {}, [{ headers: [{ name: 'x', match: 'regex', value: '.' }] }])], now, domain).live).toEqual([]);
  });

  test('what cannot be written into the configuration holds up nobody else', () => {
    const bad = withPreviews([preview()], {}, [{ headers: [{ name: 'x', match: 'exact', value: 'y'.repeat(1023) }] }]);
    // As a word it is short enough, with the slash after it not any more.
    const quotes = preview({ name: 'quotes', routes: [{ path: `/${"'".repeat(255)}a`, match: 'prefix', service: 'web', port: 80 }] });
    const plan = planPreviews([bad, withPreviews([quotes, preview({ name: 'twin' }), preview({ name: 'twins' })], {}, [{ mark: 'ann' }], anotherUid)], now, domain);
    expect(plan.live.map(({ name }) => name)).toEqual(['twin', 'twins']);
    expect(unservedWords(plan)).toEqual(new Map([['demo/api-ann', expect.stringMatching(/web: .*1024 bytes.*; quotes: more than 1024 bytes/)]]));
    expect([plan.ended.get(keyOf(secret)), new Set(plan.live.flatMap(backendsOf)).size]).toEqual([expect.stringContaining('cannot be shown'), 4]);
    const config = gatewayConfig(plan.live, { socket: '/run/s', doorPort: 4000, domain });
    const sections = config.split('\n').filter((line) => /^\S/.test(line));
    expect(new Set(sections).size).toBe(sections.length);
  });

  test('one with as many long names as it can have can be written', () => {
    const service = (index: number) => `${'s'.repeat(61)}${String(index).padStart(2, '0')}`;
    const routes = Array.from({ length: 32 }, (_, index) => ({ path: `/${index}`, match: 'prefix' as const, service: service(index), port: 80, tls: true }));
    const plan = planPreviews([withPreviews([preview({ routes, host: `${'h'.repeat(248)}:8080` })], { namespace: 'n'.repeat(63) }, [{ headers: [{ name: 'x', match: 'exact', value: 'y'.repeat(200) }] }])], now, domain);
    expect([plan.live.length, plan.unserved[0]?.why]).toEqual([1, undefined]);
    // But a few of those do not take all the room.
    const headers = Array.from({ length: 16 }, (_, index) => ({ name: `x-${index}`, match: 'exact' as const, value: 'y'.repeat(1000) }));
    expect(planPreviews([withPreviews([preview({ routes })], {}, [{ headers }])], now, domain).unserved).toMatchObject([{ why: expect.stringContaining('bytes of configuration, of at most 350000') }]);
  });

  test('where there is too little room each namespace has its share, the oldest bridge first', () => {
    const of = (namespace: string, name: string): LivePreview => ({ ...preview({ name }), id: digestOf(namespace + name), tag, namespace, bridge: 'b', headers: [] });
    const { entry, backends } = previewPart(of('many', '0'), domain);
    const one = [...entry, ...backends].join('').length;
    const many = Array.from({ length: 50 }, (_, index) => of('many', String(index)));
    const { served, unserved } = share([...many, of('few', 'a'), of('few', 'b')], domain, one * 5.5);
    expect(served.map(({ namespace, name }) => `${namespace}/${name}`).sort()).toEqual(['few/a', 'few/b', 'many/0', 'many/1', 'many/2']);
    expect([unserved.length, unserved[0]!.why]).toEqual([47, 'the gateway has no room for more previews of namespace many']);
    // The order is that of age.
    const [younger, older] = [withPreviews([preview({ name: 'young' })]), withPreviews([preview({ name: 'old' })], { age: 60 }, undefined, anotherUid)];
    expect(planPreviews([younger, older], now, domain).live.map(({ name }) => name)).toEqual(['old', 'young']);
  });

  test('of a configuration that HAProxy refuses the bad ones alone are left out, until they are changed', async () => {
    const all = ['a', 'bad', 'c', 'd', 'worse'].map((name): LivePreview => ({ ...preview({ name }), id: name, tag, namespace: 'demo', bridge: 'b', headers: [] }));
    const sieve = new Sieve((some) => Promise.resolve(some.some(({ name }) => ['bad', 'worse'].includes(name)) ? 'no' : undefined));
    const names = (some: readonly LivePreview[]) => some.map(({ name }) => name);
    expect(names(sieve.sift(all).good)).toEqual(names(all));
    expect((await sieve.search(all)).map(({ preview: { name } }) => name)).toEqual(['bad', 'worse']);
    expect([names(sieve.sift(all).good), names(sieve.sift(all).refused)]).toEqual([['a', 'c', 'd'], ['bad', 'worse']]);
    expect(names(sieve.sift(all.map((each) => ({ ...each, mark: 'other' }))).good)).toEqual(names(all));
    // The reason is none of theirs.
    expect(await new Sieve(() => Promise.resolve(undefined)).search(all)).toEqual([]);
  });

  test('a digest that is copied into another bridge stands for nothing there, whatever becomes of the first', () => {
    const ended = new EndedPreviews();
    const hers = withPreviews([preview()]);
    const copies = withPreviews([preview(), preview({ name: 'expired', expiresAt: at(-1) })], { namespace: 'eve' }, [{ mark: 'eve' }], anotherUid);
    const keys = (bridges: Bridge[]) => planPreviews(bridges, now, domain).live.map(({ namespace, tag: of, access }) => [namespace, `${of}:${access}` === keyOf(secret)]);
    expect(keys([copies, hers])).toEqual([['demo', true], ['eve', false]]);
    const both = planPreviews([copies, hers], now, domain);
    ended.update(both, new Set());
    expect(ended.why(keyOf(secret))).toBeUndefined();
    // Of what is closed for the copy nothing is the original's.
    const gone = ended.update(planPreviews([hers], now, domain), new Set());
    expect(gone.map(({ namespace }) => namespace)).toEqual(['eve']);
    expect(backendsOf(gone[0]!).filter((name) => backendsOf(both.live[0]!).includes(name))).toEqual([]);
    expect(keys([copies])).toEqual([['eve', false]]);
  });

  test('one that is gone is remembered with the reason: deleted, or with its bridge', () => {
    const ended = new EndedPreviews();
    ended.update(planPreviews([withPreviews([preview()])], now, domain), new Set(['demo/api-ann']));
    expect(ended.why(keyOf(secret))).toBeUndefined();
    expect(ended.update(planPreviews([withPreviews([])], now, domain), new Set(['demo/api-ann'])).map(({ name }) => name)).toEqual(['web']);
    expect(ended.why(keyOf(secret))).toContain('deleted');
    ended.update(planPreviews([withPreviews([preview()])], now, domain), new Set(['demo/api-ann']));
    ended.update(planPreviews([], now, domain), new Set());
    expect(ended.why(keyOf(secret))).toBe('Its bridge api-ann has ended.');
  });

  test('headers that satisfy a rule: a mark before others, never a regular expression', () => {
    expect(headersFor([])).toEqual({ headers: [] });
    expect(headersFor([{ headers: [{ name: 'x-user', match: 'exact', value: 'ann' }] }, { mark: 'ann' }])).toEqual({ mark: 'ann', headers: [] });
    expect(headersFor([{ headers: [{ name: 'x-user', match: 'prefix', value: 'an' }] }])).toEqual({ headers: [['x-user', 'an']] });
    expect(headersFor([{ headers: [{ name: 'x-user', match: 'regex', value: 'a.*' }] }])).toBeUndefined();
  });
});

describe('the pod of the gateway', () => {
  const question = { bridges: [withPreviews([preview()])], pod: undefined, image: 'i', version: '1', idleSince: undefined, now };
  const pod: SystemPod = { metadata: { name: 'stowaway-preview', labels: { 'podbridge.dev/version': '1' } }, node: 'n', image: 'i', address: '10.0.0.1', ready: true, down: false, deleting: false, dead: false, trouble: undefined };

  test('is made for the first preview, stays an hour after the last, and is made anew when it is dead or old', () => {
    expect(planPreviewPod(question)).toMatchObject({ create: true, remove: [] });
    expect(planPreviewPod({ ...question, bridges: [] })).toMatchObject({ create: false, remove: [] });
    expect(planPreviewPod({ ...question, pod })).toMatchObject({ create: false, remove: [], idleSince: undefined });
    const idle = planPreviewPod({ ...question, bridges: [], pod });
    expect(idle).toMatchObject({ remove: [], idleSince: now, nextAt: now + previewIdleMs });
    expect(planPreviewPod({ ...question, bridges: [], pod, idleSince: now - previewIdleMs }).remove).toHaveLength(1);
    expect(planPreviewPod({ ...question, pod: { ...pod, dead: true } }).remove).toHaveLength(1);
    expect(planPreviewPod({ ...question, pod: { ...pod, image: 'other' } }).remove).toHaveLength(1);
  });
});

describe('the configuration', () => {
  const live = (more: Partial<LivePreview> = {}): LivePreview => ({ ...preview(), id: digestOf(JSON.stringify(more)), tag, namespace: 'demo', bridge: 'api-ann', mark: 'ann', headers: [], ...more });
  const render = (...previews: LivePreview[]) => gatewayConfig(previews, { socket: '/run/s', doorPort: 4000, domain });

  test('every line can be read by HAProxy\'s rules for words, whatever users write', () => {
    const odd = live({ headers: [['x-user', `it's "100%" #1 \\ $HOME`]], routes: [{ path: `/it's$#"`, match: 'prefix', service: 'web', port: 80 }] });
    const words = render(odd).split('\n').map(haproxyWords);
    expect(words.find(([, action, name]) => action === 'set-header' && name === 'x-user')?.[3]).toBe(`it's "100%%" #1 \\ $HOME`);
    expect(words.filter(([acl, , path]) => acl === 'acl' && path === 'path').map((line) => line.at(-1))).toEqual([`/it's$#"`, `/it's$#"/`]);
  });

  test('digests only; the longest path first; names of backends do not depend on the others', () => {
    const routes: Preview['routes'] = [{ path: '/', match: 'prefix', service: 'web', port: 80 }, { path: '/api', match: 'prefix', service: 'api', port: 8443, tls: true }];
    const one = live({ routes, host: 'shop.example.com' });
    const text = render(one, live({ link: digestOf('a'), access: digestOf('a') }));
    expect(text).not.toContain(secret);
    const uses = text.split('\n').filter((line) => line.includes('use_backend p') && line.includes(one.id) && !line.endsWith('grpc')).map((line) => line.trim().split(' ')[1]);
    expect(uses).toEqual([backendsOf(one)[2], backendsOf(one)[0]]);
    expect(text).toContain('server s api.demo.svc.cluster.local:8443 resolvers cluster resolve-prefer ipv4 init-addr libc,none ssl verify none sni str(shop.example.com)');
    expect(render(one)).toContain(`backend ${backendsOf(one)[0]}`);
    // Redirects to its own names, as HAProxy's expressions read them.
    const redirects = render(one).split('\n').map(haproxyWords).filter(([, action, name]) => action === 'replace-header' && name === 'location').map(([, , , pattern]) => new RegExp(pattern!.replace('(?i)', ''), 'i'));
    const rewritten = (location: string) => redirects.map((pattern) => pattern.exec(location)).find((found) => found !== null)?.[1];
    for (const own of ['shop.example.com', 'web', 'api.demo', 'web.demo.svc:8080', 'API.demo.svc.cluster.local']) expect([own, rewritten(`http://${own}/a?b`)]).toEqual([own, 'a?b']);
    for (const other of ['shopxexample.com', 'web.other', 'api.demo.svc.cluster', 'webapi', 'web.demo.evil.example']) expect([other, rewritten(`http://${other}/a`)]).toEqual([other, undefined]);
  });
});

describe('the door', () => {
  let stop = new AbortController();
  afterEach(() => { stop.abort(); stop = new AbortController(); });
  const open = async (...previews: Preview[]): Promise<string> => {
    const port = await openDoor({ live: () => previews.map((each) => ({ ...each, id: each.link, tag, namespace: 'demo', bridge: 'api-ann', headers: [] })), ended: (key) => (key === keyOf(old) ? 'It expired.' : undefined), signal: stop.signal, patienceMs: 0, now: () => now });
    return `http://127.0.0.1:${port}`;
  };
  const ask = (url: string, init: RequestInit = {}) => fetch(url, { redirect: 'manual', ...init });

  test('a link becomes a cookie as long as the preview, and leads to a page of this host only', async () => {
    const base = await open(preview());
    const answer = await ask(`${base}${previewPath}${secret}?to=/cart%3Fx=1`);
    expect([answer.status, answer.headers.get('location'), answer.headers.get('set-cookie'), answer.headers.get('referrer-policy')]).toEqual([303, '/cart?x=1', `${previewCookie}=${secret}; Path=/; Max-Age=60; HttpOnly; SameSite=Lax`, 'no-referrer']);
    for (const to of ['//evil.example', '/\\evil.example', 'https://evil.example']) expect((await ask(`${base}${previewPath}${secret}?to=${encodeURIComponent(to)}`)).headers.get('location')).toBe('/');
  });

  test('a password: the form, wrong, right; the cookie is then neither the secret nor the password', async () => {
    const access = await accessOf(secret, 'hunter22');
    const base = await open(preview({ access: digestOf(access) }));
    const post = (password: string) => ask(`${base}${previewPath}${secret}`, { method: 'POST', body: new URLSearchParams({ password }) });
    expect(await (await ask(`${base}${previewPath}${secret}`)).text()).toContain('has a password');
    expect((await post('wrong')).status).toBe(403);
    const cookie = (await post('hunter22')).headers.get('set-cookie');
    expect(cookie).toContain(`${previewCookie}=${access};`);
    expect(access).not.toContain(secret.split('.')[1]);
    // The first visitor's cookie is none without the bridge that it is of.
    expect((await ask(`${base}/`, { headers: { cookie: `${previewCookie}=${access.split('.')[1]}` } })).status).toBe(410);
  });

  test('who has no good cookie is told why, and text of others is only text', async () => {
    const base = await open(preview({ entry: 'svc/<b>' }));
    expect([(await ask(`${base}/`)).status, (await ask(`${base}/`, { headers: { cookie: `${previewCookie}=${old}` } })).status]).toEqual([404, 410]);
    expect(await (await ask(`${base}${previewPath}${old}`)).text()).toContain('It expired.');
    expect(await (await ask(`${base}${previewPath}never`)).text()).toContain('not valid');
    expect(await (await ask(`${base}/nowhere`, { headers: { cookie: `a=1; ${previewCookie}=${secret}` } })).text()).toContain('svc/&lt;b&gt;');
  });
});

describe('what leads to it', () => {
  const kinds = (exposure?: Parameters<typeof previewEntrance>[0]) => previewEntrance(exposure).map(({ kind, spec }) => [kind, (spec as { type?: string }).type]);

  test('one Service, of the type that was chosen, and an Ingress or HTTPRoute for its host', () => {
    expect([kinds(), kinds({ way: 'link' }), kinds({ way: 'load-balancer' })]).toEqual([[['Service', 'NodePort']], [['Service', 'ClusterIP']], [['Service', 'LoadBalancer']]]);
    const [, ingress] = previewEntrance({ way: 'ingress', name: 'nginx', url: 'https://preview.example.com' });
    expect(ingress).toMatchObject({ kind: 'Ingress', spec: { ingressClassName: 'nginx', tls: [{ hosts: ['preview.example.com'] }], rules: [{ host: 'preview.example.com' }] } });
    const [, route] = previewEntrance({ way: 'gateway', name: 'infra/public', url: 'http://preview.example.com' });
    expect(route).toMatchObject({ kind: 'HTTPRoute', spec: { parentRefs: [{ name: 'public', namespace: 'infra' }], hostnames: ['preview.example.com'] } });
  });

  test('what was installed is found again', () => {
    for (const exposure of [{ way: 'link' }, { way: 'ingress', name: 'nginx', url: 'https://p.example.com' }, { way: 'gateway', name: 'infra/public', url: 'https://p.example.com' }] as const) expect(exposureFrom(previewData(exposure))).toEqual(exposure);
    expect(exposureFrom({})).toEqual({ way: 'node-port' });
  });
});
