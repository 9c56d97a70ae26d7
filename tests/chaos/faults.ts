/** What can fail, or be done on purpose, while bridges stand. */
import { resources } from '../../cli/adapters/cluster/index.ts';
import { onNode, runningPods } from '../support/nodes.ts';
import { otherBuild, type OtherBuild } from '../support/other-build.ts';
import { until } from '../support/wait.ts';
import { ensureCluster } from '../cluster/index.ts';
import { replicas, type World } from './world.ts';
import type { BridgeProcess } from '../support/bridge-command.ts';
import { bridgeOk } from '../support/bridge-command.ts';

const backLimitMs = 120_000;
/** With the build of an image. */
const installLimitMs = 600_000;

export interface Fault {
  name: string;
  /**
   * `planned`: somebody does it on purpose, and nothing may be lost. `death`: something ends and the kernel says so. `silent`:
   * something ends without a word.
   */
  kind: 'planned' | 'death' | 'silent';
  /** Only in the long form: takes minutes, disturbs the whole cluster, or is shown by another suite or a worse fault too. */
  long?: true;
  /** Pods end in it. An agent without processor time hears of that when their network is gone: on a machine at its limit some requests are lost so. */
  endsPods?: true;
  /** Kubernetes itself sends requests to what is gone until it has noticed: how many, is not podbridge's. */
  ofKubernetes?: true;
  /** Before the load. */
  prepare?(world: World): Promise<void>;
  strike(world: World): Promise<void>;
  /** Where it does not heal by itself. */
  mend?(world: World): Promise<void>;
}

const containers = ({ sides }: World): string[] => sides.map(({ bridge }) => bridge);
const only = async (world: World, component: 'hub' | 'controller'): ReturnType<World['podsOf']> => world.podsOf(component);

/** Until as many pods run as before, none of them one of those. */
async function untilReplaced(world: World, component: 'agent' | 'hub' | 'controller', gone: string[], count: number): Promise<void> {
  await until(`another ${component}`, async () => {
    const now = await world.podsOf(component);
    const fresh = now.filter(({ metadata, status }) => !gone.includes(metadata.uid ?? '') && status.containerStatuses?.every(({ ready }) => ready) === true);
    return fresh.length >= count ? true : undefined;
  }, backLimitMs);
}

/** By the eviction API, as `kubectl drain` does it. */
async function evict({ suite, sides, untilRolledOut }: World, node?: string): Promise<void> {
  const pods = (await Promise.all(sides.map(({ name }) => runningPods(suite.kube, suite.namespace, `app=${name}`)))).flat().filter(({ spec }) => node === undefined || spec.nodeName === node);
  for (const { metadata: { name } } of pods) {
    await suite.kube.request('POST', `/api/v1/namespaces/${suite.namespace}/pods/${name}/eviction`, { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace: suite.namespace } });
    await untilRolledOut();
  }
}

const replaced = (component: 'agent' | 'hub' | 'controller', graceful: boolean) => async (world: World): Promise<void> => {
  const pods = await world.podsOf(component);
  for (const pod of pods) {
    await world.deletePod(pod, { graceful });
    await untilReplaced(world, component, [pod.metadata.uid ?? ''], pods.length);
  }
};

/** Until agents, hub and controller have all been replaced. */
async function install(world: World, program?: string): Promise<void> {
  const components = ['agent', 'hub', 'controller'] as const;
  const before = await Promise.all(components.map((component) => world.podsOf(component)));
  await bridgeOk(['install', '--yes', '--policy', 'none', '--preview', 'node-port'], { ...world.suite.admin, ...(program === undefined ? {} : { program }), limitMs: installLimitMs });
  for (const [index, component] of components.entries()) {
    const pods = before[index]!;
    await untilReplaced(world, component, pods.map(({ metadata }) => metadata.uid ?? ''), pods.length);
  }
}

let upgrade: OtherBuild | undefined;
let foreground: BridgeProcess[] = [];
const inCargo = async (world: World, ...command: string[]): Promise<void> => { await world.docker('exec', await world.cargo(), ...command); };

