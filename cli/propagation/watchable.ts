import { targetWords } from '../../protocol/target.ts';
import { resources, type Cluster, type KubeObject } from '../adapters/cluster/index.ts';

interface Workload extends KubeObject {
  spec?: { replicas?: number; template?: { spec?: { hostNetwork?: boolean; containers?: { ports?: { protocol?: string }[] }[] } } };
}

/** Workloads of a namespace that run and declare TCP ports, as `deploy/api`. */
export async function watchable(cluster: Cluster, namespace: string): Promise<string[]> {
  const lists = await Promise.all((['Deployment', 'StatefulSet', 'DaemonSet'] as const).map(async (kind) => (await cluster.list<Workload>(resources[kind], { namespace })).items
    .filter(({ spec }) => spec?.replicas !== 0 && spec?.template?.spec?.hostNetwork !== true && (spec?.template?.spec?.containers ?? []).some(({ ports = [] }) => ports.some(({ protocol }) => (protocol ?? 'TCP') === 'TCP')))
    .map(({ metadata }) => targetWords({ kind, name: metadata.name }))));
  return lists.flat().sort();
}

interface Pod extends KubeObject {
  spec?: { hostNetwork?: boolean };
  status?: { podIP?: string };
}

/** Of the pods of a namespace by their names; those that share their node's are left out. */
export async function podAddresses(cluster: Cluster, namespace: string): Promise<Map<string, string>> {
  const { items } = await cluster.list<Pod>(resources.Pod, { namespace });
  return new Map(items.flatMap(({ metadata, spec, status }) => (spec?.hostNetwork === true || status?.podIP === undefined ? [] : [[metadata.name, status.podIP] as const])));
}
