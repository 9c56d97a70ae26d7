/** Every kind of target, all of its pods. */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { resources } from '../../cli/adapters/cluster/index.ts';
import { bridge } from '../support/bridge-command.ts';
import { daemonSet, deployment, pod, service, statefulSet } from '../workloads/manifests.ts';
import { setUpLimitMs, startSuite, testLimitMs, type Suite } from './support/suite.ts';

jest.setTimeout(testLimitMs);
const namespace = 'e2e-targets';
const name = 'e2e-targets';
let suite: Suite;

beforeAll(async () => {
  suite = await startSuite(namespace, (image) => [
    deployment({ name: 'web', namespace, image, replicas: 2 }), service({ name: 'web', namespace }),
    ...statefulSet({ name: 'db', namespace, image, replicas: 2 }),
    daemonSet({ name: 'each', namespace, image }), service({ name: 'each', namespace }),
    pod({ name: 'single', namespace, image }), service({ name: 'single', namespace }),
  ]);
}, setUpLimitMs);
afterAll(() => suite?.end());

describe('targets', () => {
  test.each([
    ['deployment/web', 'web', 2], ['sts/db', 'db', 2], ['ds/each', 'each', undefined], ['pod/single', 'single', 1], ['svc/web', 'web', 2], ['svc/db', 'db', 2],
  ])('%s', async (target, host, count) => {
    const before = await suite.state();
    const summary = await suite.run(name, 'local', ['--target', target]);
    expect(summary.pods).toHaveLength(count ?? suite.cluster.nodes.length);
    // By name: the StatefulSet's Service is headless.
    const port = host === 'db' ? ':8080' : '';
    expect((await suite.prober.run('http', '--url', `http://${host}${port}/`, '--count', '50')).byWho).toEqual({ local: 50 });
    expect(await suite.state()).toBe(before);
    await suite.stop(name);
    expect((await suite.prober.run('http', '--url', `http://${host}${port}/`, '--count', '50')).byWho).toEqual({ original: 50 });
  });

  test('a ReplicaSet', async () => {
    const { items } = await suite.kube.list(resources.ReplicaSet, { namespace, labelSelector: 'app=web' });
    await suite.run(name, 'local', ['--target', `rs/${items[0]!.metadata.name}`]);
    expect((await suite.prober.run('http', '--url', `http://${await suite.addressOf('web')}/`, '--count', '50')).byWho).toEqual({ local: 50 });
    await suite.stop(name);
  });

  test('one pod of a StatefulSet leaves the other alone', async () => {
    await suite.run(name, 'local', ['--target', 'pod/db-0']);
    expect((await suite.prober.run('http', '--url', 'http://db-0.db:8080/', '--count', '20')).byWho).toEqual({ local: 20 });
    expect((await suite.prober.run('http', '--url', 'http://db-1.db:8080/', '--count', '20')).byWho).toEqual({ original: 20 });
    await suite.stop(name);
  });

  test('another port in the container', async () => {
    await suite.run(name, 'local', ['--target', 'deploy/web', '--port', 'http:9999', '-e', 'HTTP_PORT=9999']);
    expect((await suite.prober.run('http', '--url', `http://${await suite.addressOf('web')}/`, '--count', '20')).byWho).toEqual({ local: 20 });
    await suite.stop(name);
  });

  test('kinds that have no pods are refused, with words', async () => {
    const { exitCode, stderr } = await bridge(['run', '-d', '--image', suite.image, '--target', 'cronjob/x', '-n', namespace], suite.user);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/cronjob/);
    expect(stderr).toMatch(/deploy/);
  });

  test('pods that appear later are bridged before they are Ready', async () => {
    await suite.run(name, 'local', ['--target', 'deploy/web', '--port', 'http']);
    const address = await suite.addressOf('web');
    const watched = await suite.prober.start('http', '--url', `http://${address}/`, '--rate', '50', '--duration', '120s');
    await suite.kube.patch(resources.Deployment, 'web', { spec: { replicas: 4 } }, { namespace });
    await suite.kube.until<{ status?: { readyReplicas?: number } } & Parameters<typeof suite.kube.create>[0]>(resources.Deployment, 'web', (object) => object?.status?.readyReplicas === 4, { namespace, timeoutMs: 60_000 });
    expect((await suite.prober.run('http', '--url', `http://${address}/`, '--count', '200')).byWho).toEqual({ local: 200 });
    const report = await watched.stop();
    expect({ failed: report.failed, first: report.firstError, byWho: Object.keys(report.byWho) }).toEqual({ failed: 0, first: undefined, byWho: ['local'] });
    await suite.stop(name);
  });
});
