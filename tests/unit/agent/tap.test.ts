import { describe, expect, test } from '@jest/globals';
import { renderConfig } from '../../../stowaway-image/src/agent/proxy/config.ts';
import { tapId } from '../../../stowaway-image/src/agent/proxy/tap-lines.ts';
import { maskHeaders, maskPath } from '../../../stowaway-image/src/agent/tap/mask.ts';
import { readTapLine } from '../../../stowaway-image/src/agent/tap/read-line.ts';
import { TapEvents } from '../../../stowaway-image/src/agent/tap/tap-events.ts';
import { frontend, route } from './fixtures.ts';

const tap = { bridge: 'shop/tap', rules: [], headers: false, certificate: undefined };
const tapped = frontend([route('ann', { rules: [{ mark: 'ann' }] })], { taps: [tap, { ...tap, bridge: 'shop/other', rules: [{ mark: 'x' }], headers: true }] });
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const line = (over: Record<string, unknown> = {}): string => JSON.stringify({
  ms: 1_795_628_196_300, end: 1_795_628_196_312, client: '10.0.0.9', fe: 'f_uid_8080', be: 'bh1_uid_8080_20001', srv: 'bridge', method: 'GET', path: '/a?token=abc&n=1', status: 200, version: '1.1',
  baggage: 'x=1, bridge=ann;p=2', taps: `${tapId('shop/tap')} ${tapId('shop/other')} `, bytes: 89, asked: base64('host: api\r\nauthorization: Bearer abc\r\n\r\n'), answered: base64('set-cookie: a=b\r\n\r\n'), ...over,
});
const read = (text: string) => readTapLine(text, [tapped], () => 'api-1');

describe('what HAProxy is told', () => {
  const config = (taps: typeof tapped.taps) => renderConfig({ frontends: [frontend([], { taps })] }, { socket: '/run/x.sock', stateFile: '/run/x.state', threads: 1 });
  test('without a tap it tells nothing', () => { expect(config([])).not.toMatch(/log-format|txn\.tap/); });
  test('a tap alone opens the port for looking, and everything goes to the original', () => {
    const text = config([tap]);
    expect(text).toContain(`http-request set-var-fmt(txn.tap) "%[var(txn.tap)]${tapId('shop/tap')} "\n`);
    expect(text).toMatch(/tcp-request content set-log-level silent/);
    expect(text).toMatch(/use_backend oh1_uid_8080 if v1\n/);
    expect(text).not.toMatch(/hdrs/);
  });
  test('rules choose what is told, headers only when somebody asked', () => {
    expect(config([{ ...tap, rules: [{ mark: 'x' }], headers: true }])).toMatch(/set-var-fmt\(txn\.tap\) .* if t0_0_0\n[\s\S]*req\.hdrs,base64/);
  });
});

describe('a line', () => {
  test('becomes an event for those who asked; secrets are masked', () => {
    expect(read(line())).toEqual({
      bridges: [{ bridge: 'shop/tap', headers: false }, { bridge: 'shop/other', headers: true }],
      event: {
        at: '2026-11-25T17:36:36.300Z', pod: 'api-1', port: 8080, client: '10.0.0.9', method: 'GET', path: '/a?token=***&n=1', status: 200, ms: 12, version: '1.1', tls: false, mark: 'ann',
        by: 'shop/ann', bytes: 89, requestHeaders: [['host', 'api'], ['authorization', '***']], responseHeaders: [['set-cookie', '***']],
      },
    });
  });
  test('tells who answered', () => {
    expect([read(line({ srv: 'orig' })), read(line({ srv: '<NOSRV>' }))].map((request) => request?.event.by)).toEqual(['original', 'agent']);
    expect(read(line({ fe: 't_uid_8080', status: '' }))?.event).toMatchObject({ tls: true });
    expect(read(line({ status: '' }))?.event).not.toHaveProperty('status');
  });
  test.each(['', 'x', '{', '[]', '{"fe":1}', line({ fe: 'f_gone_1' })])('%j is none', (text) => { expect(read(text)).toBeUndefined(); });
});

