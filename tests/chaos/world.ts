/** Two bridges side by side, one with a rule and one without, and all that the faults of the chaos suite reach for. */
import { execa } from 'execa';
import { labels, managedBy, systemNamespace } from '../../protocol/names.ts';
import type { Client } from '../../protocol/objects.ts';
import { resources } from '../../cli/adapters/cluster/index.ts';
import { bridge, bridgeOk, startBridge, type BridgeProcess } from '../support/bridge-command.ts';
import { onNode, processesOf, runningPods, type PlacedPod } from '../support/nodes.ts';
import { ensureProber, type Prober } from '../support/prober.ts';
import { untilServing } from '../support/serving.ts';
import { until } from '../support/wait.ts';
import { startSuite, type Suite } from '../e2e/support/suite.ts';
import { deployment, service } from '../workloads/manifests.ts';

export const replicas = 2;
const backLimitMs = 120_000;
/** As one does it where a rollout shall lose nothing: a pod still answers until everybody knows that it goes. */
const inOrder = {
  container: { lifecycle: { preStop: { sleep: { seconds: 5 } } } },
  pod: {
    terminationGracePeriodSeconds: 15,
    // One on each node, but a node that is drained must not stop it.
    topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'ScheduleAnyway', labelSelector: { matchExpressions: [{ key: 'app', operator: 'Exists' }] }, matchLabelKeys: ['pod-template-hash'] }],
  },
};

/** One of the two bridges. */
export interface Side {
  /** Of the target. */
  name: 'plain' | 'ruled';
  bridge: string;
  url: string;
  rule: string[];
  /** Arguments of a probe that the bridge takes. */
  headers: string[];
}

export interface World {
  suite: Suite;
  sides: Side[];
  /** A prober on the first node, which no fault touches. */
  prober: Prober;
  /** The node that is restarted. */
  worker: string;
  /** The node where the API server runs. */
  first: string;
  /** Detached runs, and until both serve. Those that stand are left alone. */
  start(): Promise<void>;
  /** Runs in the foreground, and until both serve. */
  startForeground(): Promise<BridgeProcess[]>;
  stop(): Promise<void>;
  /** Until every request of both sides is answered by the container. */
  untilServed(): Promise<void>;
  cargo(): Promise<string>;
  docker: (...args: string[]) => Promise<string>;
  podsOf(component: 'agent' | 'hub' | 'controller'): Promise<PlacedPod[]>;
  deletePod(pod: PlacedPod, options?: { graceful: boolean }): Promise<void>;
  /** Kills every process of a pod's containers. */
  killPod(pod: PlacedPod): Promise<void>;
  scale(count: number): Promise<void>;
  /** Pods of the targets, once there are as many as there should be. */
  untilRolledOut: () => Promise<void>;
  rollOut(): Promise<void>;
  end(): Promise<void>;
}

