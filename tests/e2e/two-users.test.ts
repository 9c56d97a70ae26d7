/** Two people on one Deployment, each with a link, a mark and a container of their own. */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { labels, names, systemNamespace } from '../../protocol/names.ts';
import type { Bridge } from '../../protocol/objects.ts';
import { resources, type KubeObject } from '../../cli/adapters/cluster/index.ts';
import { bridge, bridgeOk } from '../support/bridge-command.ts';
import { runningPods } from '../support/nodes.ts';
import { grant, makeUser, type User } from '../support/user.ts';
import { until } from '../support/wait.ts';
import { deployment, service } from '../workloads/manifests.ts';
import { setUpLimitMs, startSuite, testLimitMs, type Suite } from './support/suite.ts';

jest.setTimeout(testLimitMs);
const namespace = 'e2e-two-users';
let suite: Suite;
let ann: User;
let bob: User;
let address: string;

const as = (user: User) => ({ kubeconfig: user.kubeconfigPath, context: user.context });
const probe = (...headers: string[]) => suite.prober.run('http', '--url', `http://${address}/`, '--connections', '1', '--count', '100', ...headers.flatMap((header) => ['--header', header]));
const bridgeOf = (who: string) => ['--target', 'deploy/web', '--port', 'http', '--mark', who];

beforeAll(async () => {
  suite = await startSuite(namespace, (image) => [deployment({ name: 'web', namespace, image, replicas: 2 }), service({ name: 'web', namespace })]);
  address = await suite.addressOf('web');
  const people = await Promise.all(['ann', 'bob'].map(async (person) => {
    const user = await makeUser(suite.kube, suite.cluster, namespace, person);
    await Promise.all([namespace, systemNamespace].map((place) => grant(suite.kube, user, names.userRole, place)));
    return user;
  }));
  [ann, bob] = people as [User, User];
}, setUpLimitMs);
afterAll(async () => {
  for (const user of [ann, bob]) {
    if (user === undefined) continue;
    await bridge(['down'], as(user));
    await user.dispose();
  }
  await suite?.end();
});

describe('two users with nothing but the user role', () => {
  test('bridge the same Deployment at the same time, each over an own link', async () => {
    const [mine, yours] = await Promise.all([suite.run('e2e-ann', 'ann', bridgeOf('ann'), as(ann)), suite.run('e2e-bob', 'bob', bridgeOf('bob'), as(bob))]);
    expect(mine.link.client).not.toBe(yours.link.client);
  });

  test('each gets the requests with the own mark, nobody the others', async () => {
    const [anns, bobs, plain] = await Promise.all([probe('baggage: bridge=ann'), probe('baggage: k=v,bridge=bob'), probe()]);
    expect([anns.byWho, bobs.byWho, plain.byWho]).toEqual([{ ann: 100 }, { bob: 100 }, { original: 100 }]);
  });

  test('both are listed with their owners', async () => {
    const { stdout } = await bridgeOk(['list', '-n', namespace], as(ann));
    expect(stdout).toMatch(/e2e-ann.*ann/);
    expect(stdout).toMatch(/e2e-bob.*bob/);
  });

  test('nobody can stop what another has made', async () => {
    const refused = await bridge(['stop', 'e2e-bob', '-n', namespace], as(ann));
    expect(refused.exitCode).not.toBe(0);
    expect((await probe('baggage: bridge=bob')).byWho).toEqual({ bob: 100 });
  });

  test('one who makes forty bridges with all the ports and rules that fit takes nothing from the other, and is told what is too much', async () => {
    const { spec: { client, owner, target } } = await suite.kube.get<Bridge>(resources.Bridge, 'e2e-bob', namespace);
    const ports = Array.from({ length: 64 }, (_, index) => ({ port: 9100 + index, protocol: 'TCP', local: 80 }));
    const heavy = Array.from({ length: 40 }, (_, index) => `e2e-heavy-${index}`);
    const all = async (): Promise<Bridge[]> => (await suite.kube.list<Bridge>(resources.Bridge, { namespace })).items.filter(({ metadata }) => heavy.includes(metadata.name));
    const restarts = async (): Promise<number[]> => (await runningPods(suite.kube, systemNamespace, `${labels.component}=agent`)).map(({ status }) => status.containerStatuses?.[0]?.restartCount ?? -1);
    const before = await restarts();
    const anns = await suite.prober.start('http', '--url', `http://${address}/`, '--rate', '50', '--duration', '120s', '--timeout', '30s', '--header', 'baggage: bridge=ann');
    try {
      await Promise.all(heavy.map(async (name) => await bob.kube.create({
        apiVersion: 'podbridge.dev/v1alpha1', kind: 'Bridge', metadata: { name, namespace },
        spec: { owner, client, target, ports, rules: Array.from({ length: 16 }, (_, rule) => ({ headers: [{ name: 'x-heavy', match: 'exact', value: `${name}-${rule}-${'v'.repeat(180)}` }] })) },
      } as KubeObject)));
      const told = await until('all are judged', async () => {
        const found = (await all()).map(({ status }) => ({ ready: status?.phase === 'Ready', why: status?.conditions?.find(({ type }) => type === 'Ready') }));
        const [shareless, left, ready] = [found.filter(({ why }) => why?.reason === 'HubPortShare'), found.filter(({ why }) => why?.message?.includes('more rules times ports') === true), found.filter((each) => each.ready)];
        return ready.length > 0 && shareless.length + left.length + ready.length === heavy.length ? { shareless: shareless.length, left: left.length } : undefined;
      }, 90_000);
      expect(told.shareless).toBe(9);
      expect(told.left).toBeGreaterThan(25);
    } finally {
      await Promise.all(heavy.map(async (name) => await bob.kube.delete(resources.Bridge, name, { namespace })));
    }
    const { failed, byWho, total } = await anns.stop();
    expect(failed).toBe(0);
    // Checks of the container that a busy machine answers late send some to the original, as always.
    expect(byWho.ann ?? 0).toBeGreaterThan(0.9 * total);
    expect(await restarts()).toEqual(before);
  });

  test('removing one leaves the other', async () => {
    const kept = await suite.prober.start('http', '--url', `http://${address}/`, '--rate', '50', '--duration', '60s', '--header', 'baggage: bridge=bob');
    await suite.stop('e2e-ann', as(ann));
    expect((await probe('baggage: bridge=ann')).byWho).toEqual({ original: 100 });
    const report = await kept.stop();
    expect(report.failed).toBe(0);
    expect(Object.keys(report.byWho)).toEqual(['bob']);
    await suite.stop('e2e-bob', as(bob));
    expect((await probe('baggage: bridge=bob')).byWho).toEqual({ original: 100 });
  });
});
