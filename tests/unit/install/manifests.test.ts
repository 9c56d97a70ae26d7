import { describe, expect, test } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import { formatDocuments } from '../../../cli/answer.ts';
import { manifests, type Manifest } from '../../../cli/install/manifests/index.ts';
import { readScale, type PolicyRule } from '../../../cli/install/manifests/roles.ts';
import { apiGroup, labels, managedBy, names, systemNamespace } from '../../../protocol/names.ts';

const settings = { version: '1.2.3', stowawayImage: 'registry.example/podbridge-stowaway:1.2.3-abc' };
const all = manifests(settings);

const named = (kind: string, name: string): Manifest => {
  const found = all.find((manifest) => manifest.kind === kind && manifest.metadata.name === name);
  if (found === undefined) throw new Error(`no ${kind} ${name}`);
  return found;
};
const rulesOf = (manifest: Manifest): PolicyRule[] => (manifest as Manifest & { rules: PolicyRule[] }).rules;
const roles = all.filter(({ kind }) => kind === 'Role' || kind === 'ClusterRole');

interface PodSpec {
  hostPID?: boolean;
  hostNetwork?: boolean;
  volumes?: Record<string, unknown>[];
  containers: { image: string; imagePullPolicy?: string; securityContext?: { privileged?: boolean; allowPrivilegeEscalation?: boolean; readOnlyRootFilesystem?: boolean; capabilities?: { drop?: string[] } } }[];
}
const podSpecs = all.flatMap((manifest) => {
  const spec = (manifest as { spec?: { template?: { spec: PodSpec; metadata: { labels: Record<string, string> } } } }).spec;
  return spec?.template === undefined ? [] : [spec.template];
});

/** Does a list of rules allow one thing? As the API server's RBAC authorizer decides. */
function allows(rules: PolicyRule[], group: string, resource: string, verb: string, name?: string): boolean {
  return rules.some((rule) => rule.apiGroups.includes(group) && rule.resources.includes(resource) && rule.verbs.includes(verb)
    && (rule.resourceNames === undefined || (name !== undefined && rule.resourceNames.includes(name))));
}

describe('manifests', () => {
  test('each is labelled as ours and with the version, and stands where it should', () => {
    for (const { kind, metadata } of all) {
      expect([kind, metadata.name, metadata.labels]).toEqual([kind, metadata.name, expect.objectContaining({ [labels.managedBy]: managedBy, [labels.version]: '1.2.3' })]);
      expect([undefined, systemNamespace]).toContain(metadata.namespace);
    }
  });

  test('no object is there twice, and none refers to a role or account that is not', () => {
    const keys = all.map(({ kind, metadata }) => `${kind}/${metadata.name}`);
    expect(new Set(keys).size).toBe(keys.length);
    for (const binding of all.filter(({ kind }) => /^(Cluster)?RoleBinding$/.test(kind)) as (Manifest & { roleRef: { kind: string; name: string }; subjects: { kind: string; name: string }[] })[]) {
      expect(keys).toContain(`${binding.roleRef.kind}/${binding.roleRef.name}`);
      for (const subject of binding.subjects) expect(keys).toContain(`${subject.kind}/${subject.name}`);
    }
  });

  test('each comes after what it needs', () => {
    const order = all.map(({ kind }) => kind);
    const last = (kind: string): number => order.lastIndexOf(kind);
    const first = (kind: string): number => order.indexOf(kind);
    expect(first('Namespace')).toBe(0);
    expect(last('CustomResourceDefinition')).toBeLessThan(first('Deployment'));
    expect(last('ServiceAccount')).toBeLessThan(first('StatefulSet'));
    expect(order.at(-1)).toBe('ConfigMap');
  });

  test('equal settings give equal manifests', () => {
    expect(manifests(settings)).toEqual(all);
  });

  test('as YAML documents they are what they were', () => {
    return formatDocuments(all).then((text) => {
      const documents = parseAllDocuments(text);
      expect(documents.flatMap(({ errors }) => errors)).toEqual([]);
      expect(documents.map((document) => document.toJS() as unknown)).toEqual(JSON.parse(JSON.stringify(all)));
      expect(text).not.toMatch(/[&*]a\d+/);
    });
  });
});

