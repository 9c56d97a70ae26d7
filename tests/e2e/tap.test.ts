/** A live view of the requests that a workload gets, whoever answers them. */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import type { Bridge } from '../../protocol/objects.ts';
import type { TapEvent } from '../../protocol/tap.ts';
import { resources } from '../../cli/adapters/cluster/index.ts';
import { startBridge } from '../support/bridge-command.ts';
import { until } from '../support/wait.ts';
import { deployment, service } from '../workloads/manifests.ts';
import { setUpLimitMs, startSuite, testLimitMs, type Suite } from './support/suite.ts';

jest.setTimeout(testLimitMs);
const namespace = 'e2e-tap';
const name = 'e2e-tap';
const seenLimitMs = 60_000;
let suite: Suite;
let address: string;

beforeAll(async () => {
  suite = await startSuite(namespace, (image) => [deployment({ name: 'web', namespace, image, replicas: 2 }), service({ name: 'web', namespace })]);
  address = await suite.addressOf('web');
}, setUpLimitMs);
afterAll(() => suite?.end());

type Line = { type: 'ready'; pods: string[] } | ({ type: 'request' } & TapEvent);

/** Starts a tap, and resolves when it sees. */
async function tap(...args: string[]) {
  const running = startBridge(['tap', 'deploy/web', '-n', namespace, '-o', 'json', ...args], suite.user);
  const lines: Line[] = [];
  let rest = '';
  running.stdout.on('data', (chunk: Buffer) => {
    const parts = (rest + String(chunk)).split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) if (part !== '') lines.push(JSON.parse(part) as Line);
  });
  await until('the tap stands', async () => (lines.some(({ type }) => type === 'ready') ? true : undefined), seenLimitMs);
  // The kubelet's probes are requests too. By path, because each node tells of its own.
  const events = (): TapEvent[] => lines.flatMap((line) => (line.type === 'request' && !line.path.startsWith('/healthz') ? [line] : [])).sort((a, b) => (a.path < b.path ? -1 : 1));
  return { running, events, untilSeen: (count: number) => until(`${count} requests seen`, async () => (events().length >= count ? events() : undefined), seenLimitMs) };
}

test('every request of all pods: what was asked, how it went, who answered; nothing stays', async () => {
  await suite.run(name, 'local', ['--target', 'deploy/web', '--port', 'http', '--mark', 'ann']);
  const { running, untilSeen } = await tap('--port', 'http', '--headers');
  for (let n = 0; n < 8; n++) await suite.prober.fetch(`http://${address}/orders/${n}?token=hush&api_key=hush&n=${n}`, { authorization: 'Bearer hush', referer: 'http://web/?otp=hush', 'x-plain': 'seen', ...(n % 2 === 0 ? {} : { baggage: 'bridge=ann' }) });
  await suite.prober.fetch(`http://${address}/status/404`, {}, { method: 'POST', body: 'x' });
  const events = await untilSeen(9);
  running.kill('SIGINT');
  expect((await running).exitCode).toBe(0);
  expect(events.map(({ method, path, status, by, mark }) => ({ method, path, status, by, mark }))).toEqual([
    ...Array.from({ length: 8 }, (_, n) => ({ method: 'GET', path: `/orders/${n}?token=***&api_key=***&n=${n}`, status: 200, ...(n % 2 === 0 ? { by: 'original', mark: undefined } : { by: `${namespace}/${name}`, mark: 'ann' }) })),
    { method: 'POST', path: '/status/404', status: 404, by: 'original', mark: undefined },
  ]);
  expect(events[0]!.requestHeaders).toEqual(expect.arrayContaining([['x-plain', 'seen'], ['authorization', '***'], ['referer', 'http://web/?otp=***']]));
  expect(events[0]!.responseHeaders).toEqual(expect.arrayContaining([['content-type', 'application/json']]));
  expect(JSON.stringify(events)).not.toContain('hush');
  const { items } = await suite.kube.list<Bridge>(resources.Bridge, { namespace });
  expect(items.map(({ metadata }) => metadata.name)).toEqual([name]);
  await suite.stop(name);
});

test('stop --all ends it from another terminal: told there and here', async () => {
  const running = startBridge(['tap', 'deploy/web', '--port', 'http', '-n', namespace, '-o', 'json'], suite.user);
  let output = '';
  running.stdout.on('data', (chunk: Buffer) => { output += String(chunk); });
  await until('the tap stands', async () => (output.includes('"type":"ready"') ? true : undefined), seenLimitMs);
  const { stderr, stdout } = await suite.bridge(['stop', '--all']);
  const [ended] = stdout.split('\n');
  expect(ended).toMatch(/^tap-web-/);
  expect(stderr).toContain(`${ended}: that was a bridge tap, which has ended in another terminal`);
  expect((await running).exitCode).toBe(3);
  expect(JSON.parse(output.slice(output.indexOf('{\n')))).toMatchObject({
    error: { code: 'tap-ended', what: 'the tap of deployment web was ended', why: expect.stringMatching(/^its bridge tap-web-\S+ is gone: stopped from another terminal \(bridge stop --all, bridge down\)/), next: `bridge tap deploy/web -n ${namespace}` },
  });
});

test('a rule chooses, --count ends it, and no request is lost over its start and end', async () => {
  const load = await suite.prober.start('http', '--url', `http://${address}/`, '--rate', '50', '--timeout', '30s', '--duration', '120s');
  const { running, events } = await tap('--port', 'http', '--path-prefix', '/wanted', '--count', '2');
  for (let n = 0; n < 2; n++) await suite.prober.fetch(`http://${address}/wanted/${n}`);
  expect((await running).exitCode).toBe(0);
  expect(events().map(({ path, by }) => `${path} ${by}`)).toEqual(['/wanted/0 original', '/wanted/1 original']);
  expect(events()[0]).not.toHaveProperty('requestHeaders');
  const { failed, firstError, byWho } = await load.stop();
  expect({ failed, firstError, who: Object.keys(byWho) }).toEqual({ failed: 0, firstError: undefined, who: ['original'] });
});
