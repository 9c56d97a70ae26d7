/**
 * What `bridge install` and `bridge uninstall` need, derived from what they install, so that it can neither lack nor exceed.
 * Rights to write are bound to the names of our own objects: server-side apply carries the name even when it creates.
 * Kubernetes lets nobody grant what he has not: so the rules of our roles are contained here, instead of `escalate` and `bind`.
 */
import { administerVerb, apiGroup, names } from '../../../protocol/names.ts';
import { resourceFor } from '../../adapters/cluster/index.ts';
import type { Manifest } from './manifest.ts';
import { clusterRole, type PolicyRule } from './roles.ts';

const write = ['get', 'list', 'watch', 'create', 'patch', 'delete'];

/** @param others all other manifests */
export function installerRole(others: Manifest[]): Manifest {
  const self = clusterRole(names.installerRole, []);
  return clusterRole(names.installerRole, [
    ...ownObjects([...others, self]),
    // Found by label, or by the role that they refer to, when all is removed.
    { apiGroups: ['rbac.authorization.k8s.io'], resources: ['clusterroles', 'clusterrolebindings', 'roles'], verbs: ['list'] },
    { apiGroups: ['rbac.authorization.k8s.io'], resources: ['rolebindings', 'clusterrolebindings'], verbs: ['get', 'list', 'patch', 'delete'] },
    { apiGroups: ['admissionregistration.k8s.io'], resources: ['validatingadmissionpolicies', 'validatingadmissionpolicybindings'], verbs: ['list'] },
    { apiGroups: ['scheduling.k8s.io'], resources: ['priorityclasses'], verbs: ['list'] },
    { apiGroups: ['apiextensions.k8s.io'], resources: ['customresourcedefinitions'], verbs: ['list'] },
    // Whether there is the class that previews are to go through.
    { apiGroups: ['networking.k8s.io'], resources: ['ingressclasses'], verbs: ['list'] },
    // Whether the nodes are containers of the local Docker, and why a pod of ours does not start.
    { apiGroups: [''], resources: ['nodes', 'pods'], verbs: ['get', 'list', 'watch'] },
    // Proof that the policies are in force (a dry run), and removal of what users left.
    { apiGroups: [apiGroup], resources: ['bridges', 'clients'], verbs: ['get', 'list', 'watch', 'create', 'patch', 'delete', administerVerb] },
    ...grantedRules(others),
  ]);
}

function ownObjects(manifests: Manifest[]): PolicyRule[] {
  const rules = new Map<string, PolicyRule & { resourceNames: string[] }>();
  for (const manifest of manifests) {
    const type = resourceFor(manifest);
    if (type === undefined) throw new TypeError(`${manifest.kind} ${manifest.metadata.name} is of a kind that cli/adapters/cluster/resources.ts lacks`);
    const group = type.apiVersion.includes('/') ? type.apiVersion.replace(/\/.*/, '') : '';
    const key = `${group}/${type.plural}`;
    const rule = rules.get(key) ?? { apiGroups: [group], resources: [type.plural], resourceNames: [], verbs: write };
    rule.resourceNames.push(manifest.metadata.name);
    rules.set(key, rule);
  }
  return [...rules.values()];
}

function grantedRules(manifests: Manifest[]): PolicyRule[] {
  const roles = manifests.filter((manifest) => manifest.kind === 'ClusterRole' || manifest.kind === 'Role');
  const rules = roles.flatMap((role) => (role as Manifest & { rules: PolicyRule[] }).rules);
  return [...new Map(rules.map((rule) => [JSON.stringify(rule), rule])).values()];
}