describe('rights', () => {
  test('no role of ours has a wildcard but for reading scales, escalates, binds or impersonates', () => {
    for (const role of roles) {
      for (const rule of rulesOf(role)) {
        // Of whatever kind: how many replicas it has and which pods are its own, and nothing else of it.
        if (JSON.stringify(rule) === JSON.stringify(readScale)) continue;
        const words = [...rule.apiGroups, ...rule.resources, ...rule.verbs];
        expect([role.metadata.name, words.filter((word) => ['*', 'escalate', 'bind', 'impersonate', 'deletecollection'].includes(word))]).toEqual([role.metadata.name, []]);
        expect(rule.resources.filter((resource) => /\*|pods\/exec|pods\/attach|pods\/ephemeralcontainers|nodes\/proxy/.test(resource))).toEqual([]);
        // A token is whatever its account may do: only of the one that may do next to nothing.
        if (rule.resources.includes('serviceaccounts/token')) expect([rule.resources, rule.resourceNames, rule.verbs]).toEqual([['serviceaccounts/token'], [names.linkAccount], ['create']]);
      }
    }
  });

  test('nobody of ours may change a workload of others', () => {
    for (const role of roles.filter(({ metadata }) => metadata.name !== names.installerRole)) {
      const writing = rulesOf(role).filter(({ apiGroups, verbs }) => apiGroups.some((group) => ['apps', 'batch'].includes(group)) && verbs.some((verb) => !['get', 'list', 'watch'].includes(verb)));
      expect(writing).toEqual([]);
    }
  });

  test('only the hub reads a Secret, and only its own', () => {
    const readers = roles.filter((role) => rulesOf(role).some(({ resources, verbs }) => resources.includes('secrets') && verbs.some((verb) => ['get', 'list', 'watch'].includes(verb))));
    // The installer has what it grants.
    expect(readers.map(({ metadata }) => metadata.name).filter((name) => name !== names.installerRole)).toEqual([names.hub]);
    for (const role of readers) {
      for (const rule of rulesOf(role).filter(({ resources, verbs }) => resources.includes('secrets') && verbs.includes('get'))) expect(rule.resourceNames).toEqual([names.hubKeySecret]);
    }
  });

  test('a user has bridges and clients, may look at targets, and reaches no pod; cargo\'s token only the hub\'s port-forward', () => {
    const user = rulesOf(named('ClusterRole', names.userRole));
    for (const verb of ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete']) {
      expect(allows(user, apiGroup, 'bridges', verb)).toBe(true);
      expect(allows(user, apiGroup, 'clients', verb)).toBe(true);
    }
    expect(allows(user, apiGroup, 'bridges/status', 'patch')).toBe(false);
    expect(allows(user, apiGroup, 'bridges', 'administer')).toBe(false);
    expect(allows(user, '', 'pods/portforward', 'create', names.hubPod)).toBe(false);
    expect(allows(user, '', 'serviceaccounts/token', 'create', names.linkAccount)).toBe(true);
    expect(allows(user, '', 'serviceaccounts/token', 'create', names.hub)).toBe(false);
    expect(rulesOf(named('Role', names.linkAccount))).toEqual([{ apiGroups: [''], resources: ['pods/portforward'], resourceNames: [names.hubPod], verbs: ['get', 'create'] }]);
    expect(roles.filter(({ metadata }) => metadata.name === names.linkAccount)).toHaveLength(1);
    expect(allows(user, '', 'configmaps', 'get', names.info)).toBe(true);
    expect(allows(user, '', 'configmaps', 'get', 'other')).toBe(false);
  });

  test('a viewer writes nothing', () => {
    expect(new Set(rulesOf(named('ClusterRole', names.viewerRole)).flatMap(({ verbs }) => verbs))).toEqual(new Set(['get', 'list', 'watch']));
  });

  test('the installer may write everything that is installed, by name, and has what it grants', () => {
    const installer = rulesOf(named('ClusterRole', names.installerRole));
    const plural: Record<string, [string, string]> = {
      Namespace: ['', 'namespaces'], CustomResourceDefinition: ['apiextensions.k8s.io', 'customresourcedefinitions'], ClusterRole: ['rbac.authorization.k8s.io', 'clusterroles'],
      ValidatingAdmissionPolicy: ['admissionregistration.k8s.io', 'validatingadmissionpolicies'], Deployment: ['apps', 'deployments'], StatefulSet: ['apps', 'statefulsets'], NetworkPolicy: ['networking.k8s.io', 'networkpolicies'],
      ServiceAccount: ['', 'serviceaccounts'], PriorityClass: ['scheduling.k8s.io', 'priorityclasses'],
    };
    for (const { kind, metadata } of all) {
      const [group, resource] = plural[kind] ?? [];
      if (group === undefined || resource === undefined) continue;
      for (const verb of ['create', 'patch', 'delete']) {
        expect([kind, metadata.name, verb, allows(installer, group, resource, verb, metadata.name)]).toEqual([kind, metadata.name, verb, true]);
        expect([kind, verb, allows(installer, group, resource, verb, 'somebody-elses')]).toEqual([kind, verb, false]);
      }
    }
    for (const rule of roles.filter(({ metadata }) => metadata.name !== names.installerRole).flatMap(rulesOf)) expect(installer).toContainEqual(rule);
  });
});

