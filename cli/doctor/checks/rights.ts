/** What the user may do, right by right, in bridge-system (links) and in the namespace of the workloads. */
import { apiGroup, names, systemNamespace } from '../../../protocol/names.ts';
import { userRole } from '../../install/manifests/roles.ts';
import type { PolicyRule } from '../../install/manifests/roles.ts';
import { grantLines } from '../../grant-lines.ts';
import type { Access } from '../../adapters/cluster/index.ts';
import type { Check } from '../check.ts';
import { ok, type Finding } from '../finding.ts';

/** The shipped role as single questions, so that the two cannot differ. */
export function wantedRights(namespace: string): Access[] {
  const { rules } = userRole() as unknown as { rules: PolicyRule[] };
  return rules.flatMap(({ apiGroups: [group = ''], resources, verbs, resourceNames }) => resources.flatMap((entry) => {
    const [resource = '', subresource] = entry.split('/');
    // Clients, the hub's port-forward and the version are in bridge-system, all else where the workloads are.
    const here = resource === 'clients' || resourceNames !== undefined ? systemNamespace : namespace;
    return verbs.map((verb): Access => ({
      verb, resource: group === '' ? resource : `${resource}.${group}`, namespace: here, ...(subresource === undefined ? {} : { subresource }), ...(resourceNames?.[0] === undefined ? {} : { name: resourceNames[0] }),
    }));
  }));
}

function wordsOf({ verb, resource, subresource, namespace }: Access): string {
  return `${verb} ${resource.replace(`.${apiGroup}`, '')}${subresource === undefined ? '' : `/${subresource}`} in ${namespace}`;
}

export const rightsCheck: Check = {
  id: 'rights', area: 'cluster', title: 'Rights',
  async run({ cluster: connect, namespace: ask }) {
    const [cluster, namespace] = await Promise.all([connect(), ask()]);
    const [{ username }, answers] = await Promise.all([
      cluster.whoAmI(), Promise.all(wantedRights(namespace).map(async (access) => ({ access, allowed: await cluster.can(access) }))),
    ]);
    const missing = answers.filter(({ allowed }) => !allowed).map(({ access }) => access);
    if (missing.length === 0) return [ok('rights', `${username} may do everything that bridging in ${namespace} needs (${answers.length} rights)`)];
    const lines = grantLines(username, namespace);
    return missing.map((access): Finding => ({
      code: 'right-missing', severity: 'error', what: `${username} may not ${wordsOf(access)}`, why: `nobody has bound the role ${names.userRole} in ${access.namespace}`,
      fix: access.namespace === systemNamespace ? lines[0]! : lines[1]!,
    }));
  },
};
