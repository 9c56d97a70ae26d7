/** Every kind of target, all of its pods. */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { resources } from '../../cli/adapters/cluster/index.ts';
import { bridge } from '../support/bridge-command.ts';
import { daemonSet, deployment, pod, service, statefulSet } from '../workloads/manifests.ts';
import { makeUser } from '../support/user.ts';
import { until } from '../support/wait.ts';
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

  test('in a pipeline: --detach --wait returns when the program answers for every pod, a command runs beside it, and the story is JSON', async () => {
    // A program that takes its time: without --wait the run would be over before it listens.
    const run = await suite.bridge(['run', '--detach', '--wait', '-o', 'json', '--name', name, '--image', suite.image, '-e', 'WHO=local', '-e', 'START_DELAY_MS=4000', '--target', 'deploy/web', '--port', 'http']);
    expect(run).toMatchObject({ exitCode: 0 });
    const requests = suite.prober.run('http', '--url', `http://${await suite.addressOf('web')}/`, '--count', '50');
    expect(JSON.parse(run.stdout)).toMatchObject({ bridge: { namespace, name }, container: { name }, target: { kind: 'Deployment', name: 'web' }, pods: [{}, {}] });
    const story = run.stderr.split('\n').filter(Boolean).map((line) => JSON.parse(line) as { type: string; id?: string; elapsedMs?: number });
    expect(story.filter(({ id }) => id === 'serving').map(({ type }) => type)).toEqual(expect.arrayContaining(['step-started', 'step-done']));
    expect((await requests).byWho).toEqual({ local: 50 });
    const tests = await suite.bridge(['exec', name, '--', '/echo', 'client', 'http', '--url', 'http://web/', '--count', '20']);
    expect({ exitCode: tests.exitCode, byWho: (JSON.parse(tests.stdout) as { byWho: object }).byWho }).toEqual({ exitCode: 0, byWho: { local: 20 } });
    const failing = await suite.bridge(['exec', name, '-o', 'json', '--', '/no-such-program']);
    expect(JSON.parse(failing.stdout)).toMatchObject({ exitCode: failing.exitCode });
    expect([126, 127]).toContain(failing.exitCode);
    await suite.stop(name);
  });

  test('--detach --wait of a program that ends: the wait is over with it, and its last words are told', async () => {
    const run = await suite.bridge(['run', '--detach', '--wait', '--name', name, '--image', suite.image, '--target', 'deploy/web', '--port', 'http', '--', 'no-such-mode']);
    // After the whole wait it would be 60 s.
    expect(run).toMatchObject({ exitCode: expect.any(Number), stderr: expect.stringMatching(/nothing listens on port 8080 of the container after [1-5]?\d s[\s\S]*has ended with exit code [1-9]\d*; its last words:[\s\S]*no-such-mode/) });
    expect(run.exitCode).not.toBe(0);
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

  describe('custom kinds', () => {
    /** As Argo's Rollout: pods of its own, told by its scale. Here they are those of the Deployment. */
    const crd = (kind: string, group: string, scale: boolean) => ({
      apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name: `${kind.toLowerCase()}s.${group}` },
      spec: {
        group, scope: 'Namespaced', names: { kind, plural: `${kind.toLowerCase()}s`, singular: kind.toLowerCase() },
        versions: [{
          name: 'v1alpha1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
          subresources: { status: {}, ...(scale ? { scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas', labelSelectorPath: '.status.selector' } } : {}) },
        }],
      },
    });
    const crds = [crd('Fleet', 'one.e2e-targets.dev', true), crd('Fleet', 'two.e2e-targets.dev', true), crd('Leaf', 'one.e2e-targets.dev', false)];
    const fleets = { apiVersion: 'one.e2e-targets.dev/v1alpha1', kind: 'Fleet', plural: 'fleets', namespaced: true };
    const target = 'fleet.one.e2e-targets.dev/web';

    beforeAll(async () => {
      for (const object of crds) await suite.kube.apply(object as never, { fieldManager: 'podbridge-test' });
      await until('the kinds', async () => ((await suite.kube.kinds()).filter(({ apiVersion }) => apiVersion.includes('e2e-targets')).length === crds.length ? true : undefined), 30_000);
      await until('a fleet', () => suite.kube.apply({ apiVersion: fleets.apiVersion, kind: 'Fleet', metadata: { name: 'web', namespace }, spec: { replicas: 2 } } as never, { fieldManager: 'podbridge-test' }, fleets).catch(() => undefined), 30_000);
    });
    afterAll(() => Promise.all(crds.map(({ metadata }) => suite?.kube.delete(resources.CustomResourceDefinition, metadata.name))));

    const refused = async (wanted: string, options?: Parameters<Suite['bridge']>[1]): Promise<{ code: string; next?: string }> => {
      const { stdout } = await suite.bridge(['init', wanted, '--print', '-o', 'json'], options);
      return (JSON.parse(stdout) as { error: { code: string; next?: string } }).error;
    };

    test('what cannot be is told: no scale, no such kind, several, nothing of the name, no selector yet', async () => {
      expect(await Promise.all(['leaf/web', 'flag.one.e2e-targets.dev/web', 'fleet/web', 'fleet.one.e2e-targets.dev/none', target].map(async (wanted) => (await refused(wanted)).code)))
        .toEqual(['target-without-scale', 'target-kind-unknown', 'target-kind-ambiguous', 'target-not-found', 'target-unsupported']);
    });

    test('the pods of its scale are bridged, and those that come', async () => {
      await suite.kube.patch(fleets, 'web', { status: { replicas: 2, selector: 'app=web' } }, { namespace, subresource: 'status' });
      const summary = await suite.run(name, 'local', ['--target', target, '--port', 'http']);
      expect(summary.pods).toHaveLength(2);
      const address = await suite.addressOf('web');
      expect((await suite.prober.run('http', '--url', `http://${address}/`, '--count', '50')).byWho).toEqual({ local: 50 });
      expect((await suite.bridge(['list'])).stdout).toContain(target);
      const status = JSON.parse((await suite.bridge(['status', '-o', 'json'])).stdout) as { bridges: { target: unknown }[] };
      expect(status.bridges.map((bridge) => bridge.target)).toEqual([{ kind: 'Fleet', name: 'web', resource: 'fleets.v1alpha1.one.e2e-targets.dev', container: 'echo' }]);
      expect((await suite.bridge(['init', target, '--print'])).stdout).toContain(`target: ${target}`);
      // Another selector: what is no longer its own has the original again.
      await suite.kube.patch(fleets, 'web', { status: { selector: 'app=single' } }, { namespace, subresource: 'status' });
      await until('the new selector', async () => ((await suite.prober.run('http', '--url', 'http://single/', '--count', '20')).byWho.local === 20 ? true : undefined), 60_000);
      expect((await suite.prober.run('http', '--url', `http://${address}/`, '--count', '50')).byWho).toEqual({ original: 50 });
      await suite.stop(name);
    });

    test('whose scale may not be read: which right is missing, and how to ask for it', async () => {
      const person = await makeUser(suite.kube, suite.cluster, namespace, 'person');
      try {
        const { code, next = '' } = await refused(target, { kubeconfig: person.kubeconfigPath, context: person.context });
        expect(code).toBe('target-scale-forbidden');
        expect(next).toMatch(/auth can-i get fleets\.one\.e2e-targets\.dev --subresource scale -n e2e-targets$/m);
      } finally {
        await person.dispose();
      }
    });
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
