/** The ClusterRoles for people: user and viewer. (The installer's is derived from all other manifests: installer-role.ts.) */
import { apiGroup, names } from '../../../protocol/names.ts';
import type { Manifest } from './manifest.ts';

/** A rule of Role and ClusterRole. */
export interface PolicyRule {
  apiGroups: string[];
  resources: string[];
  resourceNames?: string[];
  verbs: string[];
}

const read = ['get', 'list', 'watch'];
const readAndWrite = [...read, 'create', 'update', 'patch', 'delete'];

export function clusterRole(name: string, rules: PolicyRule[]): Manifest {
  return { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name }, rules };
}

/** What a custom kind's pods are is told by its scale subresource: a number of replicas and a label selector, nothing else of the object. */
export const readScale: PolicyRule = { apiGroups: ['*'], resources: ['*/scale'], verbs: ['get'] };

/** Tells which version is installed; readable for whoever may use podbridge at all. */
const readInfo: PolicyRule = { apiGroups: [''], resources: ['configmaps'], resourceNames: [names.info], verbs: ['get'] };

/**
 * Bound by RoleBinding, in each namespace whose workloads may be bridged and in bridge-system (there: clients, and the
 * token for links over the API server). Who may create bridges in a namespace gets the environment of its
 * pods and their traffic: that is as strong as pods/exec.
 */
export function userRole(): Manifest {
  return clusterRole(names.userRole, [
    { apiGroups: [apiGroup], resources: ['bridges', 'clients'], verbs: readAndWrite },
    // Targets are looked up: kind, containers, ports, and how far a rollout is.
    { apiGroups: [''], resources: ['pods', 'services'], verbs: read },
    { apiGroups: ['apps'], resources: ['deployments', 'statefulsets', 'daemonsets', 'replicasets'], verbs: read },
    { apiGroups: ['batch'], resources: ['jobs'], verbs: read },
    readScale,
    // Entries of previews.
    { apiGroups: ['networking.k8s.io'], resources: ['ingresses'], verbs: ['get', 'list'] },
    // A token for cargo, for links over the API server. All that it opens is a port-forward to the hub's pod.
    { apiGroups: [''], resources: ['serviceaccounts/token'], resourceNames: [names.linkAccount], verbs: ['create'] },
    readInfo,
  ]);
}

export function viewerRole(): Manifest {
  return clusterRole(names.viewerRole, [
    { apiGroups: [apiGroup], resources: ['bridges', 'clients'], verbs: read },
    readInfo,
  ]);
}
