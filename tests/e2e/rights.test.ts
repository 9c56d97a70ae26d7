/**
 * What people may do: a stranger to the namespace gets nothing and is told which right is missing; a colleague with the same
 * rights gets nothing of what is somebody else's; and the bridge that all this is tried on does not lose a request meanwhile.
 */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { execa } from 'execa';
import { groupVersion, names, systemNamespace } from '../../protocol/names.ts';
import type { Bridge, Client } from '../../protocol/objects.ts';
import { resources } from '../../cli/adapters/cluster/index.ts';
import { ownerSlug } from '../../cli/bridge/owner-slug.ts';
import { isBridgeError } from '../../cli/errors.ts';
import { kubectlFor } from '../cluster/kubectl.ts';
import { bridge, type BridgeRun } from '../support/bridge-command.ts';
import type { RunningProbe } from '../support/prober.ts';
import { grant, makeUser, type User } from '../support/user.ts';
import { until } from '../support/wait.ts';
import { deployment, secret, service } from '../workloads/manifests.ts';
import { setUpLimitMs, startSuite, testLimitMs, type Suite } from './support/suite.ts';

jest.setTimeout(testLimitMs);
const namespace = 'e2e-rights';
const name = 'e2e-rights';
const password = 'planted-in-e2e-rights';
const saidLimitMs = 30_000;
let suite: Suite;
/** May have a link, but has no right in the namespace. */
let stranger: User;
/** Has the same rights as the owner of the bridge. */
let colleague: User;
let nobody: User;
let kubectl: string;
let probe: RunningProbe;

const as = ({ kubeconfigPath, context }: User) => ({ kubeconfig: kubeconfigPath, context });
const bridgeNow = (): Promise<Bridge> => suite.kube.get<Bridge>(resources.Bridge, name, namespace);

interface Told { code: string; what: string; why?: string; next?: string }
const told = ({ stdout }: BridgeRun): Told => (JSON.parse(stdout) as { error: Told }).error;

/** `allowed`, or what the API server said against it. */
async function refusal(action: Promise<unknown>): Promise<string> {
  try {
    await action;
  } catch (error) {
    if (isBridgeError(error)) return `${error.facts.code}: ${error.facts.detail}`;
    throw error;
  }
  return 'allowed';
}

/** Types the line that an error offers. */
async function paste(line: string, kubeconfig: string): Promise<{ exitCode: number | undefined; stdout: string; stderr: string }> {
  const [program, ...args] = line.split(' ');
  expect(program).toBe('kubectl');
  const { exitCode, stdout, stderr } = await execa(kubectl, args, { reject: false, env: { KUBECONFIG: kubeconfig } });
  return { exitCode, stdout, stderr };
}

beforeAll(async () => {
  suite = await startSuite(namespace, (image) => [
    secret('keys', namespace, { PASSWORD: password }),
    deployment({ name: 'web', namespace, image, envFrom: [{ secretRef: { name: 'keys' } }] }), service({ name: 'web', namespace }),
  ]);
  kubectl = await kubectlFor(suite.cluster);
  [stranger, colleague, nobody] = await Promise.all(['stranger', 'colleague', 'nobody'].map((person) => makeUser(suite.kube, suite.cluster, namespace, person))) as [User, User, User];
  await Promise.all([grant(suite.kube, stranger, names.userRole, systemNamespace), ...[namespace, systemNamespace].map((place) => grant(suite.kube, colleague, names.userRole, place))]);
  await suite.run(name, 'owner', ['--target', 'deploy/web', '--port', 'http']);
  probe = await suite.prober.start('http', '--url', `http://${await suite.addressOf('web')}/`, '--rate', '50', '--duration', '170s');
}, setUpLimitMs);

afterAll(async () => {
  for (const user of [stranger, colleague, nobody]) {
    if (user === undefined) continue;
    await bridge(['down'], as(user));
    await user.dispose();
  }
  await suite?.end();
});

