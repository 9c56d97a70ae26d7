/** What the namespace's annotations allow. Users may not read namespaces, so the policy that knows them is asked, by a dry run that it refuses. */
import { isReadable, limitAnnotations, probedPolicy, type Limit } from '../../../protocol/policy.ts';
import { policyProbe } from '../../install/policy-probe.ts';
import { isBridgeError } from '../../errors.ts';
import type { Cluster } from '../../adapters/cluster/index.ts';
import type { Check } from '../check.ts';
import { ok, type Finding } from '../finding.ts';

/** Empty: none, or an installation that does not tell, or none that may be asked. */
async function annotated(cluster: Cluster, namespace: string): Promise<{ limit: Limit; value: string }[]> {
  const { username } = await cluster.whoAmI();
  try {
    await cluster.create(policyProbe(username, namespace), undefined, { dryRun: true });
    return [];
  } catch (error) {
    if (!isBridgeError(error)) throw error;
    return probedPolicy(error.facts.why ?? '')?.annotated ?? [];
  }
}

export const limitsCheck: Check = {
  id: 'limits', area: 'cluster', title: 'Limits of the namespace',
  async run({ cluster: connect, namespace: ask }) {
    const [cluster, namespace] = await Promise.all([connect(), ask()]);
    const found = await annotated(cluster, namespace);
    const words = (list: typeof found): string => list.map(({ limit, value }) => `${limitAnnotations[limit]}=${value}`).join('; ');
    const unreadable = found.filter(({ limit, value }) => !isReadable(limit, value));
    return [
      ...(found.length === 0 ? [] : [ok('namespace-policy', `limits of namespace ${namespace}: ${words(found)}`)]),
      ...unreadable.map((each): Finding => ({
        code: 'policy-unreadable', severity: 'error', what: `namespace ${namespace} has the annotation ${words([each])}, which is not understood`, why: 'such a value allows no bridge', fix: 'ask the platform team to correct it (docs/together.md has the values)',
      })),
    ];
  },
};