export async function startWorld(namespace: string): Promise<World> {
  const names = ['plain', 'ruled'] as const;
  const suite = await startSuite(namespace, (image) => names.flatMap((name) => [deployment({ name, namespace, image, replicas, spec: { revisionHistoryLimit: 0 }, container: inOrder.container, pod: inOrder.pod }), service({ name, namespace })]));
  const [first = '', worker = first] = suite.cluster.nodes;
  const prober = await ensureProber(suite.kube, namespace, suite.image, { name: 'load', node: first });
  const sides = await Promise.all(names.map(async (name): Promise<Side> => ({
    name, bridge: `${namespace}-${name}`, url: `http://${await suite.addressOf(name)}/`,
    rule: name === 'ruled' ? ['--header', 'x-developer=ann'] : [], headers: name === 'ruled' ? ['--header', 'x-developer: ann'] : [],
  })));
  const docker = async (...args: string[]): Promise<string> => (await execa('docker', args)).stdout;
  const argsOf = ({ name, bridge: bridgeName, rule }: Side): string[] => ['--name', bridgeName, '--target', `deploy/${name}`, '--port', 'http', ...rule];
  const eachTarget = (patch: object): Promise<unknown> => Promise.all(names.map((name) => suite.kube.patch(resources.Deployment, name, patch, { namespace, strategy: 'strategic' })));

  const world: World = {
    suite, sides, prober, first, worker, docker,
    async start() {
      await Promise.all(sides.map(async (side) => {
        if (await suite.kube.find(resources.Bridge, side.bridge, namespace) === undefined) {
          await bridgeOk(['run', '-d', '--image', suite.image, '-e', 'WHO=local', '-n', namespace, ...argsOf(side)], suite.user);
        }
        await untilServing(suite.kube, namespace, side.bridge);
      }));
    },
    async startForeground() {
      const runs = sides.map((side) => startBridge(['run', '--image', suite.image, '-e', 'WHO=local', '-n', namespace, '--progress', 'plain', ...argsOf(side)], suite.user));
      await Promise.all(sides.map(async (side) => {
        await until(`bridge ${side.bridge}`, () => suite.kube.find(resources.Bridge, side.bridge, namespace), backLimitMs);
        await until(`bridge ${side.bridge} serves`, async () => untilServing(suite.kube, namespace, side.bridge).catch(() => undefined), backLimitMs);
      }));
      await world.untilServed();
      return runs;
    },
    async stop() {
      await Promise.all(sides.map((side) => bridge(['stop', side.bridge, '-n', namespace], suite.user)));
    },
    async untilServed() {
      await Promise.all(sides.map(({ url, headers, name }) => until(`the container answers all of ${name}`, async () => {
        const report = await prober.run('http', '--url', url, ...headers, '--count', '30', '--timeout', '2s').catch(() => undefined);
        return report?.byWho.local === 30 ? true : undefined;
      }, backLimitMs)));
    },
    async cargo() {
      const { items } = await suite.kube.list<Client>(resources.Client, { namespace: systemNamespace });
      const link = items.find(({ spec }) => spec.owner === suite.username)?.metadata.name;
      if (link === undefined) throw new Error('there is no link');
      return `podbridge-${link}`;
    },
    async podsOf(component) {
      return runningPods(suite.kube, systemNamespace, `${labels.managedBy}=${managedBy},${labels.component}=${component}`);
    },
    async deletePod({ metadata: { name } }, { graceful } = { graceful: true }) {
      await suite.kube.request('DELETE', `/api/v1/namespaces/${systemNamespace}/pods/${name}${graceful ? '' : '?gracePeriodSeconds=0'}`);
    },
    async killPod(pod) {
      // The first is the sandbox, which the kubelet would replace together with the pod's address.
      const [, ...pids] = await processesOf(pod);
      await onNode(pod.spec.nodeName, `kill -9 ${pids.join(' ')} || true`);
    },
    async scale(count) {
      await eachTarget({ spec: { replicas: count } });
      await world.untilRolledOut();
    },
    async rollOut() {
      await eachTarget({ spec: { template: { metadata: { annotations: { restarted: new Date().toISOString() } } } } });
      await world.untilRolledOut();
    },
    async untilRolledOut() {
      await Promise.all(names.map((name) => until(`${name} is rolled out`, async () => {
        const found = await suite.kube.request<{ metadata: { generation: number }; spec: { replicas: number }; status: { observedGeneration?: number; replicas?: number; readyReplicas?: number; updatedReplicas?: number } }>('GET', `/apis/apps/v1/namespaces/${namespace}/deployments/${name}`);
        const { spec, status, metadata } = found;
        return status.observedGeneration === metadata.generation && [status.replicas, status.readyReplicas, status.updatedReplicas].every((count) => (count ?? 0) === spec.replicas) ? true : undefined;
      }, backLimitMs)));
    },
    end: () => suite.end(),
  };
  return world;
}
