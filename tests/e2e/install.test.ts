/** Installing, upgrading and removing the cluster side; who may do what with the shipped roles. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { resources, type KubeObject, type ResourceType } from '../../cli/adapters/cluster/index.ts';
import { isBridgeError } from '../../cli/errors.ts';
import { groupVersion, labels, managedBy, names, systemNamespace } from '../../protocol/names.ts';
import type { Bridge, Client } from '../../protocol/objects.ts';
import { bridge, bridgeOk, type BridgeOptions } from '../support/bridge-command.ts';
import { clusterInventory, difference } from '../support/inventory.ts';
import type { Kube } from '../support/kube.ts';
import { cleanNamespace, makeNamespace } from '../support/namespace.ts';
import { testCluster, type TestCluster } from '../support/test-cluster.ts';
import { until } from '../support/wait.ts';
import { grant, makeUser, type User } from '../support/user.ts';

const suiteLimitMs = 20 * 60_000;
const collectedLimitMs = 20_000;
const people = 'install-people';
const shop = 'install-shop';
/** Images stay: building them again would test Docker, and other suites need them. */
const removing = ['uninstall', '--yes', '--keep-images'];

let world: TestCluster;
let admin: BridgeOptions;
let before: string[];
let alice: User;
let bob: User;
let installer: User;

const ourKinds: ResourceType[] = [
  resources.Namespace, resources.CustomResourceDefinition, resources.ValidatingAdmissionPolicy, resources.ValidatingAdmissionPolicyBinding, resources.ClusterRole, resources.ClusterRoleBinding,
  resources.Role, resources.RoleBinding, resources.ServiceAccount, resources.NetworkPolicy, resources.Service, resources.ConfigMap, resources.Deployment, resources.StatefulSet, resources.PriorityClass,
];

async function ourObjects(): Promise<KubeObject[]> {
  const lists = await Promise.all(ourKinds.map((type) => world.kube.list(type, { labelSelector: `${labels.managedBy}=${managedBy}` })));
  return lists.flatMap(({ items }) => items);
}

const versions = (objects: KubeObject[]): Record<string, string | undefined> =>
  Object.fromEntries(objects.map(({ kind, metadata }) => [`${kind} ${metadata.namespace ?? ''}/${metadata.name}`, metadata.resourceVersion]));

async function refusal(action: Promise<unknown>): Promise<string> {
  try {
    await action;
  } catch (error) {
    if (isBridgeError(error)) return `${error.facts.code}: ${error.facts.detail}`;
    throw error;
  }
  return 'allowed';
}

function clientOf(owner: string, name = 'forged', namespace: string = systemNamespace): Client {
  return { apiVersion: groupVersion, kind: 'Client', metadata: { name, namespace }, spec: { owner, publicKey: Buffer.alloc(32, 7).toString('base64') } };
}

function bridgeOf(owner: string, namespace = shop, name = 'probe'): Bridge {
  return { apiVersion: groupVersion, kind: 'Bridge', metadata: { name, namespace }, spec: { owner, client: 'none', target: { kind: 'Pod', name: 'none', container: 'none' }, ports: [] } };
}

beforeAll(async () => {
  world = await testCluster();
  admin = { kubeconfig: world.cluster.kubeconfigPath, context: world.cluster.context };
  await bridgeOk(removing, admin);
  await makeNamespace(world.kube, people);
  await makeNamespace(world.kube, shop);
  before = await clusterInventory(world.kube);
  // Two at once: neither may stumble over the other.
  const runs = await Promise.all([bridge(['install', '--yes', '-o', 'json'], admin), bridge(['install', '--yes', '-o', 'json'], admin)]);
  expect(runs.map(({ exitCode, stderr }) => (exitCode === 0 ? 0 : stderr))).toEqual([0, 0]);
  [alice, bob, installer] = await Promise.all(['alice', 'bob', 'installer'].map((name) => makeUser(world.kube, world.cluster, people, name))) as [User, User, User];
  for (const user of [alice, bob]) {
    await grant(world.kube, user, names.userRole, systemNamespace);
    await grant(world.kube, user, names.userRole, shop);
  }
}, suiteLimitMs);

afterAll(async () => {
  await Promise.all([alice, bob, installer].map((user) => user?.dispose()));
  await bridge(removing, admin);
  await cleanNamespace(world.kube, people);
  await cleanNamespace(world.kube, shop);
  world.kube.close();
}, suiteLimitMs);

