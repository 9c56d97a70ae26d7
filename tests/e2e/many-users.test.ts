/** Twenty people on one Deployment, each with a link, a mark and a container of their own; and what happens when two want the same requests. */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { execa } from 'execa';
import { names, systemNamespace } from '../../protocol/names.ts';
import type { Bridge } from '../../protocol/objects.ts';
import { resources } from '../../cli/adapters/cluster/index.ts';
import { bridge, startBridge, type BridgeOptions } from '../support/bridge-command.ts';
import { grant, makeUser, type User } from '../support/user.ts';
import { until } from '../support/wait.ts';
import { deployment, service } from '../workloads/manifests.ts';
import { setUpLimitMs, startSuite, testLimitMs, type Suite } from './support/suite.ts';

jest.setTimeout(testLimitMs);
const namespace = 'e2e-many-users';
const people = Array.from({ length: 20 }, (_, index) => `user${String(index + 1).padStart(2, '0')}`);
/** So many commands at once are not slower than one after the other. */
const atOnce = 4;
/** Until the cluster has noticed that a link is silent, or is back. */
const silenceLimitMs = 60_000;
let suite: Suite;
let users: User[] = [];
let address: string;

const as = (user: User): BridgeOptions => ({ kubeconfig: user.kubeconfigPath, context: user.context });
const askAs = (mark: string, count = 30) => suite.prober.run('http', '--url', `http://${address}/`, '--connections', '1', '--count', String(count), '--header', `baggage: bridge=${mark}`);
const claim = (mark: string) => ['--target', 'deploy/web', '--port', 'http', '--mark', mark];

async function each<T>(items: readonly T[], act: (item: T) => Promise<unknown>): Promise<void> {
  const queue = [...items];
  await Promise.all(Array.from({ length: atOnce }, async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await act(item);
  }));
}

beforeAll(async () => {
  suite = await startSuite(namespace, (image) => [deployment({ name: 'web', namespace, image, replicas: 3 }), service({ name: 'web', namespace })]);
  address = await suite.addressOf('web');
  users = await Promise.all(people.map(async (person) => {
    const user = await makeUser(suite.kube, suite.cluster, namespace, person);
    await Promise.all([namespace, systemNamespace].map((place) => grant(suite.kube, user, names.userRole, place)));
    return user;
  }));
}, setUpLimitMs);
afterAll(async () => {
  await each(users, async (user) => {
    await bridge(['down'], as(user));
    await user.dispose();
  });
  await suite?.end();
});

describe('twenty users with twenty marks on three replicas', () => {
  test('every request is answered by the one whose mark it carries, and those without a mark by the original', async () => {
    await each(people.map((person, index) => ({ person, user: users[index]! })), ({ person, user }) => suite.run(`e2e-${person}`, person, claim(person), as(user)));
    const answers = await Promise.all([...people, 'nobody'].map((mark) => askAs(mark)));
    expect(answers.map(({ byWho }) => byWho)).toEqual([...people, 'original'].map((who) => ({ [who]: 30 })));
  });

  test('on one connection, mark after mark', async () => {
    for (const [index, person] of people.entries()) {
      const { byKind, failed } = await suite.prober.run('http', '--url', `http://${address}/`, '--connections', '1', '--count', '20', '--header', `baggage: bridge=${person}`, '--alternate', `baggage: bridge=${people[(index + 1) % people.length]}`);
      expect([failed, byKind.plain]).toEqual([0, { [person]: 10 }]);
    }
    await each(users.slice(2).map((user, index) => ({ user, person: people[index + 2]! })), ({ person, user }) => suite.stop(`e2e-${person}`, as(user)));
  });
});

