/** What whoever installs podbridge allows in the whole cluster: kept with the installation, told in words. Read by read-policy.ts. */

export interface InstallPolicy {
  /** Bridges must choose their requests by rules. */
  requireRule?: boolean;
  /** `deploy/db`, `sts/*`, `NAMESPACE/KIND/NAME` with `*` for any of the three. */
  forbiddenTargets?: string[];
  /** A Go duration. */
  maxLifetime?: string;
  /** At least one. */
  allowedModes?: ('steal' | 'mirror' | 'tap')[];
  /** Whom to ask, in words. */
  contact?: string;
}

/** As it stands in the ConfigMap of the installation. */
export function policyData(policy: InstallPolicy = {}): Record<string, string> {
  return Object.keys(policy).length === 0 ? {} : { policy: JSON.stringify(policy) };
}

/**
 * Of an installation. What a newer version wrote and this one cannot read must not be lifted by installing again: that throws.
 * @param text of {@link policyData}
 */
export async function policyFrom(text: string | undefined): Promise<InstallPolicy> {
  if (text === undefined) return {};
  const { checkPolicy } = await import('./read-policy.ts');
  return checkPolicy(JSON.parse(text), 'what the installation has');
}

/** `a rule is needed; a lifetime of at most 8h`; undefined: nothing is limited. */
export function policyWords({ requireRule, forbiddenTargets = [], maxLifetime, allowedModes, contact }: InstallPolicy): string | undefined {
  const words = [
    ...(requireRule === true ? ['bridges need a rule'] : []), ...(maxLifetime === undefined ? [] : [`a lifetime of at most ${maxLifetime}`]), ...(allowedModes === undefined ? [] : [`modes ${allowedModes.join(', ')}`]),
    ...(forbiddenTargets.length === 0 ? [] : [`not ${forbiddenTargets.join(', ')}`]),
  ];
  return words.length === 0 ? undefined : `${words.join('; ')}${contact === undefined ? '' : ` (whom to ask: ${contact})`}`;
}
