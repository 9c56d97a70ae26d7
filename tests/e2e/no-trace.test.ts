/**
 * After the last bridge a pod is as it was before its first, and after `bridge uninstall` so are cluster and nodes: objects field
 * by field, network namespaces with rules, links, routes, settings and listening sockets, processes.
 */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { labels, names, systemNamespace } from '../../protocol/names.ts';
import type { Client } from '../../protocol/objects.ts';
import { resources } from '../../cli/adapters/cluster/index.ts';
import { bridge, bridgeOk, type BridgeOptions } from '../support/bridge-command.ts';
import { clusterObjects, difference } from '../support/inventory.ts';
import { applyAll, cleanNamespace, makeNamespace } from '../support/namespace.ts';
import { runningPods, type PlacedPod } from '../support/nodes.ts';
import { ensureProber, type Prober, type RunningProbe } from '../support/prober.ts';
import { untilServing } from '../support/serving.ts';
import { nodeSurroundings, podSurroundings } from '../support/surroundings.ts';
import { testCluster, type TestCluster } from '../support/test-cluster.ts';
import { grant, makeUser, type User } from '../support/user.ts';
import { until } from '../support/wait.ts';
import { loadImages } from '../cluster/index.ts';
import { ensureEchoImage } from '../workloads/echo-image.ts';
import { deployment, service } from '../workloads/manifests.ts';
import { setUpLimitMs, testLimitMs } from './support/suite.ts';

jest.setTimeout(testLimitMs);
const namespace = 'e2e-no-trace';
/** What a pod's agent does at once, on a machine that is busy. */
const atOnceMs = 20_000;
/** Kubernetes tidies up behind objects that were deleted. */
const collectedLimitMs = 60_000;
const settledMs = 2000;
const removing = ['uninstall', '--yes', '--keep-images'];
/** Of every kind that leaves something in a pod: TCP with and without a rule, UDP, a way out, a frozen original. */
const runs = {
  'e2e-no-trace-rule': ['--target', 'deploy/rule', '--port', 'http', '--header', 'x-developer=ann'],
  'e2e-no-trace-plain': ['--target', 'deploy/plain', '--port', 'http', '--port', 'udp', '--egress', 'pod', '--freeze'],
};
let world: TestCluster;
let admin: BridgeOptions;
let image: string;
let user: User;
let prober: Prober;
let before: { objects: string[]; nodes: string[]; pods: string[] };

const targets = async (): Promise<PlacedPod[]> => (await Promise.all(['rule', 'plain'].map((app) => runningPods(world.kube, namespace, `app=${app}`)))).flat();
const podsNow = async (): Promise<string[]> => podSurroundings(await targets());
const asUser = (): BridgeOptions => ({ kubeconfig: user.kubeconfigPath, context: user.context });

/** Every object whole, but for what Kubernetes itself notes down of it again and again. */
async function objectsNow(): Promise<string[]> {
  const objects = await clusterObjects(world.kube);
  return [...objects].map(([name, { metadata: { managedFields: _fields, resourceVersion: _version, ...metadata }, status, ...object }]) =>
    `${name} ${JSON.stringify({ ...object, metadata, ...(name.includes(' nodes ') ? {} : { status }) })}`);
}

/** Once kube-proxy on every node knows the endpoints that came last. */
async function settledNodes(): Promise<string[]> {
  let last = await nodeSurroundings(world.cluster.nodes);
  return until('the nodes are at rest', async () => {
    await sleep(settledMs);
    const was = last;
    last = await nodeSurroundings(world.cluster.nodes);
    return difference(was, last).length === 0 ? last : undefined;
  }, collectedLimitMs);
}

async function untilAsBefore(what: string, was: string[], now: () => Promise<string[]>, limitMs: number): Promise<void> {
  let left: string[] = [];
  await until(what, async () => {
    left = difference(was, await now());
    return left.length === 0 ? true : undefined;
  }, limitMs).catch(() => undefined);
  expect(left).toEqual([]);
}

