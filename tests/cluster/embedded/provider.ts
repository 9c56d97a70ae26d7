import { chmod, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { hasDocker, ensureDocker } from '../docker-engine.ts';
import { clusterLabel } from '../labels.ts';
import { withLock } from '../lock.ts';
import { ensureNodeImage, nodeImageName } from '../node-image.ts';
import { cacheFolder } from '../paths.ts';
import type { Progress } from '../progress.ts';
import type { Cluster, ClusterStatus, Provider, UpOptions } from '../provider.ts';
import { Api } from './api.ts';
import { loadIntoNodes } from './images.ts';
import { ensureNetwork, networkName } from './network.ts';
import { createNode, findNodes, planNodes, type NodeContainer, type NodePlan } from './nodes.ts';
import { waitUntilReady, whyNotReady } from './readiness.ts';

const defaultNodes = 2;
const readyLimitMs = 180_000;
/** Stopped nodes that take longer than this to come back are replaced. */
const healLimitMs = 60_000;
/** How long a cluster found running may be busy before it counts as broken. */
const settleLimitMs = 20_000;

const kubeconfigPath = async (name: string): Promise<string> => join(await cacheFolder('clusters', name), 'kubeconfig');

async function describe(name: string, nodes: { name: string }[]): Promise<Cluster> {
  return {
    name, provider: 'embedded', context: name, kubeconfigPath: await kubeconfigPath(name),
    nodes: nodes.map((node) => node.name), dockerNetwork: networkName(name),
  };
}

/** Kubernetes in containers, from an image of our own: needs nothing but Docker, Go and Debian packages. */
export const embedded: Provider = {
  name: 'embedded',

  async up({ name, nodes: count, progress }: UpOptions): Promise<Cluster> {
    await ensureDocker(progress);
    return withLock(`cluster-${name}`, progress, async () => {
      const found = await findNodes(name);
      if (found.length > 0 && await revive(name, found, count, progress)) return describe(name, found);
      const image = await ensureNodeImage(progress);
      // Also where no container is left: a volume with an older cluster's state would come to life again.
      await progress.step(`making room for cluster ${name}`, () => remove(name));
      try {
        return await create(name, image, count ?? found[0]?.clusterSize ?? defaultNodes, progress);
      } catch (error) {
        progress.note('  nodes and their logs are left for inspection; remove them with: npm run cluster -- down');
        throw error;
      }
    });
  },

  async down(name, progress) {
    if (!await hasDocker()) return;
    await withLock(`cluster-${name}`, progress, () => progress.step(`removing cluster ${name}`, () => remove(name)));
  },

  async find(name) {
    if (!await hasDocker()) return undefined;
    const nodes = await findNodes(name);
    if (nodes.length === 0 || nodes.some((node) => !node.running)) return undefined;
    await writeKubeconfig(name, nodes);
    return describe(name, nodes);
  },

  async status(name): Promise<ClusterStatus> {
    const absent: ClusterStatus = { name, provider: 'embedded', state: 'absent', nodes: [], notes: [] };
    if (!await hasDocker()) return { ...absent, notes: ['Docker does not answer'] };
    const nodes = await findNodes(name);
    if (nodes.length === 0) return { ...absent, notes: ['make it with: npm run cluster -- up'] };
    const notes = nodes[0]?.image === await nodeImageName() ? [] : [outdated];
    const listed = nodes.map((node) => ({ name: node.name, state: node.running ? 'running' : 'stopped', address: node.address }));
    const lost = (nodes[0]?.clusterSize ?? 0) - nodes.length;
    if (lost > 0) return { name, provider: 'embedded', state: 'unhealthy', nodes: listed, notes: [...notes, `${lost} of its nodes no longer exist; make it anew with: npm run cluster -- up`] };
    if (nodes.some((node) => !node.running)) {
      return { name, provider: 'embedded', state: 'stopped', nodes: listed, notes: [...notes, 'start it with: npm run cluster -- up'] };
    }
    const why = await whyNotReady(await Api.from(await writeKubeconfig(name, nodes)), nodes);
    return { name, provider: 'embedded', state: why === undefined ? 'ready' : 'unhealthy', nodes: listed, notes: why === undefined ? notes : [...notes, why] };
  },

  async load(cluster, images, progress) {
    await loadIntoNodes(cluster.nodes, images, progress);
  },
};

const outdated = 'made by another version of the recipe than this one; renew it with: npm run cluster -- down, then up';

/** Makes use of the nodes that exist, starting those that are stopped. False if they have to be replaced. */
async function revive(name: string, found: NodeContainer[], count: number | undefined, progress: Progress): Promise<boolean> {
  const size = found[0]?.clusterSize ?? 0;
  if (count !== undefined && size !== count) {
    progress.note(`Cluster ${name} has ${size} nodes, not ${count}: making it anew.`);
    return false;
  }
  if (found.length !== size) {
    progress.note(`Cluster ${name} has lost ${size - found.length} of its ${size} nodes: making it anew.`);
    return false;
  }
  if (found[0]?.image !== await nodeImageName()) progress.note(`Cluster ${name} was ${outdated}`);
  const stopped = found.filter((node) => !node.running);
  if (stopped.length > 0) {
    const started = await progress.step(`starting ${stopped.map((node) => node.name).join(', ')}`, () =>
      execa('docker', ['start', ...stopped.map((node) => node.name)], { reject: false, all: true }));
    if (started.failed) {
      progress.note(`  ${started.all.trim()}`);
      return false;
    }
  }
  const kubeconfig = await writeKubeconfig(name, found).catch(() => undefined);
  if (kubeconfig === undefined) {
    progress.note(`Cluster ${name} was never finished: making it anew.`);
    return false;
  }
  const api = await Api.from(kubeconfig);
  if (stopped.length === 0 && await whyNotReady(api, found) === undefined) return true;
  const why = await progress.step('waiting until the cluster is ready again', () =>
    waitUntilReady(api, () => findNodes(name), stopped.length > 0 ? healLimitMs : settleLimitMs));
  if (why !== undefined) progress.note(`  ${why}: making the cluster anew`);
  return why === undefined;
}

async function create(name: string, image: string, count: number, progress: Progress): Promise<Cluster> {
  const plan = await progress.step(`making ${count} node${count === 1 ? '' : 's'} of cluster ${name}`, async () => {
    const network = await ensureNetwork(name);
    const nodes = planNodes(name, network, count);
    await Promise.all([
      issueCertificates(name, image, nodes),
      ...nodes.map((node) => createNode(name, image, node, nodes, network.name)),
    ]).then(() => copyCertificates(name, nodes));
    await execa('docker', ['start', ...nodes.map((node) => node.name)], { all: true });
    return nodes;
  });
  const nodes = await findNodes(name);
  const api = await Api.from(await writeKubeconfig(name, nodes));
  const why = await progress.step('waiting until the nodes are Ready and DNS answers', () => waitUntilReady(api, () => findNodes(name), readyLimitMs));
  if (why !== undefined) {
    throw new Error(`Cluster ${name} did not become ready within ${readyLimitMs / 1000} s: ${why}. See: docker logs ${plan[0]?.name}; docker exec ${plan[0]?.name} node-service log kubelet`);
  }
  return describe(name, plan);
}

const certificateFolder = (name: string): Promise<string> => cacheFolder('clusters', name, 'certificates');

/** The keys exist on this machine only until they are in the nodes. */
async function issueCertificates(name: string, image: string, nodes: NodePlan[]): Promise<void> {
  const folder = await certificateFolder(name);
  const made = execa('docker', ['run', '--rm', '--network', 'none', '--entrypoint', 'make-pki', image, name, nodes[0]?.address ?? '', ...nodes.map((node) => node.name)], { buffer: { stdout: false } });
  await Promise.all([made, made.pipe('tar', ['-C', folder, '-x'])]);
}

async function copyCertificates(name: string, nodes: NodePlan[]): Promise<void> {
  const folder = await certificateFolder(name);
  try {
    await Promise.all(nodes.map((node) => execa('docker', ['cp', `${join(folder, node.name)}/.`, `${node.name}:/etc/kubernetes`])));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The cluster is the source of its kubeconfig; the file is a copy for tools. */
async function writeKubeconfig(name: string, nodes: NodeContainer[]): Promise<string> {
  const path = await kubeconfigPath(name);
  const folder = await mkdtemp(join(await cacheFolder('clusters', name), 'kubeconfig-'));
  try {
    const copied = join(folder, 'admin.conf');
    await execa('docker', ['cp', `${nodes[0]?.name}:/etc/kubernetes/admin.conf`, copied]);
    await chmod(copied, 0o600);
    await rename(copied, path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return path;
}

async function remove(name: string): Promise<void> {
  const byLabel = ['--quiet', '--filter', `label=${clusterLabel}=${name}`];
  const list = async (...command: string[]): Promise<string[]> => (await execa('docker', [...command, ...byLabel])).stdout.split('\n').filter(Boolean);
  const containers = await list('ps', '--all');
  if (containers.length > 0) await execa('docker', ['rm', '--force', '--volumes', ...containers], { all: true });
  const volumes = await list('volume', 'ls');
  if (volumes.length > 0) await execa('docker', ['volume', 'rm', '--force', ...volumes], { all: true });
  for (const network of await list('network', 'ls')) {
    await disconnectAll(network);
    await execa('docker', ['network', 'rm', network], { all: true });
  }
  await rm(await cacheFolder('clusters', name), { recursive: true, force: true });
}

/** A network with a guest (a link's container, say) cannot be removed. */
async function disconnectAll(network: string): Promise<void> {
  const { stdout } = await execa('docker', ['network', 'inspect', '--format', '{{range $id, $_ := .Containers}}{{$id}} {{end}}', network]);
  for (const guest of stdout.trim().split(' ').filter(Boolean)) {
    await execa('docker', ['network', 'disconnect', '--force', network, guest], { reject: false });
  }
}