describe('install', () => {
  test('everything carries our label and the version', async () => {
    const objects = await ourObjects();
    expect(objects.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['Namespace', 'CustomResourceDefinition', 'ValidatingAdmissionPolicy', 'ClusterRole', 'NetworkPolicy', 'Deployment', 'StatefulSet', 'ConfigMap']));
    const { version } = JSON.parse((await bridgeOk(['--version', '-o', 'json'], admin)).stdout) as { version: string };
    const made = objects.filter(({ metadata }) => metadata.name !== names.network);
    expect(made.filter(({ metadata }) => metadata.labels?.[labels.version] !== version).map(({ kind, metadata }) => `${kind}/${metadata.name}`)).toEqual([]);
  });

  test('a second time changes nothing', async () => {
    const first = versions(await ourObjects());
    const { stdout, exitCode } = await bridge(['install', '--yes', '-o', 'json'], admin);
    expect(exitCode).toBe(0);
    const answer = JSON.parse(stdout) as { version: string; previous: string };
    expect(answer.previous).toBe(answer.version);
    expect(versions(await ourObjects())).toEqual(first);
  }, suiteLimitMs);

  test('what the dry run prints is what stands in the cluster', async () => {
    const { stdout } = await bridgeOk(['install', '--dry-run', '-o', 'yaml'], admin);
    const { parseAllDocuments } = await import('yaml');
    const documents = parseAllDocuments(stdout).map((document) => document.toJS() as KubeObject);
    const printed = documents.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`).sort();
    const standing = Object.keys(versions(await ourObjects())).filter((name) => !name.endsWith(`/${names.network}`)).sort();
    expect(printed).toEqual(standing);
  });
});

describe('policies', () => {
  test('an owner must be the one who asks', async () => {
    await expect(refusal(alice.kube.create(bridgeOf(bob.username)))).resolves.toMatch(/cluster-denied.*spec\.owner must be the user/s);
    await expect(refusal(alice.kube.create(clientOf(bob.username)))).resolves.toMatch(/cluster-denied.*spec\.owner must be the user/s);
  });

  test('one alters and deletes only what is one\'s own', async () => {
    await alice.kube.create(bridgeOf(alice.username));
    await alice.kube.create(clientOf(alice.username, 'alice-client'));
    const foreign = /cluster-denied.*only its owner/s;
    await expect(refusal(bob.kube.patch(resources.Bridge, 'probe', { spec: { state: 'Draining' } }, { namespace: shop }))).resolves.toMatch(foreign);
    await expect(refusal(bob.kube.delete(resources.Bridge, 'probe', { namespace: shop }))).resolves.toMatch(foreign);
    await expect(refusal(bob.kube.patch(resources.Client, 'alice-client', { spec: { publicKey: Buffer.alloc(32, 9).toString('base64') } }, { namespace: systemNamespace }))).resolves.toMatch(foreign);
    await expect(refusal(bob.kube.delete(resources.Client, 'alice-client', { namespace: systemNamespace }))).resolves.toMatch(foreign);

    await expect(refusal(alice.kube.patch(resources.Bridge, 'probe', { spec: { owner: bob.username } }, { namespace: shop }))).resolves.toMatch(/^cluster-(denied|invalid)/);
    await expect(refusal(alice.kube.patch(resources.Bridge, 'probe', { spec: { client: 'another' } }, { namespace: shop }))).resolves.toMatch(/^cluster-(denied|invalid)/);
    await alice.kube.patch(resources.Bridge, 'probe', { spec: { state: 'Draining' } }, { namespace: shop });
    await expect(alice.kube.delete(resources.Bridge, 'probe', { namespace: shop })).resolves.toBe(true);
    await expect(alice.kube.delete(resources.Client, 'alice-client', { namespace: systemNamespace })).resolves.toBe(true);
  });

  /** The API server hears of a binding a moment after it was made. */
  const untilAllowed = (access: Parameters<Kube['can']>[0]): Promise<true> => until('the right is in force', async () => (await alice.kube.can(access) ? true : undefined), 10_000);

  test('nobody bridges podbridge or Kubernetes, and clients live in one namespace', async () => {
    await expect(refusal(alice.kube.create(bridgeOf(alice.username, systemNamespace)))).resolves.toMatch(/cluster-denied.*cannot be bridged/s);
    await grant(world.kube, alice, names.userRole, 'kube-system');
    await untilAllowed({ verb: 'create', resource: 'bridges.podbridge.dev', namespace: 'kube-system' });
    await expect(refusal(alice.kube.create(bridgeOf(alice.username, 'kube-system')))).resolves.toMatch(/cluster-denied.*cannot be bridged/s);
    await expect(refusal(alice.kube.create(clientOf(alice.username, 'astray', shop)))).resolves.toMatch(/cluster-denied.*live in bridge-system only/s);
  });

  test('status belongs to podbridge, even for who has rights on it', async () => {
    await world.kube.apply({ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata: { name: 'status', namespace: shop }, rules: [{ apiGroups: ['podbridge.dev'], resources: ['bridges/status'], verbs: ['*'] }] } as never);
    await world.kube.apply({ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'RoleBinding', metadata: { name: 'status', namespace: shop }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'status' }, subjects: [{ kind: 'ServiceAccount', name: 'alice', namespace: people }] } as never);
    await untilAllowed({ verb: 'patch', resource: 'bridges.podbridge.dev', subresource: 'status', namespace: shop });
    await alice.kube.create(bridgeOf(alice.username, shop, 'status'));
    const forged = { status: { pods: [{ name: 'p', node: 'n', ready: true, since: '2026-01-01T00:00:00Z', agent: '10.0.0.1:7080' }] } };
    await expect(refusal(alice.kube.patch(resources.Bridge, 'status', forged, { namespace: shop, subresource: 'status' }))).resolves.toMatch(/cluster-denied.*podbridge's own parts/s);
    await alice.kube.delete(resources.Bridge, 'status', { namespace: shop });
  });

  test('a user role gives nothing in other namespaces, and no secrets, exec or workloads anywhere', async () => {
    await expect(refusal(alice.kube.create(bridgeOf(alice.username, people)))).resolves.toMatch(/^cluster-forbidden/);
    for (const access of [
      { verb: 'get', resource: 'secrets', namespace: shop }, { verb: 'get', resource: 'secrets', namespace: systemNamespace }, { verb: 'create', resource: 'pods', subresource: 'exec', namespace: systemNamespace },
      { verb: 'create', resource: 'pods', namespace: systemNamespace }, { verb: 'patch', resource: 'deployments.apps', namespace: shop }, { verb: 'create', resource: 'pods', subresource: 'portforward', name: names.hubPod, namespace: systemNamespace },
      { verb: 'create', resource: 'serviceaccounts', subresource: 'token', name: 'default', namespace: systemNamespace },
    ]) {
      await expect(alice.kube.can(access)).resolves.toBe(false);
    }
    await expect(alice.kube.can({ verb: 'create', resource: 'serviceaccounts', subresource: 'token', name: names.linkAccount, namespace: systemNamespace })).resolves.toBe(true);
  });
});

describe('uninstall', () => {
  test('the installer role is enough to install again', async () => {
    await grant(world.kube, installer, names.installerRole);
    const run = await bridge(['install', '--yes', '-o', 'json'], { kubeconfig: installer.kubeconfigPath, context: installer.context });
    expect(run.exitCode === 0 ? '' : run.stdout + run.stderr).toBe('');
  }, suiteLimitMs);

  test('without a terminal it wants --yes', async () => {
    const { exitCode, stdout } = await bridge(['uninstall', '-o', 'json'], admin);
    expect(exitCode).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'confirmation-needed' } });
  });

  test('removes everything when its parts are broken and objects have foreign finalizers, by the installer role', async () => {
    await alice.kube.create(bridgeOf(alice.username, shop, 'left-behind'));
    await world.kube.patch(resources.Bridge, 'left-behind', { metadata: { finalizers: ['example.com/never'] } }, { namespace: shop });
    await world.kube.patch(resources.Deployment, names.controller, { spec: { replicas: 0 } }, { namespace: systemNamespace });
    await world.kube.patch(resources.StatefulSet, names.hub, { spec: { template: { spec: { containers: [{ name: 'hub', image: 'podbridge.invalid/none:1' }] } } } }, { namespace: systemNamespace, strategy: 'strategic' });

    const run = await bridge(removing, { kubeconfig: installer.kubeconfigPath, context: installer.context });
    expect(run.exitCode === 0 ? '' : run.stdout + run.stderr).toBe('');

    // Roles that a test gave itself, and the accounts of its users, are not podbridge's.
    const own = /(serviceaccounts (install-people\/(alice|bob|installer)))|(roles|rolebindings) install-shop\/status$/;
    const left = async (): Promise<string[]> => difference(before, await clusterInventory(world.kube)).filter((line) => !own.test(line));
    // The binding of the role by which this was done goes by garbage collection.
    await until(`nothing left: ${(await left()).join(', ')}`, async () => ((await left()).length === 0 ? true : undefined), collectedLimitMs);
  }, suiteLimitMs);

  test('of nothing is no error', async () => {
    const { stdout } = await bridgeOk([...removing, '-o', 'json'], admin);
    expect(JSON.parse(stdout)).toMatchObject({ wasInstalled: false, bridges: [], clients: [] });
  });

  test('where nothing is installed, a command says so and how', async () => {
    const { exitCode, stdout } = await bridge(['up', '-o', 'json'], admin);
    expect(exitCode).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'not-installed', next: 'bridge install' } });
  });
});
