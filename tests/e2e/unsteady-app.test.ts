/** Apps that crash, start slowly, or accept and never answer: nobody pays for them, unless the user wants requests to fail. */
import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { labels } from '../../protocol/names.ts';
import type { Bridge } from '../../protocol/objects.ts';
import { resources } from '../../cli/adapters/cluster/index.ts';
import { deployment, service } from '../workloads/manifests.ts';
import { until } from '../support/wait.ts';
import { setUpLimitMs, startSuite, testLimitMs, type Suite } from './support/suite.ts';

jest.setTimeout(testLimitMs);
const namespace = 'e2e-unsteady';
const name = 'e2e-unsteady';
/** Far more than anything here needs on a quiet machine. */
const seenLimitMs = 60_000;
const ruled = ['--target', 'deploy/web', '--port', 'http', '--path-prefix', '/'];
let suite: Suite;
let address: string;

beforeAll(async () => {
  suite = await startSuite(namespace, (image) => [deployment({ name: 'web', namespace, image, replicas: 2 }), service({ name: 'web', namespace })]);
  address = await suite.addressOf('web');
}, setUpLimitMs);
afterAll(() => suite?.end());
afterEach(() => suite.bridge(['stop', name]));

const load = (duration: string) => suite.prober.start('http', '--url', `http://${address}/`, '--rate', '50', '--timeout', '30s', '--duration', duration);
const who = async (headers: Record<string, string> = {}): Promise<string> => {
  const { status, body } = await suite.prober.fetch(`http://${address}/`, headers);
  return status === 200 ? (JSON.parse(body) as { who: string }).who : String(status);
};
/** A request that a hung container has already waits for it: it is left behind. */
async function untilWho(wanted: string, headers?: Record<string, string>): Promise<void> {
  let seen = '';
  const ask = async (): Promise<true | undefined> => {
    seen = String(await Promise.race([who(headers).catch(String), sleep(2000, 'nobody for two seconds')]));
    return seen === wanted ? true : undefined;
  };
  await until(`${wanted} answers`, ask, seenLimitMs).catch((error: unknown) => { throw new Error(`${String(error)}; the last answer: ${seen}`); });
}

test('a crash loop is told, gets no traffic any more, and then costs no request', async () => {
  const probe = await load('120s');
  await suite.run(name, 'local', [...ruled, '--', 'loop', '1500ms', '1s']);
  const bridge = await suite.kube.until<Bridge>(resources.Bridge, name, (object) => (object?.status?.pods ?? []).length === 2 && object!.status!.pods!.every(({ note }) => note !== undefined), { namespace, timeoutMs: 60_000 });
  expect(bridge!.status!.pods!.map(({ ready, note }) => ({ ready, note }))).toEqual([1, 2].map(() => ({ ready: true, note: expect.stringContaining('goes up and down') })));
  // It is never up for the three seconds that it now needs.
  await untilWho('original');
  const calm = await suite.prober.run('http', '--url', `http://${address}/`, '--rate', '50', '--duration', '4s');
  expect(calm).toMatchObject({ failed: 0 });
  expect(Object.keys(calm.byWho)).toEqual(['original']);
  const { failed, total, byWho } = await probe.stop();
  // A container that is killed once a second on a machine that has no time: an answer may be lost on the way.
  expect(failed / total).toBeLessThan(0.05);
  expect(byWho.local).toBeGreaterThan(0);
});

test('a slow start costs no request', async () => {
  const probe = await load('120s');
  await suite.run(name, 'local', [...ruled, '-e', 'START_DELAY_MS=3000']);
  await untilWho('local');
  // The agents of the two pods do not find out in the same moment, so answers alternate in between.
  await suite.kube.until<Bridge>(resources.Bridge, name, (object) => (object?.status?.pods ?? []).length === 2 && object!.status!.pods!.every(({ serving }) => serving === true), { namespace, timeoutMs: seenLimitMs });
  const settled = await suite.prober.run('http', '--url', `http://${address}/`, '--rate', '50', '--duration', '2s');
  const { failed, firstError, changes } = await probe.stop();
  expect({ failed, firstError }).toEqual({ failed: 0, firstError: undefined });
  expect([changes[0]?.who, changes.at(-1)?.who]).toEqual(['original', 'local']);
  expect(Object.keys(settled.byWho)).toEqual(['local']);
});

