/** Does the cluster let our pods be as they must be: Pod Security of bridge-system, our own policies, other people's webhooks. Seen only by who may read them. */
import { systemNamespace } from '../../../protocol/names.ts';
import { resources, type Cluster, type KubeObject } from '../../adapters/cluster/index.ts';
import { agentRefusal } from '../../install/agents-allowed.ts';
import { policies } from '../../install/manifests/policies.ts';
import type { Pod } from '../../install/pod-trouble.ts';
import { isBridgeError } from '../../errors.ts';
import type { Check } from '../check.ts';
import { ok, type Finding } from '../finding.ts';

const enforceLabel = 'pod-security.kubernetes.io/enforce';

/** What this user may not read stays unsaid. */
async function readable<T>(question: Promise<T>): Promise<T | undefined> {
  try {
    return await question;
  } catch (error) {
    if (isBridgeError(error) && ['cluster-forbidden', 'cluster-not-found', 'cluster-kind-missing'].includes(error.facts.code)) return undefined;
    throw error;
  }
}

async function podSecurity(cluster: Cluster): Promise<Finding[]> {
  const namespace = await readable(cluster.find<KubeObject>(resources.Namespace, systemNamespace));
  const level = namespace?.metadata.labels?.[enforceLabel];
  if (namespace === undefined) return [];
  if (level === 'privileged' || level === undefined) return [ok('pod-security', `Pod Security lets agents run in ${systemNamespace}`)];
  return [{
    code: 'pod-security', severity: 'error', what: `namespace ${systemNamespace} enforces the Pod Security level ${level}`, why: 'agents need hostPID and capabilities, so no pod can be bridged', fix: `${cluster.context.kubectl} label namespace ${systemNamespace} ${enforceLabel}=privileged --overwrite`,
  }];
}

/** By a dry run, which only who may make pods there can ask for; all others are told by their bridges. */
async function agentsMayRun(cluster: Cluster): Promise<Finding[]> {
  const pods = await readable(cluster.list<Pod>(resources.Pod, { namespace: systemNamespace }));
  const image = pods?.items[0]?.spec.containers[0]?.image;
  const why = image === undefined ? undefined : await agentRefusal(cluster, image);
  return why === undefined ? [] : [{
    code: 'agents-forbidden', severity: 'error', what: 'this cluster forbids podbridge\'s agents, so no pod can be bridged', why, fix: `exempt namespace ${systemNamespace} from that policy (docs/security.md says what agents need, and why)`,
  }];
}

async function ownPolicies(cluster: Cluster): Promise<Finding[]> {
  const found = await readable(cluster.list<KubeObject>(resources.ValidatingAdmissionPolicy));
  if (found === undefined) return [];
  const there = new Set(found.items.map(({ metadata }) => metadata.name));
  const missing = policies().filter(({ kind, metadata }) => kind === 'ValidatingAdmissionPolicy' && !there.has(metadata.name)).map(({ metadata }) => metadata.name);
  return missing.length === 0 ? [ok('admission-policies', 'podbridge\'s admission policies are in force')] : [{
    code: 'admission-policy-missing', severity: 'error', what: `the admission polic${missing.length === 1 ? 'y' : 'ies'} ${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} missing`, why: 'without them a user can take the traffic of others', fix: 'bridge install',
  }];
}

interface Webhooks extends KubeObject {
  webhooks?: { failurePolicy?: string; rules?: { resources?: string[]; operations?: string[] }[]; namespaceSelector?: unknown }[];
}

async function foreignWebhooks(cluster: Cluster): Promise<Finding[]> {
  const lists = await Promise.all([resources.ValidatingWebhookConfiguration, resources.MutatingWebhookConfiguration].map((type) => readable(cluster.list<Webhooks>(type))));
  const strict = lists.flatMap((list) => list?.items ?? []).filter(({ webhooks = [] }) => webhooks.some(({ failurePolicy, rules = [] }) => failurePolicy !== 'Ignore' && rules.some(({ resources: kinds = [] }) => kinds.includes('pods') || kinds.includes('*'))));
  return strict.length === 0 ? [] : [{ code: 'admission-webhooks', severity: 'info', what: `admission webhooks decide about pods: ${strict.map(({ metadata }) => metadata.name).join(', ')}`, why: `if agents do not come, they may refuse them: ${cluster.context.kubectl} -n ${systemNamespace} logs deploy/stowaway-controller` }];
}

export const admissionCheck: Check = {
  id: 'admission', area: 'cluster', title: 'Admission',
  async run({ cluster: connect }) {
    const cluster = await connect();
    const [security, ...others] = await Promise.all([podSecurity(cluster), ownPolicies(cluster), foreignWebhooks(cluster)]);
    // The namespace's own level refuses agents in the same way, and has been told.
    const refused = security.some(({ severity }) => severity === 'error') ? [] : await agentsMayRun(cluster);
    return [...security, ...refused, ...others.flat()];
  },
};
