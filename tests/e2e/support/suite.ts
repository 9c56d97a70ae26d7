/**
 * What every end-to-end suite begins with: the cluster, the cluster side of podbridge, a namespace of its own with a prober in it,
 * and a user who has the shipped user role there and no other right; and what it ends with: everything gone, and the proof that
 * nothing leaked. Only installing is done by the administrator: whatever a suite does with `bridge` works for that user.
 */
import { execa } from 'execa';
import { labels as ourLabels, managedBy, names, systemNamespace } from '../../../protocol/names.ts';
import type { Bridge } from '../../../protocol/objects.ts';
import { resources } from '../../../cli/adapters/cluster/index.ts';
import type { RunSummary } from '../../../cli/bridge/summary.ts';
import { loadImages } from '../../cluster/index.ts';
import { bridge, bridgeOk, type BridgeOptions, type BridgeRun } from '../../support/bridge-command.ts';
import { applyAll, cleanNamespace, haveNamespace, makeNamespace } from '../../support/namespace.ts';
import { ensureProber, type Prober } from '../../support/prober.ts';
import { untilServing } from '../../support/serving.ts';
import { testCluster, type TestCluster } from '../../support/test-cluster.ts';
import { grant, makeUser } from '../../support/user.ts';
import { until } from '../../support/wait.ts';
import { ensureEchoImage } from '../../workloads/echo-image.ts';
import type { Manifest } from '../../workloads/manifests.ts';

/** The first suite of a fresh machine builds the cluster. */
export const setUpLimitMs = 40 * 60_000;
export const testLimitMs = 6 * 60_000;
const serviceLimitMs = 30_000;
const keep = process.env.PODBRIDGE_KEEP === '1';
/** The same user in all suites, so that the link lasts from one to the next. */
const account = { name: 'tester', namespace: 'e2e-people' };

export interface Suite extends TestCluster {
  namespace: string;
  /** The image of workloads and app containers. */
  image: string;
  prober: Prober;
  /** The kubeconfig of somebody with nothing but the user role, in this namespace and (for links) in bridge-system. */
  user: BridgeOptions;
  /** As the API server knows that user. */
  username: string;
  /** The administrator's kubeconfig: for installing, and for tests about administrators. */
  admin: BridgeOptions;
  /** Cluster addresses of Services: names are left out of what is measured and counted. */
  addressOf(service: string): Promise<string>;
  /** Every workload and pod of the namespace, whole, the prober left out. */
  state(): Promise<string>;
  /** `bridge ARGS -n NAMESPACE`; this and what follows as {@link user}, unless the options say otherwise. */
  bridge(args: string[], options?: Partial<BridgeOptions>): Promise<BridgeRun>;
  /** `bridge run -d` of the echo image as WHO=`who`, and then until it serves. */
  run(name: string, who: string, args: string[], options?: Partial<BridgeOptions>): Promise<RunSummary>;
  stop(name: string, options?: Partial<BridgeOptions>): Promise<void>;
  /** Stops what is left and removes the namespace. Throws when something of this suite is still there. */
  end(): Promise<void>;
}

/** @param labels of the namespace */
export async function startSuite(namespace: string, manifests: (image: string) => Manifest[], labels: Record<string, string> = {}): Promise<Suite> {
  const world = await testCluster();
  const { cluster, kube } = world;
  const image = await ensureEchoImage();
  await loadImages(cluster, [image]);
  const admin: BridgeOptions = { kubeconfig: cluster.kubeconfigPath, context: cluster.context };
  // A suite that was broken off may have left its settings.
  await bridgeOk(['install', '--yes', '--policy', 'none', '--preview', 'node-port'], { ...admin, limitMs: setUpLimitMs });
  await Promise.all([makeNamespace(kube, namespace, labels), haveNamespace(kube, account.namespace)]);
  const tester = await makeUser(kube, cluster, account.namespace, account.name);
  await Promise.all([namespace, systemNamespace].map((place) => grant(kube, tester, names.userRole, place)));
  const user: BridgeOptions = { kubeconfig: tester.kubeconfigPath, context: tester.context };
  const objects = manifests(image);
  const [prober] = await Promise.all([ensureProber(kube, namespace, image), applyAll(kube, objects)]);
  // Ready pods are not yet known to the Service on every node.
  const services = objects.filter(({ kind, spec }) => kind === 'Service' && (spec as { clusterIP?: string }).clusterIP !== 'None');
  await Promise.all(services.map(({ metadata: { name } }) => until(`Service ${name}`, () => prober.fetch(`http://${name}/healthz`).catch(() => undefined), serviceLimitMs)));

  const scope = ['-n', namespace];
  return {
    ...world, namespace, image, prober, admin, user, username: tester.username,
    async addressOf(service) {
      const { spec } = await kube.request<{ spec: { clusterIP: string } }>('GET', `/api/v1/namespaces/${namespace}/services/${service}`);
      return spec.clusterIP;
    },
    async state() {
      const kinds = [resources.Deployment, resources.StatefulSet, resources.DaemonSet, resources.ReplicaSet, resources.Service, resources.ConfigMap, resources.Secret, resources.Pod];
      const lists = await Promise.all(kinds.map((type) => kube.list(type, { namespace })));
      return JSON.stringify(lists.flatMap(({ items }) => items.filter(({ metadata }) => metadata.name !== prober.pod)), null, 1);
    },
    bridge(args, options) {
      // What follows a `--` is somebody else's.
      const end = args.includes('--') ? args.indexOf('--') : args.length;
      return bridge([...args.slice(0, end), ...scope, ...args.slice(end)], { ...user, ...options });
    },
    async run(name, who, args, options) {
      const { stdout } = await bridgeOk(['run', '-d', '-o', 'json', '--name', name, '--image', image, '-e', `WHO=${who}`, ...scope, ...args], { ...user, ...options });
      const summary = JSON.parse(stdout) as RunSummary;
      if (summary.ports.length > 0) await untilServing(kube, namespace, name);
      return summary;
    },
    async stop(name, options) {
      await bridgeOk(['stop', name, ...scope], { ...user, ...options });
    },
    async end() {
      if (keep) return kube.close();
      const { items } = await kube.list<Bridge>(resources.Bridge, { namespace });
      for (const { metadata, spec } of items) await bridge(['stop', metadata.name, '-n', namespace], spec.owner === tester.username ? user : admin);
      const left = await ofNamespace(namespace);
      const { items: bridges } = await kube.list<Bridge>(resources.Bridge, { namespace });
      await cleanNamespace(kube, namespace);
      await tester.dispose();
      kube.close();
      if (left.length + bridges.length > 0) throw new Error(`left behind: ${[...left, ...bridges.map(({ metadata }) => `bridge ${metadata.name}`)].join(', ')}`);
    },
  };
}

/** Containers and volumes in Docker that belong to bridges of this namespace. */
async function ofNamespace(namespace: string): Promise<string[]> {
  const filters = ['--filter', `label=${ourLabels.managedBy}=${managedBy}`, '--filter', `label=${ourLabels.namespace}=${namespace}`];
  const [containers, volumes] = await Promise.all([
    execa('docker', ['ps', '--all', '--format', '{{.Names}}', ...filters]), execa('docker', ['volume', 'ls', '--format', '{{.Name}}', ...filters]),
  ]);
  return [containers, volumes].flatMap(({ stdout }) => stdout.split('\n').filter(Boolean));
}
