/** The kinds that podbridge reads or writes, so that no discovery round trip is needed to find their paths. */
import { groupVersion } from '../../../protocol/names.ts';

export interface ResourceType {
  apiVersion: string;
  kind: string;
  plural: string;
  namespaced: boolean;
}

function namespaced(apiVersion: string, kind: string, plural: string): ResourceType {
  return { apiVersion, kind, plural, namespaced: true };
}

function clusterWide(apiVersion: string, kind: string, plural: string): ResourceType {
  return { apiVersion, kind, plural, namespaced: false };
}

const admission = 'admissionregistration.k8s.io/v1';
const rbac = 'rbac.authorization.k8s.io/v1';

export const resources = {
  Namespace: clusterWide('v1', 'Namespace', 'namespaces'),
  Node: clusterWide('v1', 'Node', 'nodes'),
  PersistentVolume: clusterWide('v1', 'PersistentVolume', 'persistentvolumes'),
  Pod: namespaced('v1', 'Pod', 'pods'),
  Service: namespaced('v1', 'Service', 'services'),
  Secret: namespaced('v1', 'Secret', 'secrets'),
  ConfigMap: namespaced('v1', 'ConfigMap', 'configmaps'),
  ServiceAccount: namespaced('v1', 'ServiceAccount', 'serviceaccounts'),
  PersistentVolumeClaim: namespaced('v1', 'PersistentVolumeClaim', 'persistentvolumeclaims'),
  Event: namespaced('v1', 'Event', 'events'),
  Endpoints: namespaced('v1', 'Endpoints', 'endpoints'),
  EndpointSlice: namespaced('discovery.k8s.io/v1', 'EndpointSlice', 'endpointslices'),
  Deployment: namespaced('apps/v1', 'Deployment', 'deployments'),
  StatefulSet: namespaced('apps/v1', 'StatefulSet', 'statefulsets'),
  DaemonSet: namespaced('apps/v1', 'DaemonSet', 'daemonsets'),
  ReplicaSet: namespaced('apps/v1', 'ReplicaSet', 'replicasets'),
  ControllerRevision: namespaced('apps/v1', 'ControllerRevision', 'controllerrevisions'),
  Job: namespaced('batch/v1', 'Job', 'jobs'),
  CronJob: namespaced('batch/v1', 'CronJob', 'cronjobs'),
  Lease: namespaced('coordination.k8s.io/v1', 'Lease', 'leases'),
  PodDisruptionBudget: namespaced('policy/v1', 'PodDisruptionBudget', 'poddisruptionbudgets'),
  NetworkPolicy: namespaced('networking.k8s.io/v1', 'NetworkPolicy', 'networkpolicies'),
  Ingress: namespaced('networking.k8s.io/v1', 'Ingress', 'ingresses'),
  IngressClass: clusterWide('networking.k8s.io/v1', 'IngressClass', 'ingressclasses'),
  HTTPRoute: namespaced('gateway.networking.k8s.io/v1', 'HTTPRoute', 'httproutes'),
  Role: namespaced(rbac, 'Role', 'roles'),
  RoleBinding: namespaced(rbac, 'RoleBinding', 'rolebindings'),
  ClusterRole: clusterWide(rbac, 'ClusterRole', 'clusterroles'),
  ClusterRoleBinding: clusterWide(rbac, 'ClusterRoleBinding', 'clusterrolebindings'),
  PriorityClass: clusterWide('scheduling.k8s.io/v1', 'PriorityClass', 'priorityclasses'),
  ValidatingAdmissionPolicy: clusterWide(admission, 'ValidatingAdmissionPolicy', 'validatingadmissionpolicies'),
  ValidatingAdmissionPolicyBinding: clusterWide(admission, 'ValidatingAdmissionPolicyBinding', 'validatingadmissionpolicybindings'),
  ValidatingWebhookConfiguration: clusterWide(admission, 'ValidatingWebhookConfiguration', 'validatingwebhookconfigurations'),
  MutatingWebhookConfiguration: clusterWide(admission, 'MutatingWebhookConfiguration', 'mutatingwebhookconfigurations'),
  CustomResourceDefinition: clusterWide('apiextensions.k8s.io/v1', 'CustomResourceDefinition', 'customresourcedefinitions'),
  Client: namespaced(groupVersion, 'Client', 'clients'),
  Bridge: namespaced(groupVersion, 'Bridge', 'bridges'),
} as const satisfies Record<string, ResourceType>;

/** undefined for a kind that is not in the table. */
export function resourceFor(object: { apiVersion: string; kind: string }): ResourceType | undefined {
  return Object.values(resources).find((type) => type.apiVersion === object.apiVersion && type.kind === object.kind);
}

/** `/apis/apps/v1/namespaces/shop/deployments/api`; without a name the collection. */
export function resourcePath(type: ResourceType, namespace?: string, name?: string, subresource?: string): string {
  const root = type.apiVersion.includes('/') ? `/apis/${type.apiVersion}` : `/api/${type.apiVersion}`;
  return [
    root,
    ...(type.namespaced && namespace !== undefined ? ['namespaces', encodeURIComponent(namespace)] : []),
    type.plural,
    ...(name === undefined ? [] : [encodeURIComponent(name)]),
    ...(subresource === undefined ? [] : [subresource]),
  ].join('/');
}
