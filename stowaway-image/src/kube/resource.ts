/** Kinds of objects and their REST paths. */
import { apiGroup, apiVersion } from '../../../protocol/names.ts';

export interface Resource {
  /** `v1` or `group/version`. */
  apiVersion: string;
  kind: string;
  plural: string;
  namespaced: boolean;
}

export interface ObjectRef {
  /** Absent for cluster-scoped objects. */
  namespace?: string | undefined;
  name: string;
}

export interface Selection {
  /** Absent: all namespaces. */
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
}

function resource(groupVersion: string, kind: string, plural: string, namespaced = true): Resource {
  return { apiVersion: groupVersion, kind, plural, namespaced };
}

export const resources = {
  pods: resource('v1', 'Pod', 'pods'),
  nodes: resource('v1', 'Node', 'nodes', false),
  services: resource('v1', 'Service', 'services'),
  secrets: resource('v1', 'Secret', 'secrets'),
  serviceAccounts: resource('v1', 'ServiceAccount', 'serviceaccounts'),
  configMaps: resource('v1', 'ConfigMap', 'configmaps'),
  deployments: resource('apps/v1', 'Deployment', 'deployments'),
  statefulSets: resource('apps/v1', 'StatefulSet', 'statefulsets'),
  daemonSets: resource('apps/v1', 'DaemonSet', 'daemonsets'),
  replicaSets: resource('apps/v1', 'ReplicaSet', 'replicasets'),
  jobs: resource('batch/v1', 'Job', 'jobs'),
  serviceCidrs: resource('networking.k8s.io/v1', 'ServiceCIDR', 'servicecidrs', false),
  events: resource('v1', 'Event', 'events'),
  leases: resource('coordination.k8s.io/v1', 'Lease', 'leases'),
  clients: resource(`${apiGroup}/${apiVersion}`, 'Client', 'clients'),
  bridges: resource(`${apiGroup}/${apiVersion}`, 'Bridge', 'bridges'),
} as const;

function base({ apiVersion, plural, namespaced }: Resource, namespace: string | undefined): string {
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  return namespaced && namespace !== undefined ? `${root}/namespaces/${encodeURIComponent(namespace)}/${plural}` : `${root}/${plural}`;
}

export function collectionPath(kind: Resource, namespace?: string): string {
  return base(kind, namespace);
}

export function objectPath(kind: Resource, ref: ObjectRef, subresource?: string): string {
  return `${base(kind, ref.namespace)}/${encodeURIComponent(ref.name)}${subresource === undefined ? '' : `/${subresource}`}`;
}