/** Names of the link's containers, networks and volumes. */
async function inDocker(link: string): Promise<string[]> {
  const lists = await Promise.all([['ps', '--all', '--format', '{{.Names}}'], ['network', 'ls', '--format', '{{.Name}}'], ['volume', 'ls', '--format', '{{.Name}}']]
    .map((command) => execa('docker', [...command, '--filter', `label=${labels.link}=${link}`])));
  return lists.flatMap(({ stdout }) => stdout.split('\n').filter(Boolean));
}

async function start(): Promise<void> {
  await Promise.all(Object.entries(runs).map(async ([name, args]) => {
    await bridgeOk(['run', '-d', '--image', image, '-e', 'WHO=local', '--name', name, '-n', namespace, ...args], asUser());
    await untilServing(world.kube, namespace, name);
  }));
}

/** Clients that ask once, and keep their connections. */
const clients = (): Promise<RunningProbe[]> => Promise.all([['--header', 'x-developer: ann'], ['--header', 'x-developer: bob']].map((header) =>
  prober.start('http', '--url', 'http://rule/', ...header, '--connections', '4', '--rate', '0.02', '--duration', '10m')));

beforeAll(async () => {
  world = await testCluster();
  const { kube, cluster } = world;
  admin = { kubeconfig: cluster.kubeconfigPath, context: cluster.context };
  image = await ensureEchoImage();
  await Promise.all([loadImages(cluster, [image]), bridgeOk(removing, admin)]);
  await makeNamespace(kube, namespace);
  user = await makeUser(kube, cluster, namespace, 'ann');
  [prober] = await Promise.all([
    ensureProber(kube, namespace, image),
    applyAll(kube, ['rule', 'plain'].flatMap((name) => [deployment({ name, namespace, image, replicas: 2 }), service({ name, namespace })])),
  ]);
  const [objects, nodes, pods] = await Promise.all([objectsNow(), settledNodes(), podsNow()]);
  before = { objects, nodes, pods };
  await bridgeOk(['install', '--yes'], { ...admin, limitMs: setUpLimitMs });
  await Promise.all([namespace, systemNamespace].map((place) => grant(kube, user, names.userRole, place)));
}, setUpLimitMs);
afterAll(async () => {
  await bridge(removing, admin);
  await cleanNamespace(world.kube, namespace);
  await user?.dispose();
  world.kube.close();
}, setUpLimitMs);

test('after the last bridge nothing is left in the pods', async () => {
  await start();
  const asking = await clients();
  expect(difference(before.pods, await podsNow())).not.toEqual([]);
  // Connections that clients keep to the original hold the agent's rules for them up.
  for (const client of asking) await client.stop();
  await Promise.all(Object.keys(runs).map((name) => bridgeOk(['stop', name, '-n', namespace], asUser())));
  await untilAsBefore('the pods are as before', before.pods, podsNow, atOnceMs);
});

test('after uninstall with bridges that serve, nothing is left in the cluster, on nodes, in pods and in Docker', async () => {
  await start();
  const asking = await clients();
  const { items: links } = await world.kube.list<Client>(resources.Client, { namespace: systemNamespace });
  const link = links.find(({ spec }) => spec.owner === user.username)!.metadata.name;
  expect(await inDocker(link)).toEqual(expect.arrayContaining([...Object.keys(runs), `podbridge-${link}`, `00-podbridge-${link}`]));
  await bridgeOk(removing, admin);
  await untilAsBefore('the pods are as before', before.pods, podsNow, atOnceMs);
  for (const client of asking) await client.stop();
  await untilAsBefore('the nodes are as before', before.nodes, () => nodeSurroundings(world.cluster.nodes), collectedLimitMs);
  await untilAsBefore('the cluster is as before', before.objects, objectsNow, collectedLimitMs);
  expect(await inDocker(link)).toEqual([]);
});
