import { defaultName, ensureCluster, type Cluster, type Progress } from '../cluster/index.ts';
import { openKube, type Kube } from './kube.ts';

export interface TestCluster {
  cluster: Cluster;
  kube: Kube;
}

/** The cluster of tests and demo, made if need be. PODBRIDGE_TEST_CLUSTER names another one than the usual, so that several people can work on one machine. */
export async function testCluster(progress?: Progress): Promise<TestCluster> {
  const cluster = await ensureCluster({ name: process.env.PODBRIDGE_TEST_CLUSTER ?? defaultName, progress });
  return { cluster, kube: await openKube(cluster) };
}
