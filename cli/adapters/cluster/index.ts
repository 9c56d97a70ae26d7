/** The door of this folder. Only types and tables are imported at once; client-node is loaded by the first connection. */
import type { Host } from '../../host.ts';
import type { Cluster } from './cluster.ts';

export type * from './cluster.ts';
export { resources, resourceFor, resourcePath, type ResourceType } from './resources.ts';

/** The flags that decide which cluster is meant. */
export interface ClusterChoice {
  /** `--kubeconfig`: this file and no other. */
  kubeconfig?: string;
  /** `--context`. */
  context?: string;
}

/** Reads the kubeconfig (flag, then KUBECONFIG with several files, then ~/.kube/config). No request is made yet. */
export async function connectCluster(host: Pick<Host, 'env' | 'homeDir' | 'cwd'>, choice: ClusterChoice = {}): Promise<Cluster> {
  const { connect } = await import('./connect.ts');
  return connect(host, choice);
}