describe('who has no right in the namespace', () => {
  const commands: [command: string, args: () => string[], missing: string][] = [
    ['run --target deploy/web', () => ['run', '-d', '--image', suite.image, '--target', 'deploy/web'], 'get deployments.apps'],
    ['run --target svc/web', () => ['run', '-d', '--image', suite.image, '--target', 'svc/web'], 'get services'],
    ['env deploy/web', () => ['env', 'deploy/web'], 'get deployments.apps'],
    ['list', () => ['list'], 'list bridges.podbridge.dev'],
    ['stop', () => ['stop', name], 'get bridges.podbridge.dev'],
    ['logs', () => ['logs', name], 'get bridges.podbridge.dev'],
  ];
  test.each(commands)('is told by bridge %s which right is missing, and how to ask for it', async (_, args, missing) => {
    const run = await suite.bridge([...args(), '-o', 'json'], as(stranger));
    const error = told(run);
    expect({ exitCode: run.exitCode, code: error.code }).toEqual({ exitCode: 4, code: 'cluster-forbidden' });
    expect(error.what).toContain(missing);
    expect(error.next).toMatch(new RegExp(String.raw`^kubectl .*auth can-i ${missing} -n ${namespace}$`, 'm'));
    // The first line can be pasted, and says the same; the other one is for an administrator.
    const [question, ...others] = error.next!.split('\n');
    expect((await paste(question!, stranger.kubeconfigPath)).stdout).toBe('no');
    for (const other of others) expect(other).toMatch(/^ask an administrator for: kubectl create rolebinding /);
    expect(run.stdout + run.stderr).not.toContain(password);
  });

  test('cannot make a bridge there without the command either', async () => {
    const forged: Bridge = { apiVersion: groupVersion, kind: 'Bridge', metadata: { name: 'forged', namespace }, spec: { owner: stranger.username, client: 'none', target: { kind: 'Deployment', name: 'web', container: 'echo' }, ports: [] } };
    await expect(refusal(stranger.kube.create(forged))).resolves.toMatch(/^cluster-forbidden/);
  });

  test('without any right gets the line for the administrator, and it is the right one', async () => {
    const run = await bridge(['up', '-o', 'json'], as(nobody));
    const { code, next } = told(run);
    expect({ exitCode: run.exitCode, code }).toEqual({ exitCode: 4, code: 'not-allowed' });
    const line = /kubectl create rolebinding .*$/.exec(next ?? '')?.[0] ?? '';
    expect(await paste(line, suite.admin.kubeconfig)).toMatchObject({ exitCode: 0 });
    await expect(nobody.kube.can({ verb: 'create', resource: 'clients.podbridge.dev', namespace: systemNamespace })).resolves.toBe(true);
    await expect(nobody.kube.can({ verb: 'create', resource: 'bridges.podbridge.dev', namespace })).resolves.toBe(false);
  });
});

