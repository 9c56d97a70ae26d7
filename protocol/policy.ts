/**
 * What the platform team allows: in the whole cluster, by a setting of the installation, and in a namespace, by its annotations. Both hold,
 * so that a namespace can only be narrower. The API server enforces it (a ValidatingAdmissionPolicy: cli/install/manifests/limits.ts); commands explain it.
 */
import { apiGroup } from './names.ts';

export const policyAnnotations = {
  /** `true`: a bridge must choose its requests by rules. */
  requireRule: `${apiGroup}/require-rule`,
  /** `deploy/db,sts/*`; in the cluster's setting also `NAMESPACE/KIND/NAME`, each of them or `*`. */
  forbiddenTargets: `${apiGroup}/forbidden-targets`,
  /** A Go duration: bridges must have a lifetime, of at most so long. */
  maxLifetime: `${apiGroup}/max-lifetime`,
  /** Of steal, mirror, tap: `mirror,tap`. */
  allowedModes: `${apiGroup}/allowed-modes`,
  /** Whom to ask, in words. */
  contact: `${apiGroup}/policy-contact`,
} as const;

/** Name of the policy in the cluster. */
export const namespacePolicyName = 'podbridge-namespace';

export const limits = ['require-rule', 'forbidden-targets', 'max-lifetime', 'allowed-modes'] as const;
export type Limit = (typeof limits)[number];

/** What the installation's own limits are called in refusals. */
export const ofCluster = ' of this cluster';

/** A refusal begins with the limit's name: `require-rule: ...`, `require-rule of this cluster: ...`. */
export function refusedPolicy(message: string): { policy: Limit; place: 'namespace' | 'cluster'; words: string } | undefined {
  const [, name, cluster, words = ''] = new RegExp(`^([a-z-]+)(${ofCluster})?: (.*)$`, 's').exec(message) ?? [];
  const policy = limits.find((each) => each === name);
  return policy === undefined ? undefined : { policy, place: cluster === undefined ? 'namespace' : 'cluster', words };
}
