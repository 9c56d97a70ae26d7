/**
 * What the platform team allows: in the whole cluster, by a setting of the installation, and in a namespace, by its annotations. Both hold,
 * so that a namespace can only be narrower. The API server enforces it (a ValidatingAdmissionPolicy: cli/install/manifests/limits.ts); commands explain it.
 */
import { apiGroup } from './names.ts';
import { kindAliases, kindGroups, shortKinds } from './target.ts';

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

/** Which annotation sets it. */
export const limitAnnotations: Readonly<Record<Limit, string>> = {
  'require-rule': policyAnnotations.requireRule, 'forbidden-targets': policyAnnotations.forbiddenTargets, 'max-lifetime': policyAnnotations.maxLifetime, 'allowed-modes': policyAnnotations.allowedModes,
};

/** What the installation's own limits are called in refusals. */
export const ofCluster = ' of this cluster';

/** Behind the limit's name where its value is not understood. */
export const cannotBeRead = ' (cannot be read)';

/** A refusal begins with the limit's name: `require-rule: ...`, `require-rule of this cluster: ...`, `require-rule (cannot be read): ...`. */
export function refusedPolicy(message: string): { policy: Limit; place: 'namespace' | 'cluster'; readable: boolean; words: string } | undefined {
  const [, name, cluster, unreadable, words = ''] = new RegExp(`^([a-z-]+)(${ofCluster})?(${cannotBeRead.replaceAll(/[()]/g, '[$&]')})?: (.*)$`, 's').exec(message) ?? [];
  const policy = limits.find((each) => each === name);
  return policy === undefined ? undefined : { policy, place: cluster === undefined ? 'namespace' : 'cluster', readable: unreadable === undefined, words };
}

/** Every way to write a kind, to the one that is compared: `deployments.apps` -> `deploy`. */
export const kindWords: Readonly<Record<string, string>> = Object.fromEntries(Object.entries(kindAliases).flatMap(([alias, kind]) =>
  [alias, ...(kindGroups[kind] === undefined ? [] : [`${alias}.${kindGroups[kind]}`])].map((word) => [word, shortKinds[kind]])));

const nameOrAll = '([*]|[a-z0-9]([a-z0-9.-]*[a-z0-9])?)';

/** Forms of values, in lower case. For RE2 too, and without backslashes, as CEL has its own use for those. */
export const valueForms = {
  /** One of the list. */
  forbiddenTarget: `^([*]|(${nameOrAll}/)?([*]|${Object.keys(kindWords).join('|').replaceAll('.', '[.]')})/${nameOrAll})$`,
  maxLifetime: '^([0-9]+([.][0-9]+)?(ms|s|m|h))+$',
  /** One of the list. */
  allowedMode: '^(steal|mirror|tap)$',
  requireRule: '^(true|false)$',
} as const;

/** Between the entries of lists. */
export const separators = [',', ';', ' ', '\n', '\t', '\r'] as const;

function entriesOf(value: string): string[] {
  return value.toLowerCase().split(new RegExp(`[${separators.join('')}]`)).filter((entry) => entry !== '');
}

/** Is an annotation's value understood? What is not allows no bridge. */
export function isReadable(limit: Limit, value: string): boolean {
  const every = (form: string): boolean => entriesOf(value).length > 0 && entriesOf(value).every((entry) => new RegExp(form).test(entry));
  switch (limit) {
    case 'require-rule': return new RegExp(valueForms.requireRule).test(value.trim().toLowerCase());
    case 'max-lifetime': return new RegExp(valueForms.maxLifetime).test(value.trim());
    case 'forbidden-targets': return every(valueForms.forbiddenTarget);
    case 'allowed-modes': return every(valueForms.allowedMode);
  }
}

/** With the short kind: `Deployments/web` -> `deploy/web`. undefined: it is not understood. */
export function forbiddenTarget(written: string): string | undefined {
  const entry = written.trim().toLowerCase();
  if (!new RegExp(valueForms.forbiddenTarget).test(entry)) return undefined;
  const parts = entry.split('/');
  return parts.map((part, index) => (index === parts.length - 2 ? kindWords[part] ?? part : part)).join('/');
}

/** A Bridge of this name is always refused, with the limits that hold in words: what installing proves them by, and what `bridge doctor` asks. */
export const policyProbeName = 'podbridge-policy-probe';

/** @returns the mark of the policy that is in force, and what the namespace's annotations say; undefined for other refusals */
export function probedPolicy(message: string): { mark: string; annotated: { limit: Limit; value: string }[] } | undefined {
  const [, mark, rest = ''] = /^policy-probe ([0-9a-f]+): ?(.*)$/s.exec(message) ?? [];
  if (mark === undefined) return undefined;
  const annotated = rest.split(' | ').flatMap((part) => {
    const [name, value = ''] = part.split(/=(.*)/s);
    const limit = limits.find((each) => each === name);
    return limit === undefined ? [] : [{ limit, value }];
  });
  return { mark, annotated };
}
