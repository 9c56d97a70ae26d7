import { guestLabel } from '../../protocol/names.ts';
import { resources, resourceFor, type Cluster } from '../adapters/cluster/index.ts';
import { findLabelled } from './find-ours.ts';
import type { Manifest } from './manifests/manifest.ts';
import { removeAll } from './remove.ts';

/** After an upgrade: rights and policies of ours that the new version no longer has. What invitations made stays. */
export async function prune(cluster: Cluster, current: Manifest[]): Promise<void> {
  const key = (type: { kind: string } | undefined, { name, namespace }: { name: string; namespace?: string }): string => `${type?.kind}/${namespace ?? ''}/${name}`;
  const wanted = new Set(current.map((manifest) => key(resourceFor(manifest), manifest.metadata)));
  const found = await findLabelled(cluster, resources.ValidatingAdmissionPolicyBinding, resources.ValidatingAdmissionPolicy, resources.ClusterRoleBinding, resources.ClusterRole, resources.RoleBinding, resources.Role, resources.PriorityClass);
  await removeAll(cluster, found.filter(({ type, object }) => object.metadata.labels?.[guestLabel] === undefined && !wanted.has(key(type, object.metadata))));
}