describe('who has the same rights as the owner', () => {
  test('cannot stop the bridge, nor take its name, and is told whose it is', async () => {
    const stop = await suite.bridge(['stop', name, '-o', 'json'], as(colleague));
    expect([stop.exitCode, told(stop).code, told(stop).why]).toEqual([4, 'cluster-denied', expect.stringMatching(/only its owner/)]);
    const again = await suite.bridge(['run', '-d', '-o', 'json', '--image', suite.image, '--target', 'deploy/web', '--port', 'http', '--name', name], as(colleague));
    expect([again.exitCode, told(again).code, told(again).why]).toEqual([4, 'bridge-exists', expect.stringContaining(suite.username)]);
  });

  test('cannot alter bridge or link of the owner in any way', async () => {
    const { spec: { client } } = await bridgeNow();
    const foreign = /^cluster-denied.*only its owner/s;
    for (const spec of [{ state: 'Draining' }, { rules: [{ mark: 'mine' }] }, { ports: [] }]) {
      await expect(refusal(colleague.kube.patch(resources.Bridge, name, { spec }, { namespace }))).resolves.toMatch(foreign);
    }
    await expect(refusal(colleague.kube.patch(resources.Bridge, name, { metadata: { ownerReferences: [], labels: { mine: 'yes' }, finalizers: ['example.com/mine'] } }, { namespace }))).resolves.toMatch(foreign);
    await expect(refusal(colleague.kube.delete(resources.Bridge, name, { namespace }))).resolves.toMatch(foreign);
    await expect(refusal(colleague.kube.patch(resources.Client, client, { spec: { publicKey: Buffer.alloc(32, 7).toString('base64') } }, { namespace: systemNamespace }))).resolves.toMatch(foreign);
    await expect(refusal(colleague.kube.patch(resources.Client, client, { spec: { ttl: '1s' } }, { namespace: systemNamespace }))).resolves.toMatch(foreign);
    await expect(refusal(colleague.kube.delete(resources.Client, client, { namespace: systemNamespace }))).resolves.toMatch(foreign);
    for (const [type, object, place] of [[resources.Bridge, name, namespace], [resources.Client, client, systemNamespace]] as const) {
      await expect(refusal(colleague.kube.patch(type, object, { status: {} }, { namespace: place, subresource: 'status' }))).resolves.toMatch(/^cluster-(forbidden|denied)/);
    }
  });

  test('cannot make anything in the name of the owner', async () => {
    const forged = (spec: Partial<Bridge['spec']>): Bridge => ({
      apiVersion: groupVersion, kind: 'Bridge', metadata: { name: 'forged', namespace },
      spec: { owner: suite.username, client: 'none', target: { kind: 'Deployment', name: 'web', container: 'echo' }, ports: [], ...spec },
    });
    await expect(refusal(colleague.kube.create(forged({})))).resolves.toMatch(/^cluster-denied.*spec\.owner must be the user/s);
    // Nor send traffic into the owner's link: the cluster's parts look at the owner of both.
    const { spec: { client } } = await bridgeNow();
    await colleague.kube.create(forged({ owner: colleague.username, client, ports: [{ port: 8080, protocol: 'TCP', local: 8080 }], rules: [{ mark: 'mine' }] }));
    const status = await until('the controller has refused it', async () => {
      const { status: said } = await suite.kube.get<Bridge>(resources.Bridge, 'forged', namespace);
      return said?.phase === 'Failed' ? said : undefined;
    }, saidLimitMs);
    expect(status.conditions?.find(({ type }) => type === 'Ready')).toMatchObject({ reason: 'ClientOfAnotherOwner' });
    expect(status.pods ?? []).toEqual([]);
    await colleague.kube.delete(resources.Bridge, 'forged', { namespace });
  });

  test('cannot take the name of the owner\'s link, also while that is down: it begins with the user\'s own name, whatever that looks like', async () => {
    const group = 'e2e-rights-odd-names';
    const admin = (...args: string[]) => execa(kubectl, args, { reject: false, env: { KUBECONFIG: suite.admin.kubeconfig } });
    await admin('-n', systemNamespace, 'create', 'rolebinding', group, `--clusterrole=${names.userRole}`, `--group=${group}`);
    try {
      for (const username of [colleague.username, 'ann@example.com', "Ann O'Hara", '???', 'x'.repeat(40), `${'x'.repeat(19)}-y`, 'ci:runner:']) {
        const make = async (name: string): Promise<string> => {
          const client: Client = { apiVersion: groupVersion, kind: 'Client', metadata: { name, namespace: systemNamespace }, spec: { owner: username, publicKey: Buffer.alloc(32, 7).toString('base64') } };
          const { exitCode, stderr } = await execa(kubectl, ['create', '--dry-run=server', '-f', '-', `--as=${username}`, `--as-group=${group}`], { reject: false, env: { KUBECONFIG: suite.admin.kubeconfig }, input: JSON.stringify(client) });
          return exitCode === 0 ? 'made' : stderr;
        };
        expect([username, await make(`${ownerSlug(username)}-0a1b2c`)]).toEqual([username, 'made']);
        expect(await make('owner-0a1b2c')).toContain(`the name of a link begins with that of its user: ${ownerSlug(username)}-`);
      }
    } finally {
      await admin('-n', systemNamespace, 'delete', 'rolebinding', group);
    }
  });

  test('gets nothing by copying the public key of the owner\'s link', async () => {
    const { spec: { client } } = await bridgeNow();
    const { spec: { publicKey } } = await suite.kube.get<Client>(resources.Client, client, systemNamespace);
    const copied = `${ownerSlug(colleague.username)}-c0b1ed`;
    await colleague.kube.create({ apiVersion: groupVersion, kind: 'Client', metadata: { name: copied, namespace: systemNamespace }, spec: { owner: colleague.username, publicKey } });
    try {
      await until('the hub has refused it', async () => {
        const { status } = await suite.kube.get<Client>(resources.Client, copied, systemNamespace);
        return status?.conditions?.some(({ type, status: value, reason }) => type === 'Peer' && value === 'False' && reason === 'KeyInUse') === true ? true : undefined;
      }, saidLimitMs);
    } finally {
      await colleague.kube.delete(resources.Client, copied, { namespace: systemNamespace });
    }
  });

  test('sees no private key, and no environment that is not sealed for him', async () => {
    for (const secretName of [names.hubKeySecret, undefined]) {
      await expect(colleague.kube.can({ verb: secretName === undefined ? 'list' : 'get', resource: 'secrets', namespace: systemNamespace, ...(secretName === undefined ? {} : { name: secretName }) })).resolves.toBe(false);
    }
    const { status } = await bridgeNow();
    // Whoever is in the cluster can ask an agent; what he gets can be opened with the key of the owner's cargo only.
    const { status: code, body } = await suite.prober.fetch(`http://${status!.pods![0]!.agent}/v1/bridges/${namespace}/${name}/identity`);
    expect(code).toBe(200);
    expect(Object.keys(JSON.parse(body) as object).sort()).toEqual(['box', 'key', 'nonce', 'v']);
    const { box } = JSON.parse(body) as { box: string };
    expect(body + Buffer.from(box, 'base64').toString('latin1')).not.toContain(password);
  });
});

test('all the while the bridge has served every request', async () => {
  const report = await probe.stop();
  expect({ failed: report.failed, errors: report.errors, byWho: report.byWho }).toEqual({ failed: 0, errors: {}, byWho: { owner: report.total } });
});
