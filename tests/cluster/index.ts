import { chooseProvider, providerOf } from './choose.ts';
import { progressOn, type Progress } from './progress.ts';
import type { Cluster, ClusterStatus } from './provider.ts';

export { ensureBaseImage } from './base-image.ts';
export { ensureBusyboxImage } from './busybox-image.ts';
export { ensureDocker } from './docker-engine.ts';
export { kubectlFor } from './kubectl.ts';
export { progressOn, silent, type Progress } from './progress.ts';
export type { Cluster, ClusterStatus } from './provider.ts';

/** Name of the cluster where none is given. */
export const defaultName = process.env.PODBRIDGE_TEST_CLUSTER || 'podbridge';
export const maxNodes = 4;

export interface ClusterOptions {
  /** Clusters of different names exist side by side. */
  name?: string;
  /** 1 to 4; 2 if not said. A cluster that has another number is made anew. */
  nodes?: number;
  progress?: Progress;
}

/** A ready cluster: the one named by PODBRIDGE_TEST_CONTEXT, else one of kind, k3d, or the embedded one, made or healed as needed. */
export async function ensureCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const { name = defaultName, nodes, progress = progressOn(process.stderr) } = options;
  if (!/^[a-z][a-z0-9-]{0,29}$/.test(name)) throw new RangeError(`A cluster's name has lower-case letters, digits and "-", and at most 30 of them: ${name}`);
  if (nodes !== undefined && !(Number.isInteger(nodes) && nodes >= 1 && nodes <= maxNodes)) throw new RangeError(`A cluster has 1 to ${maxNodes} nodes, not ${nodes}.`);
  return (await chooseProvider()).up({ name, nodes, progress });
}

/** Copies images from Docker into every node; those that a node has are skipped. */
export async function loadImages(cluster: Cluster, images: string[], progress: Progress = progressOn(process.stderr)): Promise<void> {
  await providerOf(cluster).load(cluster, images, progress);
}

/** Removes all containers, networks and volumes of the cluster. */
export async function removeCluster(options: Omit<ClusterOptions, 'nodes'> = {}): Promise<void> {
  const { name = defaultName, progress = progressOn(process.stderr) } = options;
  await (await chooseProvider()).down(name, progress);
}

/** The cluster if it is there and running; nothing is made. */
export async function findCluster(name = defaultName): Promise<Cluster | undefined> {
  return (await chooseProvider()).find(name);
}

export async function clusterStatus(name = defaultName): Promise<ClusterStatus> {
  return (await chooseProvider()).status(name);
}
