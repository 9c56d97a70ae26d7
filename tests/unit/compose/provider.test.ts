/** The provider as Compose speaks with it: lines of JSON, and nothing else on standard output. */
import { describe, expect, test } from '@jest/globals';
import { asComposeProvider, isProviderCall } from '../../../cli/compose-provider.ts';
import { optionsHash, providerReporter, providerVariables, providerWords, standing, takesWords } from '../../../cli/compose/provider.ts';
import type { KubeObject } from '../../../cli/adapters/cluster/index.ts';
import type { Options, OptionSpec } from '../../../cli/command.ts';
import { Steps } from '../../../cli/steps/steps.ts';
import type { Identity } from '../../../protocol/identity.ts';
import { labels } from '../../../protocol/names.ts';
import type { Bridge } from '../../../protocol/objects.ts';
import { fakeHost } from '../cli/fake-host.ts';
import { fakeCluster } from '../support/fake-cluster.ts';
import { fakeDocker } from '../support/fake-docker.ts';

test.each([[['compose', 'metadata'], true], [['compose', '--project-name=shop', 'up', 'cluster'], true], [['compose', 'up', '-d'], false], [['run'], false]])('%j is Compose\'s way to call: %s', (argv, is) => expect(isProviderCall(argv)).toBe(is));

async function call(...argv: string[]): Promise<{ exitCode: number; lines: Record<string, unknown>[] }> {
  const host = { ...fakeHost(), argv };
  const exitCode = await asComposeProvider(host);
  return { exitCode, lines: host.out().split('\n').filter(Boolean).map((line) => JSON.parse(line) as Record<string, unknown>) };
}

test('metadata shows the options, and nothing that Compose looks for: it would leave out, without a word, what is not named there', async () => {
  const { exitCode, lines: [metadata] } = await call('compose', 'metadata');
  const { parameters } = metadata as { parameters: { name: string }[] };
  expect({ exitCode, keys: Object.keys(metadata!) }).toEqual({ exitCode: 0, keys: ['parameters'] });
  expect(parameters).toEqual(expect.arrayContaining([expect.objectContaining({ name: 'target', type: 'string', required: false }), expect.objectContaining({ name: 'mode', enum: 'steal,mirror', default: 'steal' }), expect.objectContaining({ name: 'take-over', type: 'boolean' })]));
  expect(parameters.map(({ name }) => name)).not.toEqual(expect.arrayContaining(['image']));
});

describe('what fails is one error, with its reason', () => {
  test.each([
    [['up', '--marc=ann', '--target=deploy/api', '--image=x', 'cluster'], /2 mistakes: services\.cluster\.provider\.options\.marc: there is no such option; did you mean mark\?; services\.cluster\.provider\.options\.image: there is no such option/],
    [['up', '--take-over=maybe', 'cluster'], /options\.take-over: true or false belongs here/], [['up', '--mode=no', 'cluster'], /must be one of/], [['up'], /missing required argument/],
  ])('%j', async (words, message) => {
    expect(await call('compose', '--project-name=shop', ...words)).toEqual({ exitCode: 1, lines: [{ type: 'error', message: expect.stringMatching(message) }] });
  });
});

const offered: OptionSpec[] = [{ name: 'target', description: '', value: { placeholder: 'X' } }, { name: 'mark', description: '', value: { placeholder: 'X' }, repeatable: true }, { name: 'take-over', description: '' }, { name: 'context', description: '', value: { placeholder: 'X' } }, { name: 'project-name', description: '', value: { placeholder: 'X' } }];

test('an option that there is not', () => expect(() => providerWords(['--project-name=p', 'up', '--marc=ann', 's'], offered)).toThrow(expect.objectContaining({ facts: expect.objectContaining({ code: 'provider-invalid' }) })));

test.each([
  [['--project-name=p', 'up', '--target=deploy/a=b', '--take-over=true', 's'], ['--project-name=p', 'up', '--target=deploy/a=b', '--take-over', 's']],
  [['--project-name=p', 'up', '--take-over=false', 's'], ['--project-name=p', 'up', 's']],
  [['--project-name=p', 'down', '--marc=ann', '--context=lab', '--target=x', 's'], ['--project-name=p', 'down', '--context=lab', 's']],
])('the words of Compose %j are the command line %j', (words, line) => expect(providerWords(words, offered)).toEqual(line));

test('another label for other options, the same for what is not of the bridge', () => {
  const hash = (options: Options, namespace = 'shop') => optionsHash(options, offered, namespace);
  const first = hash({ target: 'deploy/api', mark: ['ann'], context: 'lab' });
  expect(first).toBe(hash({ mark: ['ann'], target: 'deploy/api', context: 'other' }));
  expect(new Set([first, hash({ target: 'deploy/api', mark: ['ben'] }), hash({ target: 'deploy/api' }), hash({ target: 'deploy/api', mark: ['ann'], takeOver: true }), hash({ target: 'deploy/api', mark: ['ann'] }, 'other')]).size).toBe(5);
  expect(first).not.toContain('ann');
  expect(optionsHash({ target: 'deploy/api', mark: ['ann'], mode: 'steal' }, [...offered, { name: 'mode', description: '', value: { placeholder: 'X' }, default: 'steal' }], 'shop')).toBe(first);
});

