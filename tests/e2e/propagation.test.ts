/** Where a mark gets lost, on the example shop: as it is, and with baggage switched off in one service. */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { buildShop, shopImages } from '../../examples/shop/build.ts';
import { policyAnnotations } from '../../protocol/policy.ts';
import { resources } from '../../cli/adapters/cluster/index.ts';
import type { Verdict } from '../../cli/propagation/verdict.ts';
import { loadImages } from '../cluster/index.ts';
import { applyAll } from '../support/namespace.ts';
import { shopManifests } from '../support/shop.ts';
import { until, untilReady } from '../support/wait.ts';
import { enforceRestricted } from '../workloads/manifests.ts';
import { setUpLimitMs, startSuite, testLimitMs, type Suite } from './support/suite.ts';

jest.setTimeout(testLimitMs);
const namespace = 'e2e-propagation';
const limitMs = 60_000;
const chain = ['deploy/web', 'deploy/api', 'deploy/orders'];
let suite: Suite;

beforeAll(async () => {
  await buildShop();
  suite = await startSuite(namespace, () => [], enforceRestricted);
  await loadImages(suite.cluster, shopImages);
  await applyAll(suite.kube, await shopManifests(namespace));
}, setUpLimitMs);
afterAll(() => suite?.end());

interface Checked extends Verdict {
  statuses: number[];
  unwatched: { workload: string; why: string }[];
}

async function check(...workloads: string[]): Promise<Checked & { exitCode: number | undefined }> {
  const run = await suite.bridge(['propagation', 'check', '--entry', 'svc/web', '--path', '/view', '-o', 'json', ...workloads]);
  return { exitCode: run.exitCode, ...JSON.parse(run.stdout) as Checked };
}
const generations = async () => (await suite.kube.list(resources.Deployment, { namespace })).items.map(({ metadata }) => `${metadata.name} ${metadata.generation}`);

test('the shop as it is: the mark arrives everywhere; nothing changes and nothing stays', async () => {
  const before = await generations();
  const { exitCode, hops, drops, statuses } = await check(...chain);
  expect({ exitCode, drops, hops: hops.map(({ workload, state, marked }) => `${workload} ${state} ${marked}`) }).toEqual({ exitCode: 0, drops: [], hops: chain.map((workload) => `${workload} arrived 5`) });
  expect(statuses).toEqual([200, 200, 200, 200, 200]);
  expect(await generations()).toEqual(before);
  expect((await suite.kube.list(resources.Bridge, { namespace })).items).toEqual([]);
});

test('without baggage in api: it is named, with the advice', async () => {
  await suite.kube.patch(resources.Deployment, 'api', { spec: { template: { spec: { containers: [{ name: 'api', env: [{ name: 'OTEL_PROPAGATORS', value: 'tracecontext' }] }] } } } }, { namespace, strategy: 'strategic' });
  await untilReady(suite.kube, [{ type: resources.Deployment, name: 'api', namespace }]);
  // All that has ports: Redis too, which no request of the check reaches as HTTP.
  const { exitCode, hops, drops } = await check();
  expect({ exitCode, drops }).toEqual({ exitCode: 3, drops: [{ by: 'deploy/api', to: 'deploy/orders', traced: true }] });
  expect(Object.fromEntries(hops.map(({ workload, state }) => [workload, state]))).toEqual({ 'deploy/web': 'arrived', 'deploy/api': 'arrived', 'deploy/orders': 'lost', 'deploy/redis': 'not-reached' });
  const { stdout } = await suite.bridge(['propagation', 'check', '--entry', 'svc/web', '--path', '/view', '--count', '2', ...chain]);
  expect(stdout).toContain('deploy/api drops the mark on the way to deploy/orders. It passes the trace context on, but not the baggage');
});

test('switched off in web: only web is to blame, also for what lies behind the next one', async () => {
  await suite.kube.patch(resources.Deployment, 'web', { spec: { template: { spec: { containers: [{ name: 'web', env: [{ name: 'OTEL_SDK_DISABLED', value: 'true' }] }] } } } }, { namespace, strategy: 'strategic' });
  await untilReady(suite.kube, [{ type: resources.Deployment, name: 'web', namespace }]);
  const { exitCode, drops, hops } = await check(...chain);
  expect({ exitCode, drops }).toEqual({ exitCode: 3, drops: [{ by: 'deploy/web', to: 'deploy/api', traced: false }] });
  expect(hops.find(({ workload }) => workload === 'deploy/orders')).toMatchObject({ state: 'lost', callers: ['deploy/api'] });
});

test('a workload that the policy forbids is left out and told, and the others are watched', async () => {
  const allow = (targets: string | null): Promise<unknown> => suite.kube.patch(resources.Namespace, namespace, { metadata: { annotations: { [policyAnnotations.forbiddenTargets]: targets } } });
  await allow('deploy/api');
  try {
    // Policies come out of a cache, for a moment.
    const unwatched = await until('the policy is in force', async () => { const found = (await check('deploy/web', 'deploy/api')).unwatched; return found.length > 0 ? found : undefined; }, limitMs);
    expect(unwatched).toEqual([{ workload: 'deploy/api', why: expect.stringContaining('deploy/api') }]);
    const { exitCode, stdout } = await suite.bridge(['propagation', 'check', '--entry', 'svc/web', '--path', '/view', '-o', 'json', 'deploy/api']);
    expect([exitCode, JSON.parse(stdout)]).toMatchObject([4, { error: { code: 'policy-refused' } }]);
  } finally {
    await allow(null);
  }
});

test('an entry that nobody answers at is told from marks that get lost', async () => {
  const { exitCode, stdout } = await suite.bridge(['propagation', 'check', '--entry', 'http://nobody.invalid/', '--count', '1', '-o', 'json', 'deploy/web']);
  expect([exitCode, JSON.parse(stdout)]).toMatchObject([3, { error: { code: 'entry-silent', next: 'bridge curl http://nobody.invalid/' } }]);
});
