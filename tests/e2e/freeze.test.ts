/** --freeze: the original stands still while the container serves, its pods stay Ready, and it goes on whatever ends that. */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { labels as ourLabels, names, systemNamespace } from '../../protocol/names.ts';
import type { Bridge } from '../../protocol/objects.ts';
import { resources, type KubeObject } from '../../cli/adapters/cluster/index.ts';
import { bridgeOk } from '../support/bridge-command.ts';
import { runningPods } from '../support/nodes.ts';
import { until } from '../support/wait.ts';
import { deployment, echoPorts, everyPort, service } from '../workloads/manifests.ts';
import { setUpLimitMs, startSuite, testLimitMs, type Suite } from './support/suite.ts';

jest.setTimeout(testLimitMs);
const namespace = 'e2e-freeze';
const name = 'e2e-freeze';
/** A second bridge. */
const other = 'e2e-freeze-other';
/** Far more than anything here needs on a quiet machine. */
const seenLimitMs = 60_000;
/** Probes come every second, and two failures would restart a container. */
const probePeriods = 6;
const probe = (what: object) => ({ ...what, periodSeconds: 1, failureThreshold: 2 });
let suite: Suite;

interface Pod extends KubeObject { status: { conditions: { type: string; status: string }[]; containerStatuses: { restartCount: number; ready: boolean }[] } }

beforeAll(async () => {
  const ticking = { env: [...everyPort, { name: 'TICK_MS', value: '100' }] };
  suite = await startSuite(namespace, (image) => [
    // Whoever has to be killed in the end is not gone before the tests are over.
    deployment({ name: 'web', namespace, image, replicas: 2, ...ticking, container: { livenessProbe: probe({ grpc: { port: echoPorts.grpc } }) }, pod: { terminationGracePeriodSeconds: 600 } }), service({ name: 'web', namespace }),
    // The probe is at a port that is not bridged.
    deployment({ name: 'box', namespace, image, ...ticking, container: { livenessProbe: probe({ tcpSocket: { port: 'tcp' } }) } }), service({ name: 'box', namespace }),
    deployment({ name: 'program', namespace, image, container: { livenessProbe: { exec: { command: ['/echo', 'client', 'tcp', '--address', `127.0.0.1:${echoPorts.tcp}`] } } } }),
  ]);
}, setUpLimitMs);
afterAll(() => suite?.end());

const podsOf = async (app: string): Promise<Pod[]> => (await suite.kube.list<Pod>(resources.Pod, { namespace, labelSelector: `app=${app}` })).items;
/** The last number that each of the pods has written. */
async function ticks(app: string): Promise<number[]> {
  return Promise.all((await podsOf(app)).map(async ({ metadata }) => Number((/tick (\d+)\s*$/.exec(await suite.kube.podLog(namespace, metadata.name, { tailLines: 1 })) ?? [])[1])));
}
/** All pods of the target and no others. */
async function untilFrozen(app: string, bridgeName = name): Promise<void> {
  await until(`the pods of ${app} to be frozen`, async () => {
    const [pods, bridge] = [await podsOf(app), await suite.kube.find<Bridge>(resources.Bridge, bridgeName, namespace)];
    const frozen = (bridge?.status?.pods ?? []).filter((entry) => entry.frozen === true).map((entry) => entry.name).sort();
    return JSON.stringify(frozen) === JSON.stringify(pods.map(({ metadata }) => metadata.name).sort()) ? true : undefined;
  }, seenLimitMs);
}
async function expectStill(app: string): Promise<void> {
  const before = await ticks(app);
  await sleep(probePeriods * 1000);
  expect(await ticks(app)).toEqual(before);
}
async function untilStill(app: string): Promise<void> {
  await until(`the pods of ${app} to stand still`, async () => {
    const before = await ticks(app);
    await sleep(2000);
    return JSON.stringify(await ticks(app)) === JSON.stringify(before) ? true : undefined;
  }, seenLimitMs);
}
/** Every pod has gone on since. */
async function untilBeyond(app: string, before: number[]): Promise<void> {
  await until(`the pods of ${app} to go on`, async () => ((await ticks(app)).every((tick, index) => tick > (before[index] ?? 0)) ? true : undefined), seenLimitMs);
}
async function expectUntouched(app: string): Promise<void> {
  expect((await podsOf(app)).flatMap(({ status }) => status.containerStatuses.map(({ restartCount, ready }) => ({ restartCount, ready })))).toEqual((await podsOf(app)).map(() => ({ restartCount: 0, ready: true })));
}
const ask = async (app: string) => (await suite.prober.run('http', '--url', `http://${await suite.addressOf(app)}/`, '--count', '50', '--timeout', '20s')).byWho;

test('it is refused with what needs the original, and where it would break a probe', async () => {
  const refused = async (...args: string[]) => (JSON.parse((await suite.bridge(['run', '-d', '-o', 'json', '--image', suite.image, '--freeze', ...args])).stdout) as { error: { code: string } }).error.code;
  expect(await refused('--target', 'deploy/web', '--mark', 'ann')).toBe('freeze-needs-original');
  expect(await refused('--target', 'deploy/web', '--mode', 'mirror')).toBe('freeze-needs-original');
  expect(await refused('--target', 'deploy/program')).toBe('freeze-exec-probe');
});