test.each([
  [{}, 'takes ALL requests of deployment api'], [{ rules: [{ mark: 'ann' }] }, 'takes requests with mark ann of deployment api'], [{ mode: 'mirror' }, 'takes copies of ALL requests of deployment api'],
  [{ ports: [] }, 'has the environment and network of deployment api; takes no requests'],
])('%j: %s', (spec, words) => expect(takesWords({ spec: { target: { kind: 'Deployment', name: 'api' }, ports: [{ port: 80, protocol: 'TCP', local: 80 }], ...spec } } as unknown as Bridge)).toBe(words));

describe('what stands of an earlier up', () => {
  const link = 'ann-00000a';
  async function world({ hash = 'same', of = link, tied = false } = {}) {
    const [docker, cluster] = [fakeDocker(), fakeCluster()];
    docker.state.images.set('x', 'sha256:x');
    const id = await docker.containers.create({ name: 'shop-cluster', image: 'x', labels: { [labels.role]: 'app', [labels.link]: of, [labels.bridge]: 'shop-cluster-ann', [labels.namespace]: 'shop', [labels.bridgeUid]: 'u', [labels.options]: hash } });
    await docker.containers.start(id);
    if (tied) {
      const app = await docker.containers.create({ name: 'shop-app-1', image: 'x', labels: {} });
      Object.assign(docker.state.containers.get(app)!, { networkOf: id });
    }
    cluster.objects.set('Bridge shop/shop-cluster-ann', { apiVersion: 'podbridge.dev/v1alpha1', kind: 'Bridge', metadata: { name: 'shop-cluster-ann', namespace: 'shop', uid: 'u' }, spec: { target: { kind: 'Deployment', name: 'api' }, ports: [] }, status: {} } as KubeObject);
    const checked: string[] = [];
    return { checked, left: () => [...docker.state.containers.values()].map(({ name }) => name), ask: () => standing({ docker, cluster, steps: new Steps({ emit: () => undefined }, () => 0), link }, 'shop-cluster', 'same', async () => checked.push('new')) };
  }

  test('the same options: it stays', async () => {
    const { ask, left, checked } = await world();
    expect(await ask()).toMatchObject({ container: { name: 'shop-cluster' }, bridge: { metadata: { uid: 'u' } } });
    expect([left(), checked]).toEqual([['shop-cluster'], []]);
  });
  test('other options: the new one is looked at, then the old one goes', async () => {
    const { ask, left, checked } = await world({ hash: 'other' });
    expect(await ask()).toBeUndefined();
    expect([left(), checked]).toEqual([[], ['new']]);
  });
  test('other options, and containers in its network: nothing is lost, and what to do is told', async () => {
    const { ask, left } = await world({ hash: 'other', tied: true });
    await expect(ask()).rejects.toMatchObject({ facts: { code: 'provider-changed', why: expect.stringContaining('shop-app-1'), next: 'docker compose down, then docker compose up again' } });
    expect(left()).toEqual(['shop-cluster', 'shop-app-1']);
  });
  test('of another cluster', async () => {
    const { ask, left } = await world({ of: 'ann-ffffff' });
    await expect(ask()).rejects.toMatchObject({ facts: { code: 'provider-elsewhere', why: expect.stringContaining('ann-ffffff') } });
    expect(left()).toEqual(['shop-cluster']);
  });
});

test('steps are infos, what they wait for is for debugging', () => {
  const host = fakeHost();
  const reporter = providerReporter(host);
  reporter.emit({ type: 'step-started', id: 'a', title: 'Connect', at: 0 });
  reporter.emit({ type: 'step-waiting', id: 'a', waitingFor: 'the hub', at: 0 });
  reporter.emit({ type: 'step-done', id: 'a', title: 'Connect', elapsedMs: 1, at: 1 });
  expect(host.out().trim().split('\n').map((line) => JSON.parse(line) as unknown)).toEqual([{ type: 'info', message: 'Connect' }, { type: 'debug', message: 'the hub' }]);
});

test('variables of the pod, without those of its image and place', () => {
  const identity = { env: [['COLOR', 'green'], ['PATH', '/bin'], ['OTEL_X', '1'], ['LINES', 'a\nb']] } as unknown as Identity;
  expect(providerVariables(identity, { only: [], except: ['OTEL_*'] })).toEqual(['COLOR=green', 'LINES=a\nb']);
  expect(providerVariables(undefined, undefined)).toEqual([]);
});