test('--check http: an app that accepts and never answers is left out, until it answers again', async () => {
  const { container } = await suite.run(name, 'local', [...ruled, '--check', 'http:/healthz']);
  await untilWho('local');
  await fetch(`http://${container.address}:8080/hang`);
  await untilWho('original');
  expect((await suite.prober.run('http', '--url', `http://${address}/`, '--count', '50')).byWho).toEqual({ original: 50 });
  await fetch(`http://${container.address}:8080/unhang`);
  await untilWho('local');
});

test('--fallback fail: what matches fails when the container is gone, the rest does not notice; with the bridge it ends', async () => {
  const mine = { 'x-developer': 'ann' };
  const { container } = await suite.run(name, 'local', ['--target', 'deploy/web', '--port', 'http', '--header', 'x-developer=ann', '--fallback', 'fail']);
  await untilWho('local', mine);
  const others = await load('120s');
  await execa('docker', ['stop', '--time', '1', container.id]);
  await untilWho('503', mine);
  const refused = await suite.prober.fetch(`http://${address}/`, mine);
  expect(refused).toMatchObject({ status: 503, body: expect.stringContaining(`bridge ${namespace}/${name}`), headers: { 'x-bridge-served-by': [`${namespace}/${name}`] } });
  await suite.stop(name);
  expect(await who(mine)).toBe('original');
  expect(await others.stop()).toMatchObject({ failed: 0, byWho: { original: expect.any(Number) } });
});

test('UDP: datagrams of new and of open flows go to the original while the port is closed, the container is gone or the link is silent, and come back', async () => {
  const udp = ['udp', '--address', `${address}:9001`, '--timeout', '1s'];
  const { container } = await suite.run(name, 'local', ['--target', 'deploy/web', '--port', 'udp', '--port', 'http']);
  const link = (await suite.kube.get<Bridge>(resources.Bridge, name, namespace)).spec.client;
  const { stdout: cargo } = await execa('docker', ['ps', '--quiet', '--filter', `label=${labels.link}=${link}`, '--filter', `label=${labels.role}=cargo`]);
  // One flow from beginning to end: each datagram from the same port.
  const flow = await suite.prober.start(...udp, '--rate', '20', '--duration', '170s');
  const untilBoth = async (wanted: string): Promise<void> => {
    await until(`new flows with ${wanted}`, async () => ((await suite.prober.run(...udp, '--new', '--count', '5')).byWho[wanted] === 5 ? true : undefined), seenLimitMs);
    await until(`the open flow with ${wanted}`, async () => ((await flow.peek()).changes.at(-1)?.who === wanted ? true : undefined), seenLimitMs);
  };
  await untilBoth('local');
  for (const [away, back] of [['stop', 'start'], ['pause', 'unpause']] as const) {
    const which = away === 'stop' ? container.id : cargo;
    await execa('docker', [away, ...(away === 'stop' ? ['--time', '1'] : []), which]);
    try {
      await untilBoth('original');
    } finally {
      await execa('docker', [back, which]);
    }
    await untilBoth('local');
  }
  // The container lives, and nobody listens in it.
  await suite.stop(name);
  await untilBoth('original');
  await suite.run(name, 'local', ['--target', 'deploy/web', '--port', 'udp:9999', '--port', 'http']);
  const { byWho } = await suite.prober.run(...udp, '--new', '--count', '100', '--rate', '20');
  expect(Object.keys(byWho)).toEqual(['original']);
  // One in three seconds tries the container and is lost.
  expect(byWho.original).toBeGreaterThan(80);
  await flow.stop();
});