describe('two users who want the same requests', () => {
  const first = 'user01';

  test('the second is refused, with the name of the first and what to change', async () => {
    const refused = await suite.bridge(['run', '-d', '-o', 'json', '--name', 'e2e-same', '--image', suite.image, ...claim(first)], as(users[1]!));
    expect(refused.exitCode).toBe(4);
    const { error } = JSON.parse(refused.stdout) as { error: { code: string; why: string; next: string } };
    expect(error).toMatchObject({ code: 'requests-taken', next: expect.stringContaining('--mark') });
    expect(error.why).toContain(`goes to bridge e2e-${first} of ${users[0]!.username} already`);
    expect((await askAs(first)).byWho).toEqual({ [first]: 30 });
    expect(await suite.kube.find(resources.Bridge, 'e2e-same', namespace)).toBeUndefined();
  });

  test('so is one who names the Service of the same pods, and one who would take all traffic beside another', async () => {
    const other = await suite.bridge(['run', '-d', '-o', 'json', '--name', 'e2e-same', '--image', suite.image, '--target', 'svc/web', '--port', '8080', '--mark', first], as(users[1]!));
    expect([other.exitCode, other.stdout]).toEqual([4, expect.stringContaining('requests-taken')]);
    // All traffic and a mark go together: the mark is the more specific.
    await suite.run('e2e-all', 'all', ['--target', 'deploy/web', '--port', 'http'], as(users[1]!));
    const global = await suite.bridge(['run', '-d', '-o', 'json', '--name', 'e2e-same', '--image', suite.image, '--target', 'deploy/web', '--port', 'http'], as(users[0]!));
    expect([global.exitCode, global.stdout]).toEqual([4, expect.stringContaining('all traffic on port 8080 goes to bridge e2e-all')]);
    expect([(await askAs(first)).byWho, (await askAs('nobody')).byWho]).toEqual([{ [first]: 30 }, { all: 30 }]);
    await suite.stop('e2e-all', as(users[1]!));
  });

  test('a silent link can be taken over from; its owner is told, and has his requests again when the other ends', async () => {
    await suite.stop(`e2e-${first}`, as(users[0]!));
    const run = startBridge(['run', '--progress', 'plain', '--name', `e2e-${first}`, '--image', suite.image, '-e', `WHO=${first}`, '-n', namespace, ...claim(first)], as(users[0]!));
    let story = '';
    run.all.on('data', (chunk: Buffer) => { story += chunk.toString(); });
    try {
      const state = () => suite.kube.find<Bridge>(resources.Bridge, `e2e-${first}`, namespace);
      const { spec: { client } } = await until('the first bridge', async () => { const found = await state(); return found?.status?.phase === 'Ready' ? found : undefined; }, silenceLimitMs);
      await until('the run to stand', async () => (story.includes('Bridged:') ? true : undefined), silenceLimitMs);
      const cargo = (await execa('docker', ['ps', '--quiet', '--filter', `label=podbridge.dev/link=${client}`, '--filter', 'label=podbridge.dev/role=cargo'])).stdout.trim();
      await execa('docker', ['pause', cargo]);
      await until('the silence to be noticed', async () => ((await state())?.status?.phase === 'Suspended' ? true : undefined), silenceLimitMs);
      const offered = await suite.bridge(['run', '-d', '-o', 'json', '--name', 'e2e-taker', '--image', suite.image, ...claim(first)], as(users[1]!));
      expect([offered.exitCode, offered.stdout]).toEqual([4, expect.stringContaining('repeat the command with --take-over')]);
      await suite.run('e2e-taker', 'taker', [...claim(first), '--take-over'], as(users[1]!));
      await execa('docker', ['unpause', cargo]);
      await until('the loser to be told', async () => (story.includes('has taken over') ? true : undefined), silenceLimitMs);
      const told = await state();
      if (told === undefined) throw new Error(`the bridge is gone:\n${story}`);
      expect(told.status?.conditions?.find(({ type }) => type === 'Ready')).toMatchObject({ reason: 'TakenOver', message: expect.stringContaining(users[1]!.username) });
      expect((await askAs(first)).byWho).toEqual({ taker: 30 });
      await suite.stop('e2e-taker', as(users[1]!));
      await until('the first to be back', async () => ((await askAs(first, 10)).byWho[first] === 10 ? true : undefined), silenceLimitMs);
    } finally {
      run.kill('SIGINT');
      await run;
    }
  });
});