describe('pods', () => {
  test('none is privileged or has the host\'s files, and all drop every capability first', () => {
    expect(podSpecs.length).toBe(2);
    for (const { spec } of podSpecs) {
      expect(spec.hostNetwork ?? false).toBe(false);
      expect(spec.hostPID ?? false).toBe(false);
      expect((spec.volumes ?? []).filter((volume) => 'hostPath' in volume)).toEqual([]);
      for (const { image, imagePullPolicy, securityContext } of spec.containers) {
        expect(image).toBe(settings.stowawayImage);
        // A copied image exists nowhere but on the nodes.
        expect(imagePullPolicy).toBe('IfNotPresent');
        expect(securityContext).toMatchObject({ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } });
        expect(securityContext?.privileged ?? false).toBe(false);
      }
    }
  });

  test('the network policies select exactly the components that exist', () => {
    const components = podSpecs.map(({ metadata }) => metadata.labels[labels.component]);
    const selected = all.filter(({ kind }) => kind === 'NetworkPolicy')
      .map((policy) => (policy as unknown as { spec: { podSelector: { matchLabels?: Record<string, string> } } }).spec.podSelector.matchLabels?.[labels.component]).filter((component) => component !== undefined);
    expect(selected.sort()).toEqual([...components, 'agent', 'preview'].sort());
  });
});

describe('policies', () => {
  const policies = all.filter(({ kind }) => kind === 'ValidatingAdmissionPolicy') as (Manifest & { spec: { failurePolicy: string; matchConstraints: { resourceRules: { apiGroups: string[]; resources: string[] }[] } } })[];

  test('each is bound, denies, and fails closed', () => {
    for (const policy of policies) {
      expect(policy.spec.failurePolicy).toBe('Fail');
      expect(named('ValidatingAdmissionPolicyBinding', policy.metadata.name)).toMatchObject({ spec: { policyName: policy.metadata.name, validationActions: ['Deny'] } });
    }
  });

  test('they are about our kinds only: a broken policy can hold up nobody else', () => {
    for (const { spec } of policies) {
      for (const rule of spec.matchConstraints.resourceRules) {
        expect(rule.apiGroups).toEqual([apiGroup]);
        expect(rule.resources.every((resource) => /^(bridges|clients)(\/status)?$/.test(resource))).toBe(true);
      }
    }
    expect(policies.flatMap(({ spec }) => spec.matchConstraints.resourceRules.flatMap(({ resources }) => resources)).sort()).toEqual(['bridges', 'bridges', 'bridges/status', 'clients', 'clients/status']);
  });
});