test('it stands still and stays Ready (HTTP and gRPC probes); without a container it answers, and stands still again; after the stop it goes on', async () => {
  const { container } = await suite.run(name, 'local', ['--target', 'deploy/web', '--port', 'http', '--freeze']);
  await untilFrozen('web');
  await expectStill('web');
  await expectUntouched('web');
  expect(await ask('web')).toEqual({ local: 50 });
  expect((await suite.bridge(['list'])).stdout).toContain('Ready, frozen');
  let before = await ticks('web');
  await execa('docker', ['kill', container.id]);
  await until('the originals', async () => ((await ask('web')).original === 50 ? true : undefined), seenLimitMs);
  await untilBeyond('web', before);
  await execa('docker', ['start', container.id]);
  await untilFrozen('web');
  await expectStill('web');
  before = await ticks('web');
  await suite.stop(name);
  await untilBeyond('web', before);
  expect(await ask('web')).toEqual({ original: 50 });
  await expectUntouched('web');
});

test('a rollout: old pods end by their SIGTERM, new ones stand still as well', async () => {
  await suite.run(name, 'local', ['--target', 'deploy/web', '--port', 'http', '--freeze']);
  await untilFrozen('web');
  const old = (await podsOf('web')).map(({ metadata }) => metadata.uid);
  await suite.kube.patch(resources.Deployment, 'web', { spec: { template: { metadata: { annotations: { rolled: 'out' } } } } }, { namespace, strategy: 'strategic' });
  await until('none of the old pods', async () => {
    const pods = await podsOf('web');
    return pods.length === 2 && !pods.some(({ metadata }) => old.includes(metadata.uid)) ? true : undefined;
  }, seenLimitMs);
  await untilFrozen('web');
  await untilStill('web');
  await expectUntouched('web');
  expect(await ask('web')).toEqual({ local: 50 });
});

test('with a silent link it goes on, with and without a bridged port, and stands still again when the link is back; no controller and no hub are needed for it to go on', async () => {
  const cargo = `podbridge-${(await suite.run(other, 'local', ['--target', 'deploy/box', '--port', 'none', '--freeze'])).link.client}`;
  const bothFrozen = () => Promise.all([untilFrozen('web'), untilFrozen('box', other)]);
  const both = async (): Promise<number[][]> => [await ticks('web'), await ticks('box')];
  const scale = async (what: 'controller' | 'hub', replicas: number): Promise<void> => {
    await suite.kube.patch(what === 'hub' ? resources.StatefulSet : resources.Deployment, names[what], { spec: { replicas } }, { namespace: systemNamespace });
    await until(`${replicas} ${what}`, async () => ((await runningPods(suite.kube, systemNamespace, `${ourLabels.component}=${what}`)).length === replicas ? true : undefined), seenLimitMs);
  };
  await bothFrozen();
  await untilStill('box');
  let before = await both();
  await execa('docker', ['pause', cargo]);
  try {
    await Promise.all([untilBeyond('web', before[0]!), untilBeyond('box', before[1]!)]);
  } finally {
    await execa('docker', ['unpause', cargo]);
  }
  await bothFrozen();
  try {
    await scale('controller', 0);
    before = await both();
    await execa('docker', ['kill', name]);
    await untilBeyond('web', before[0]!);
    await execa('docker', ['start', name]);
    await bothFrozen();
    before = await both();
    await suite.stop(name);
    await untilBeyond('web', before[0]!);
    await scale('hub', 0);
    await untilBeyond('box', before[1]!);
    await suite.stop(other);
  } finally {
    await Promise.all([scale('controller', 1), scale('hub', 1)]);
  }
});

test('it goes on when the agent dies, and with the whole installation (TCP probe at a port that is not bridged)', async () => {
  await suite.run(name, 'local', ['--target', 'deploy/box', '--port', 'http', '--freeze']);
  await untilFrozen('box');
  await expectStill('box');
  await expectUntouched('box');
  let before = await ticks('box');
  for (const node of suite.cluster.nodes) await execa('docker', ['exec', node, 'sh', '-c', 'kill -9 $(pgrep -f "stowaway.cjs [a]gent")'], { reject: false });
  await untilBeyond('box', before);
  // What a dead agent has written still says that it is frozen.
  await untilStill('box');
  before = await ticks('box');
  const { items } = await suite.kube.list(resources.Pod, { namespace: systemNamespace, labelSelector: `${ourLabels.component}=agent` });
  await Promise.all(items.map(({ metadata }) => suite.kube.delete(resources.Pod, metadata.name, { namespace: systemNamespace, gracePeriodSeconds: 0 })));
  await untilBeyond('box', before);
  // What a dead agent has written still says that it is frozen.
  await untilStill('box');
  before = await ticks('box');
  try {
    await bridgeOk(['uninstall', '--yes', '--keep-images'], { ...suite.admin, limitMs: seenLimitMs });
    await untilBeyond('box', before);
    await expectUntouched('box');
  } finally {
    await bridgeOk(['install', '--yes'], { ...suite.admin, limitMs: setUpLimitMs });
  }
});
