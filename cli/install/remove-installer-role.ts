import { resources, type Cluster } from '../adapters/cluster/index.ts';
import { isBridgeError } from '../errors.ts';
import type { Found } from './find-ours.ts';
import { removeAll, untilGone } from './remove.ts';

/**
 * Who has his rights by this role loses them with it, and could not remove its bindings afterwards, nor it after them. So
 * the bindings become dependents of the role, and Kubernetes removes them with it.
 * @param found the role and its bindings
 */
export async function removeInstallerRole(cluster: Cluster, found: Found[], waiting: (waitingFor: string) => void, now: () => number): Promise<void> {
  const role = found.find(({ type }) => type === resources.ClusterRole);
  const bindings = found.filter((each) => each !== role);
  if (role === undefined) return removeAll(cluster, bindings);
  const { name, uid } = role.object.metadata;
  const ownerReferences = [{ apiVersion: resources.ClusterRole.apiVersion, kind: resources.ClusterRole.kind, name, uid }];
  await Promise.all(bindings.map(({ type, object: { metadata } }) =>
    cluster.patch(type, metadata.name, { metadata: { ownerReferences } }, metadata.namespace === undefined ? {} : { namespace: metadata.namespace })));
  await removeAll(cluster, [role]);
  try {
    await untilGone(cluster, found, waiting, now);
  } catch (error) {
    // It was this role by which we could look.
    if (!isBridgeError(error) || error.facts.code !== 'cluster-forbidden') throw error;
  }
}
