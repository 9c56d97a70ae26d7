/**
 * What the platform team allows in a namespace, by annotations of the namespace. The API server enforces it (a
 * ValidatingAdmissionPolicy: cli/install/manifests/namespace-policy.ts); commands explain it.
 */
import { apiGroup } from './names.ts';

export const policyAnnotations = {
  /** `true`: a bridge must choose its requests by rules. */
  requireRule: `${apiGroup}/require-rule`,
  /** `deploy/db,sts/*`. */
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

export const policies = ['require-rule', 'forbidden-targets', 'max-lifetime', 'allowed-modes'] as const;
export type NamespacePolicy = (typeof policies)[number];

/** A refusal begins with the policy's name: `require-rule: ...`. */
export function refusedPolicy(message: string): { policy: NamespacePolicy; words: string } | undefined {
  const [, name, words = ''] = /^([a-z-]+): (.*)$/s.exec(message) ?? [];
  const policy = policies.find((each) => each === name);
  return policy === undefined ? undefined : { policy, words };
}