test('masks go by names', () => {
  expect(maskHeaders([['X-Api-Key', 'a'], ['cookie', 'b'], ['accept', 'c'], ['x-auth-user', 'd']])).toEqual([['X-Api-Key', '***'], ['cookie', '***'], ['accept', 'c'], ['x-auth-user', '***']]);
  expect([maskPath('/a'), maskPath('/a?'), maskPath('/a?b'), maskPath('/a?password=x=y&q=1&code=2')]).toEqual(['/a', '/a?', '/a?b', '/a?password=***&q=1&code=***']);
});

test.each(['api_key', 'API_KEY', 'apiKey', 'access_key', 'private_key', 'license_key', 'stripe_key', 'stripeKey', 'key', 'pwd', 'pass', 'userPass', 'user_pass', 'otp', 'pin', 'pin2', 'sid', 'PHPSESSID', 'client_secret', 'api%5Fkey', '%74oken', 'user[password]'])('%s is a secret of a query', (name) => {
  expect(maskPath(`/a?n=1&${name}=SEC&m=2`)).toBe(`/a?n=1&${name}=***&m=2`);
});

test.each(['n', 'monkey', 'pinned', 'compass', 'passenger', 'spin', 'keyword', 'q', 'page'])('%s is none', (name) => { expect(maskPath(`/a?${name}=1`)).toBe(`/a?${name}=1`); });

test('secrets within values and paths are found', () => {
  expect(maskPath('/a;jsessionid=SEC/b;v=1?x')).toBe('/a;jsessionid=***/b;v=1?x');
  expect(maskPath('/a?next=/b?token=SEC')).toBe('/a?next=/b?token=***');
  expect(maskPath('/a?next=%2Fb%3Ftoken%3DSEC&n=%zz')).toBe('/a?next=%2Fb%3Ftoken%3D***&n=%zz');
  expect(maskPath('/a?password=b,c;d')).toBe('/a?password=***');
  expect(maskHeaders([
    ['referer', 'http://a/?token=SEC18&n=1'], ['location', 'http://a/cb#access_token=SEC&n=1'], ['x-forwarded-client-cert', 'SEC15'], ['x-original-url', '/a?api_key=SEC'], ['origin', 'http://ann:SEC@a'],
    ['x-functions-key', 'SEC'], ['x-otp', 'SEC'], ['baggage', 'bridge=ann,session=SEC'], ['accept', 'text/html;q=0.9, */*'], ['cache-control', 'max-age=0'], ['etag', '"a=="'],
  ])).toEqual([
    ['referer', 'http://a/?token=***&n=1'], ['location', 'http://a/cb#access_token=***&n=1'], ['x-forwarded-client-cert', '***'], ['x-original-url', '/a?api_key=***'], ['origin', 'http://***@a'],
    ['x-functions-key', '***'], ['x-otp', '***'], ['baggage', 'bridge=ann,session=***'], ['accept', 'text/html;q=0.9, */*'], ['cache-control', 'max-age=0'], ['etag', '"a=="'],
  ]);
});

describe('events wait to be fetched', () => {
  const request = (n: number) => ({ ...read(line({ path: `/${n}` }))!, bridges: [{ bridge: 'b', headers: false }] });
  test('each once, in order; whoever asks too early waits', async () => {
    const events = new TapEvents();
    const early = events.read('b', 0, 10_000);
    events.push(request(1));
    events.push(request(2));
    const first = await early;
    expect(first.events.map(({ path }) => path)).toEqual(['/1', '/2']);
    expect(first.events[0]).not.toHaveProperty('requestHeaders');
    expect(await events.read('b', first.next, 1)).toEqual({ v: 1, events: [], next: 2, lost: 0 });
  });
  test('too many: the oldest go, and that is told', async () => {
    const events = new TapEvents();
    for (let n = 1; n <= 1100; n++) events.push(request(n));
    const { events: got, next, lost } = await events.read('b', 0, 1);
    expect([got[0]?.path, got.length, next, lost]).toEqual(['/101', 200, 300, 100]);
  });
  test('an agent that began anew is asked from its beginning', async () => {
    const events = new TapEvents();
    events.push(request(1));
    expect(await events.read('b', 500, 1)).toMatchObject({ next: 1, events: [], lost: 0 });
  });
});
