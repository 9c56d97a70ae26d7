/** Workloads that break tools which patch, restart or look inside pods: all bridge, unbridge, and stay Ready throughout. */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { awkwardWorkloads, longNamespace, multiLine } from '../workloads/awkward.ts';
import { setUpLimitMs, startSuite, testLimitMs, type Suite } from './support/suite.ts';

jest.setTimeout(testLimitMs);
const names = Object.keys(awkwardWorkloads('none', longNamespace));
let suite: Suite;

beforeAll(async () => {
  suite = await startSuite(longNamespace, (image) => Object.values(awkwardWorkloads(image, longNamespace)).flat());
}, setUpLimitMs);
afterAll(() => suite?.end());

describe.each(names)('%s, in a namespace whose name has 48 characters', (workload) => {
  const bridgeName = `e2e-${workload}`;

  test('bridges, unbridges and stays as it was', async () => {
    const address = await suite.addressOf(workload);
    const probe = () => suite.prober.run('http', '--url', `http://${address}/`, '--count', '50');
    expect((await probe()).byWho).toEqual({ original: 50 });
    const before = await suite.state();
    const watched = await suite.prober.start('http', '--url', `http://${address}/`, '--rate', '50', '--duration', '120s');

    await suite.run(bridgeName, 'local', ['--target', `deploy/${workload}`]);
    expect((await probe()).byWho).toEqual({ local: 50 });
    // Several periods of its probes pass: they must not be answered by the container, nor fail.
    expect(await suite.prober.run('http', '--url', `http://${address}/`, '--rate', '20', '--duration', '4s')).toMatchObject({ failed: 0 });
    expect(await suite.state()).toBe(before);

    await suite.stop(bridgeName);
    expect((await probe()).byWho).toEqual({ original: 50 });
    expect(await suite.state()).toBe(before);
    const report = await watched.stop();
    expect({ failed: report.failed, first: report.firstError }).toEqual({ failed: 0, first: undefined });
  });
});

test('probes reach the original also when the container is not there to answer', async () => {
  const before = await suite.state();
  // Listens an hour later: until then everything goes to the original.
  const { exitCode } = await suite.bridge(['run', '-d', '--name', 'e2e-silent', '--image', suite.image, '-e', 'WHO=local', '-e', 'START_DELAY_MS=3600000', '--target', 'deploy/named-probes']);
  expect(exitCode).toBe(0);
  const report = await suite.prober.run('http', '--url', `http://${await suite.addressOf('named-probes')}/`, '--rate', '50', '--duration', '5s');
  expect({ failed: report.failed, byWho: Object.keys(report.byWho) }).toEqual({ failed: 0, byWho: ['original'] });
  expect(await suite.state()).toBe(before);
  await suite.stop('e2e-silent');
});

test('of two containers the annotated one is meant, or the one that is named', async () => {
  const { pods } = await suite.run('e2e-beside', 'local', ['--target', 'deploy/two-containers', '--container', 'beside']);
  expect(pods).toHaveLength(2);
  expect((await suite.prober.run('http', '--url', `http://${await suite.addressOf('two-containers')}/`, '--count', '50')).byWho).toEqual({ original: 50 });
  await suite.stop('e2e-beside');
});

test('lines of a multi-line variable arrive', async () => {
  await suite.run('e2e-lines', 'local', ['--target', 'deploy/many-lines']);
  const { body } = await suite.prober.fetch(`http://${await suite.addressOf('many-lines')}/env`);
  const { who, env } = JSON.parse(body) as { who: string; env: [string, string][] };
  expect(who).toBe('local');
  expect(Object.fromEntries(env).NOTE).toBe(multiLine);
  await suite.stop('e2e-lines');
});
