/** A local app that stands at a breakpoint answers nobody. The kubelet keeps asking the original, so the pods stay Ready and none is restarted. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { execa } from 'execa';
import { resources, type KubeObject } from '../../cli/adapters/cluster/index.ts';
import { until } from '../support/wait.ts';
import { runningPods } from '../support/nodes.ts';
import { deployment, echoPorts, everyPort, service } from '../workloads/manifests.ts';
import { setUpLimitMs, startSuite, testLimitMs, type Suite } from './support/suite.ts';

jest.setTimeout(testLimitMs);
const namespace = 'e2e-probes';
/** Many times what a probe that fails needs for a restart (two failures, a second apart). */
const pauseMs = 30_000;
const limitMs = 60_000;
const kinds = {
  http: { httpGet: { path: '/healthz', port: 'http' } },
  tcp: { tcpSocket: { port: echoPorts.tcp } },
  exec: { exec: { command: ['/echo', 'ask', '127.0.0.1:8080'] } },
  grpc: { grpc: { port: echoPorts.grpc } },
} as const;
type Kind = keyof typeof kinds;
const every = Object.keys(kinds) as Kind[];
const name = (kind: Kind): string => `e2e-probes-${kind}`;
/** Of Deployment and Service. Not the kind alone: the variables of a Service `http` would be those that echo reads. */
const workload = (kind: Kind): string => `by-${kind}`;
const workloads = new Set(every.map(workload));
let suite: Suite;

interface Pod extends KubeObject { status: { conditions?: { type: string; status: string; lastTransitionTime: string }[]; containerStatuses?: { restartCount: number }[] } }

beforeAll(async () => {
  suite = await startSuite(namespace, (image) => every.flatMap((kind) => {
    const probe = { ...kinds[kind], periodSeconds: 1, timeoutSeconds: 1, failureThreshold: 2 };
    return [
      deployment({ name: workload(kind), namespace, image, env: everyPort, container: { readinessProbe: probe, livenessProbe: probe, startupProbe: { ...probe, failureThreshold: 20 } } }),
      service({ name: workload(kind), namespace }),
    ];
  }));
  await Promise.all(every.map((kind) => suite.run(name(kind), 'local', ['--target', `deploy/${workload(kind)}`, '--port', 'http', '--port', 'tcp', '--port', 'grpc', ...everyPort.flatMap((entry) => ['-e', `${entry.name}=${'value' in entry ? entry.value : ''}`])])));
}, setUpLimitMs);
afterAll(async () => {
  await execa('docker', ['unpause', ...every.map(name)], { reject: false });
  await suite?.end();
});

/** Since when each pod is Ready, and how often its container was restarted. */
async function health(): Promise<Record<string, [string | undefined, number]>> {
  const { items } = await suite.kube.list<Pod>(resources.Pod, { namespace });
  return Object.fromEntries(items.filter(({ metadata: { labels } }) => workloads.has(labels?.app ?? '')).map(({ metadata, status }) => [
    metadata.name, [status.conditions?.find(({ type, status: value }) => type === 'Ready' && value === 'True')?.lastTransitionTime, status.containerStatuses?.[0]?.restartCount ?? 0],
  ]));
}

describe('while the local containers stand still', () => {
  let before: Awaited<ReturnType<typeof health>>;
  beforeAll(async () => {
    for (const kind of every) expect((await suite.prober.run('http', '--url', `http://${await suite.addressOf(workload(kind))}`, '--count', '5')).byWho).toEqual({ local: 5 });
    before = await health();
    await execa('docker', ['pause', ...every.map(name)]);
  });
  afterAll(() => execa('docker', ['unpause', ...every.map(name)]));

  test('requests wait for them, so it is not that they have lost the traffic', async () => {
    const { errors, byWho } = await suite.prober.run('http', '--url', `http://${await suite.addressOf(workload('http'))}`, '--timeout', '2s');
    expect([byWho, errors]).toEqual([{}, { timeout: 1 }]);
  });

  test('httpGet by a named port, tcpSocket, exec and gRPC: liveness and readiness reach the original, for long', async () => {
    await sleep(pauseMs);
    expect(Object.keys(before)).toHaveLength(every.length);
    expect(await health()).toEqual(before);
  });

  test('startup probes of a new pod do too', async () => {
    const old = await runningPods(suite.kube, namespace);
    await Promise.all(old.filter(({ metadata: { labels } }) => workloads.has(labels?.app ?? '')).map(({ metadata }) => suite.kube.delete(resources.Pod, metadata.name, { namespace })));
    await until('new pods that are Ready', async () => {
      const now = await health();
      const fresh = Object.entries(now).filter(([pod]) => !old.some(({ metadata }) => metadata.name === pod));
      return fresh.length === every.length && fresh.every(([, [since, restarts]]) => since !== undefined && restarts === 0) ? true : undefined;
    }, limitMs);
  });
});

test('when they go on, they answer', async () => {
  for (const kind of every) {
    const address = await suite.addressOf(workload(kind));
    await until(`the container behind ${workload(kind)}`, async () => ((await suite.prober.run('http', '--url', `http://${address}`, '--count', '5')).byWho.local === 5 ? true : undefined), limitMs);
  }
});
