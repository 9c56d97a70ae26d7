/** Service accounts of hub, controller and agent, each with the rights that it needs and no other. */
import { apiGroup, labels, managedBy, names, systemNamespace } from '../../../protocol/names.ts';
import type { Manifest } from './manifest.ts';
import { readScale, type PolicyRule } from './roles.ts';

const read = ['get', 'list', 'watch'];
const core = (resources: string[], verbs: string[], resourceNames?: string[]): PolicyRule => ({ apiGroups: [''], resources, verbs, ...(resourceNames === undefined ? {} : { resourceNames }) });
const own = (resources: string[], verbs: string[]): PolicyRule => ({ apiGroups: [apiGroup], resources, verbs });

interface Account {
  name: string;
  /** In bridge-system. */
  here: PolicyRule[];
  everywhere: PolicyRule[];
}

const accounts: Account[] = [
  {
    name: names.hub,
    here: [
      own(['clients'], read),
      own(['clients/status'], ['patch']),
      // Its own key, and no other Secret. (Rights to create cannot be bound to a name.)
      core(['secrets'], ['get'], [names.hubKeySecret]),
      core(['secrets'], ['create']),
      core(['configmaps'], read, [names.network]),
    ],
    // Delete: those whose session on the laptop has ended.
    everywhere: [own(['bridges'], [...read, 'delete'])],
  },
  {
    name: names.controller,
    here: [
      own(['clients'], [...read, 'delete']),
      own(['clients/status'], ['patch']),
      core(['pods'], ['create', 'delete']),
      // When invitations end.
      core(['serviceaccounts'], read),
      core(['configmaps'], ['get'], [names.network]),
      core(['configmaps'], ['create']),
      core(['services'], read, [names.hub]),
      { apiGroups: ['apps'], resources: ['deployments'], resourceNames: [names.controller], verbs: ['get'] },
      { apiGroups: ['coordination.k8s.io'], resources: ['leases'], resourceNames: [names.controllerLease], verbs: ['get', 'update'] },
      { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['create'] },
    ],
    everywhere: [
      own(['bridges'], [...read, 'delete']),
      own(['bridges/status'], ['patch']),
      core(['pods', 'nodes'], read),
      // On targets: who has bridged them.
      core(['events'], ['create']),
      // Targets: what they select.
      core(['services'], ['get']),
      { apiGroups: ['apps'], resources: ['deployments', 'statefulsets', 'daemonsets', 'replicasets'], verbs: ['get'] },
      { apiGroups: ['batch'], resources: ['jobs'], verbs: ['get'] },
      readScale,
      { apiGroups: ['networking.k8s.io'], resources: ['servicecidrs'], verbs: ['list'] },
    ],
  },
  {
    name: names.agent,
    here: [own(['clients'], read)],
    everywhere: [own(['bridges'], read), own(['bridges/status'], ['patch']), core(['pods'], read)],
  },
  {
    // Which previews there are, and with which headers. It reaches Services as any pod does.
    name: names.preview,
    here: [],
    everywhere: [own(['bridges'], read)],
  },
  {
    // No pod runs as it: links over the API server use it, by tokens that users may have made.
    name: names.linkAccount,
    // Since Kubernetes 1.35 a port-forward over websocket needs create besides get. No other pod, no exec.
    here: [core(['pods/portforward'], ['get', 'create'], [names.hubPod])],
    everywhere: [],
  },
];

export function workloadRights(): Manifest[] {
  return accounts.flatMap(({ name, here, everywhere }) => [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace: systemNamespace } },
    ...(here.length === 0 ? [] : [role('Role', name, here), binding('RoleBinding', 'Role', name)]),
    ...(everywhere.length === 0 ? [] : [role('ClusterRole', name, everywhere), binding('ClusterRoleBinding', 'ClusterRole', name)]),
  ]);
}

const placed = (kind: string, name: string): Manifest['metadata'] => ({ name, ...(kind.startsWith('Cluster') ? {} : { namespace: systemNamespace }), labels: { [labels.managedBy]: managedBy } });

function role(kind: 'Role' | 'ClusterRole', name: string, rules: PolicyRule[]): Manifest {
  return { apiVersion: 'rbac.authorization.k8s.io/v1', kind, metadata: placed(kind, name), rules };
}

function binding(kind: 'RoleBinding' | 'ClusterRoleBinding', roleKind: string, name: string): Manifest {
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1', kind, metadata: placed(kind, name),
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: roleKind, name },
    subjects: [{ kind: 'ServiceAccount', name, namespace: systemNamespace }],
  };
}
