/** Many at once, and two who want the same in the same moment: one winner or both, and nothing half done. */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { execa } from 'execa';
import { labels, managedBy, names, systemNamespace } from '../../protocol/names.ts';
import { resources } from '../../cli/adapters/cluster/index.ts';
import { bridge, bridgeOk, type BridgeOptions, type BridgeRun } from '../support/bridge-command.ts';
import { grant, makeUser, type User } from '../support/user.ts';
import { untilServing } from '../support/serving.ts';
import { deployment, service } from '../workloads/manifests.ts';
import { setUpLimitMs, startSuite, testLimitMs, type Suite } from '../e2e/support/suite.ts';
import { long } from './form.ts';

jest.setTimeout(testLimitMs * (long ? 5 : 1));
const namespace = 'e2e-crowd';
const rounds = Array.from({ length: long ? 10 : 2 }, (_, index) => index + 1);
let suite: Suite;
let users: User[];
let address: string;

const as = (user: User): BridgeOptions => ({ kubeconfig: user.kubeconfigPath, context: user.context });
const start = (user: User, name: string, mark: string): Promise<BridgeRun> =>
  bridge(['run', '-d', '-o', 'json', '--image', suite.image, '-e', `WHO=${mark}`, '--target', 'deploy/web', '--port', 'http', '--name', name, '--mark', mark, '-n', namespace], as(user));
const who = async (mark: string): Promise<Record<string, number>> => (await suite.prober.run('http', '--url', `http://${address}/`, '--count', '20', '--header', `baggage: bridge=${mark}`)).byWho;

/** Of bridges and app containers of the namespace. */
async function standing(): Promise<string[]> {
  const [{ items }, { stdout }] = await Promise.all([
    suite.kube.list(resources.Bridge, { namespace }),
    execa('docker', ['ps', '--all', '--format', '{{.Names}}', '--filter', `label=${labels.managedBy}=${managedBy}`, '--filter', `label=${labels.namespace}=${namespace}`]),
  ]);
  return [...items.map(({ metadata }) => `bridge ${metadata.name}`), ...stdout.split('\n').filter(Boolean).map((name) => `container ${name}`)].sort();
}

beforeAll(async () => {
  suite = await startSuite(namespace, (image) => [deployment({ name: 'web', namespace, image, replicas: 2 }), service({ name: 'web', namespace })]);
  address = await suite.addressOf('web');
  users = await Promise.all(['ann', 'bob'].map(async (name) => {
    const user = await makeUser(suite.kube, suite.cluster, namespace, name);
    await Promise.all([namespace, systemNamespace].map((place) => grant(suite.kube, user, names.userRole, place)));
    return user;
  }));
}, setUpLimitMs);
afterAll(async () => {
  for (const user of users ?? []) {
    await bridge(['down'], as(user));
    await user.dispose();
  }
  await suite?.end();
}, setUpLimitMs);

const told = ({ exitCode, stdout, stderr }: BridgeRun): string => (exitCode === 0 ? 'runs' : (JSON.parse(stdout) as { error?: { code: string } }).error?.code ?? stderr);

test('ten runs at once, without a link before: ten bridges over one link, and ten stops at once leave nothing', async () => {
  const [ann] = users as [User, User];
  const marks = Array.from({ length: 10 }, (_, index) => `e2e-crowd-${index}`);
  expect((await Promise.all(marks.map((mark) => start(ann, mark, mark)))).map(told)).toEqual(marks.map(() => 'runs'));
  await Promise.all(marks.map((mark) => untilServing(suite.kube, namespace, mark)));
  expect(await standing()).toEqual([...marks.map((mark) => `bridge ${mark}`), ...marks.map((mark) => `container ${mark}`)].sort());
  expect(await Promise.all(marks.map(who))).toEqual(marks.map((mark) => ({ [mark]: 20 })));
  await Promise.all(marks.map((mark) => bridgeOk(['stop', mark, '-n', namespace], as(ann))));
  expect(await standing()).toEqual([]);
});

describe.each(rounds)('in the same moment, round %i', () => {
  const expectOneWinner = async (runs: BridgeRun[], losing: RegExp, candidates: { name: string; mark: string }[]): Promise<void> => {
    const ends = runs.map(told);
    expect(ends.filter((end) => end === 'runs')).toHaveLength(1);
    expect(ends.filter((end) => end !== 'runs').join()).toMatch(losing);
    const winner = candidates[ends.indexOf('runs')]!;
    await untilServing(suite.kube, namespace, winner.name);
    expect(await standing()).toEqual([`bridge ${winner.name}`, `container ${winner.name}`]);
    expect(await who(winner.mark)).toEqual({ [winner.mark]: 20 });
    for (const user of users) await bridge(['stop', winner.name, '-n', namespace], as(user));
    expect(await standing()).toEqual([]);
  };

  test('two users, the same name: one has it, the other is told', async () => {
    const runs = await Promise.all(users.map((user, index) => start(user, 'e2e-crowd-same', ['ann', 'bob'][index]!)));
    await expectOneWinner(runs, /^(bridge-exists|name-conflict)/, ['ann', 'bob'].map((mark) => ({ name: 'e2e-crowd-same', mark })));
  });

  test('two users, the same rule: one has the requests, the other is told', async () => {
    const runs = await Promise.all(users.map((user, index) => start(user, `e2e-crowd-rule-${index}`, 'same')));
    await expectOneWinner(runs, /^requests-taken/, [0, 1].map((index) => ({ name: `e2e-crowd-rule-${index}`, mark: 'same' })));
  });

  test('two users, the same target, rules of their own: both', async () => {
    const runs = await Promise.all(users.map((user, index) => start(user, `e2e-crowd-own-${index}`, `own-${index}`)));
    expect(runs.map(told)).toEqual(['runs', 'runs']);
    await Promise.all([0, 1].map((index) => untilServing(suite.kube, namespace, `e2e-crowd-own-${index}`)));
    expect(await Promise.all(['own-0', 'own-1'].map(who))).toEqual([{ 'own-0': 20 }, { 'own-1': 20 }]);
    await Promise.all(users.map((user, index) => bridgeOk(['stop', `e2e-crowd-own-${index}`, '-n', namespace], as(user))));
    expect(await standing()).toEqual([]);
  });

  test('one user twice, the same name: one of the two stands', async () => {
    const [ann] = users as [User, User];
    const runs = await Promise.all(['first', 'second'].map((mark) => start(ann, 'e2e-crowd-twice', mark)));
    await expectOneWinner(runs, /^(bridge-exists|name-conflict)/, ['first', 'second'].map((mark) => ({ name: 'e2e-crowd-twice', mark })));
  });
});