export const faults: Fault[] = [
  {
    name: 'bridge stop, bridge run', kind: 'planned',
    strike: (world) => world.stop(),
    mend: (world) => world.start(),
  },
  {
    name: 'bridge restart', kind: 'planned', long: true,
    async strike(world) { for (const { bridge } of world.sides) await bridgeOk(['restart', bridge, '-n', world.suite.namespace], world.suite.user); },
  },
  {
    name: 'rollout of the target', kind: 'planned', endsPods: true,
    strike: (world) => world.rollOut(),
  },
  {
    name: 'target scaled 1, 5, 1', kind: 'planned', long: true, endsPods: true,
    async strike(world) {
      for (const count of [1, 5, 1, replicas]) await world.scale(count);
    },
  },
  {
    name: 'app ends (SIGTERM)', kind: 'death', long: true,
    async strike(world) { await world.docker('stop', ...containers(world)); },
    async mend(world) { await world.docker('start', ...containers(world)); },
  },
  {
    name: 'app killed (SIGKILL)', kind: 'death',
    async strike(world) { await world.docker('kill', ...containers(world)); },
    async mend(world) { await world.docker('start', ...containers(world)); },
  },
  {
    name: 'container removed (docker rm -f)', kind: 'death', long: true,
    async strike(world) { await world.docker('rm', '--force', ...containers(world)); },
    async mend(world) {
      await world.stop();
      await world.start();
    },
  },
  {
    name: 'container restarted (docker restart)', kind: 'death', long: true,
    async strike(world) { await world.docker('restart', '--time', '1', ...containers(world)); },
  },
  {
    name: 'CLI killed (SIGKILL)', kind: 'death', long: true,
    async prepare(world) {
      await world.stop();
      foreground = await world.startForeground();
    },
    async strike(world) {
      for (const run of foreground) run.kill('SIGKILL');
      await until('both bridges are gone', async () => {
        const found = await bridgeOk(['list', '-o', 'json', '-n', world.suite.namespace], world.suite.user);
        return (JSON.parse(found.stdout) as { bridges: unknown[] }).bridges.length === 0 ? true : undefined;
      }, backLimitMs);
    },
    mend: (world) => world.start(),
  },
  {
    name: 'cargo killed (docker kill)', kind: 'silent', long: true,
    async strike(world) { await world.docker('kill', await world.cargo()); },
    async mend(world) { await world.docker('start', await world.cargo()); },
  },
  {
    name: 'cargo restarted (docker restart)', kind: 'silent', long: true,
    async strike(world) { await world.docker('restart', '--time', '1', await world.cargo()); },
  },
  {
    name: 'laptop asleep (docker pause of cargo)', kind: 'silent', long: true,
    async strike(world) { await world.docker('pause', await world.cargo()); },
    async mend(world) { await world.docker('unpause', await world.cargo()); },
  },
  {
    name: 'tunnel cut (every packet dropped)', kind: 'silent', long: true,
    async strike(world) {
      await inCargo(world, 'nft', 'add table ip chaos; add chain ip chaos out { type filter hook output priority -300; }; add chain ip chaos through { type filter hook forward priority -300; }; add chain ip chaos in { type filter hook prerouting priority -300; }; '
        + 'add rule ip chaos out oifname "wg0" drop; add rule ip chaos through oifname "wg0" drop; add rule ip chaos in iifname "wg0" drop');
    },
    mend: (world) => inCargo(world, 'nft', 'delete table ip chaos'),
  },
  { name: 'hub ends (pod deleted)', kind: 'planned', long: true, strike: replaced('hub', true) },
  { name: 'hub killed', kind: 'death', long: true, strike: async (world) => { for (const pod of await only(world, 'hub')) await world.killPod(pod); } },
  { name: 'controller killed', kind: 'planned', long: true, strike: replaced('controller', false) },
  { name: 'agents end (SIGTERM), one after the other', kind: 'planned', long: true, strike: replaced('agent', true) },
  { name: 'agents killed (SIGKILL)', kind: 'death', long: true, strike: async (world) => { for (const pod of await world.podsOf('agent')) await world.killPod(pod); } },
  {
    name: 'API server restarted', kind: 'planned', long: true,
    async strike({ first, suite }) {
      await onNode(first, 'if command -v node-service >/dev/null; then node-service restart kube-apiserver; else pkill -x kube-apiserver; fi');
      await until('the API server', () => suite.kube.request('GET', '/api/v1/namespaces/default').catch(() => undefined), backLimitMs);
    },
  },
  {
    name: 'upgraded (bridge install of another build)', kind: 'planned', long: true,
    async prepare() { upgrade = await otherBuild(); },
    strike: (world) => install(world, upgrade?.program),
    async mend(world) {
      await install(world);
      await upgrade?.remove();
    },
  },
  {
    name: 'pods evicted, one after the other', kind: 'planned', long: true, endsPods: true,
    async strike(world) { await evict(world); },
  },
  {
    name: 'worker node drained', kind: 'planned', long: true, endsPods: true,
    async strike(world) {
      await world.suite.kube.patch(resources.Node, world.worker, { spec: { unschedulable: true } });
      await evict(world, world.worker);
      for (const component of ['hub', 'controller'] as const) {
        for (const pod of (await world.podsOf(component)).filter(({ spec }) => spec.nodeName === world.worker)) {
          await world.deletePod(pod);
          await untilReplaced(world, component, [pod.metadata.uid ?? ''], 1);
        }
      }
    },
    async mend(world) {
      await world.suite.kube.patch(resources.Node, world.worker, { spec: { unschedulable: null } });
      await world.rollOut();
    },
  },
  {
    name: 'worker node restarted', kind: 'silent', long: true, ofKubernetes: true,
    async strike({ worker, suite, docker }) {
      await docker('restart', '--time', '1', worker);
      await ensureCluster({ name: suite.cluster.name });
    },
    mend: (world) => world.untilRolledOut(),
  },
];
