/** What happens to laptops: another network, Docker restarted, the battery empty. Over UDP, from a Docker engine beside the cluster. */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { homedir } from 'node:os';
import { connectDocker } from '../../cli/adapters/docker/index.ts';
import { ensureImage } from '../../cli/image/build.ts';
import { cacheFolder } from '../cluster/paths.ts';
import { bridgeOk } from '../support/bridge-command.ts';
import { startLaptop, type Laptop } from '../support/laptop.ts';
import { untilServing } from '../support/serving.ts';
import { until } from '../support/wait.ts';
import { deployment, service } from '../workloads/manifests.ts';
import { setUpLimitMs, startSuite, testLimitMs, type Suite } from './support/suite.ts';

jest.setTimeout(testLimitMs);
const namespace = 'e2e-laptop';
const name = 'e2e-laptop';
const backLimitMs = 120_000;
let suite: Suite;
let laptop: Laptop;
let address: string;

beforeAll(async () => {
  suite = await startSuite(namespace, (image) => [deployment({ name: 'web', namespace, image, replicas: 2 }), service({ name: 'web', namespace })]);
  const { dockerNetwork } = suite.cluster;
  if (dockerNetwork === undefined) throw new Error('this needs a cluster whose nodes are on a Docker network of this machine');
  laptop = await startLaptop(dockerNetwork, await cacheFolder('laptops'));
  const host = { env: process.env, homeDir: homedir() };
  const { reference } = await ensureImage('cargo', { docker: await connectDocker(host), host, waiting: () => undefined, signal: new AbortController().signal });
  await laptop.load(reference, suite.image);
  address = await suite.addressOf('web');
  await suite.run(name, 'local', ['--target', 'deploy/web', '--port', 'http'], { env: laptop.env });
}, setUpLimitMs);
afterAll(async () => {
  if (laptop !== undefined) {
    await suite.bridge(['stop', '--all'], { env: laptop.env });
    await bridgeOk(['down'], { ...suite.user, env: laptop.env });
    await laptop.remove();
  }
  await suite?.end();
});

/** Twenty requests, all answered by one side. */
async function untilAnswers(who: 'local' | 'original'): Promise<void> {
  await until(`${who} answers`, async () => {
    const report = await suite.prober.run('http', '--url', `http://${address}/`, '--count', '20', '--timeout', '2s').catch(() => undefined);
    return report?.byWho[who] === 20 ? true : undefined;
  }, backLimitMs);
}
const outwards = () => laptop.docker('exec', name, '/echo', 'client', 'http', '--url', 'http://web/healthz', '--count', '1', '--timeout', '3s');
const status = async (): Promise<string[]> => (await laptop.docker('ps', '--all', '--format', '{{.Names}} {{.State}}')).split('\n').map((line) => line.replace(/podbridge-\S+/, 'cargo')).sort();

test('the link of a laptop beside the cluster goes over UDP', async () => {
  const { links } = JSON.parse((await suite.bridge(['list', '-o', 'json'], { env: laptop.env })).stdout) as { links: { current: boolean; transport: string }[] };
  expect(links.filter(({ current }) => current).map(({ transport }) => transport)).toEqual(['udp']);
  await untilAnswers('local');
});

test('another address: nothing has to be done', async () => {
  await laptop.move();
  await untilAnswers('local');
  await until('the way out', () => outwards().catch(() => undefined), backLimitMs);
});

test('Docker is restarted: the originals answer, the link comes back by itself, and so does the bridge with its container', async () => {
  const load = await suite.prober.start('http', '--url', `http://${address}/`, '--rate', '50', '--timeout', '10s', '--duration', '5m');
  await laptop.restartDocker();
  await untilAnswers('original');
  // As every container without a restart policy.
  await until('the link is there again', async () => ((await status()).join() === `cargo running,${name} exited` ? true : undefined), backLimitMs);
  await laptop.docker('start', name);
  await untilServing(suite.kube, namespace, name);
  await untilAnswers('local');
  await until('the way out', () => outwards().catch(() => undefined), backLimitMs);
  const { failed, total } = await load.stop();
  // What the container had in its hands when it ended.
  expect(failed).toBeLessThanOrEqual(total / 20);
});

test('the battery is empty: the same', async () => {
  await laptop.losePower();
  await untilAnswers('original');
  await until('the link is there again', async () => ((await status()).join() === `cargo running,${name} exited` ? true : undefined), backLimitMs);
  await bridgeOk(['restart', name, '-n', namespace], { ...suite.user, env: laptop.env });
  await untilServing(suite.kube, namespace, name);
  await untilAnswers('local');
  await until('the way out', () => outwards().catch(() => undefined), backLimitMs);
});
