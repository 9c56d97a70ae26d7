/**
 * What bridges may not be, in CEL: by the installation's policy, and by annotations of their namespace. What stands already may be ended,
 * and stays as it is when it is only ended or touched.
 */
import { ofCluster, policyAnnotations, type Limit } from '../../../protocol/policy.ts';
import type { InstallPolicy } from '../policy.ts';

interface Validation {
  expression: string;
  messageExpression: string;
  message: string;
  reason: 'Forbidden';
}

/** Where limits stand. All but `suffix` is CEL. */
interface Source {
  /** Behind the limit's name in a refusal. */
  suffix: string;
  /** Is this limit set? undefined: it is not, and needs no validation. */
  has: (limit: Limit) => string | undefined;
  /** Its value, a string. */
  value: (limit: Limit) => string;
  place: string;
  ask: string;
}

const annotations: Record<Limit, string> = {
  'require-rule': policyAnnotations.requireRule, 'forbidden-targets': policyAnnotations.forbiddenTargets, 'max-lifetime': policyAnnotations.maxLifetime, 'allowed-modes': policyAnnotations.allowedModes,
};

const kinds = "{'Deployment': 'deploy', 'StatefulSet': 'sts', 'DaemonSet': 'ds', 'ReplicaSet': 'rs', 'Pod': 'pod', 'Job': 'job', 'Service': 'svc'}";

/** CEL variables. Later ones use earlier ones. */
export const limitVariables: { name: string; expression: string }[] = [
  { name: 'annotations', expression: 'has(namespaceObject.metadata.annotations) ? namespaceObject.metadata.annotations : {}' },
  // Endings are never refused, nor what changes nothing.
  { name: 'exempt', expression: "request.operation == 'UPDATE' && (object.spec == oldObject.spec || (has(object.spec.state) && object.spec.state == 'Draining'))" },
  { name: 'mode', expression: "has(object.spec.mode) ? object.spec.mode : 'steal'" },
  { name: 'ruled', expression: 'has(object.spec.rules) && object.spec.rules.size() > 0' },
  { name: 'kind', expression: `object.spec.target.kind in ${kinds} ? ${kinds}[object.spec.target.kind] : object.spec.target.kind.lowerAscii()` },
  { name: 'target', expression: "variables.kind + '/' + object.spec.target.name" },
];

/** JSON's escapes are CEL's too. */
const literal = (value: string): string => JSON.stringify(value);

const ofNamespace: Source = {
  suffix: '',
  has: (limit) => `'${annotations[limit]}' in variables.annotations`,
  value: (limit) => `variables.annotations['${annotations[limit]}']`,
  place: "'namespace ' + request.namespace",
  ask: `('${policyAnnotations.contact}' in variables.annotations ? ' Ask ' + variables.annotations['${policyAnnotations.contact}'] + '.' : ' Ask whoever administers namespace ' + request.namespace + '.')`,
};

function ofInstallation({ requireRule, forbiddenTargets, maxLifetime, allowedModes, contact }: InstallPolicy): Source {
  const values: Record<Limit, string | undefined> = {
    'require-rule': requireRule === true ? 'true' : undefined, 'forbidden-targets': forbiddenTargets?.join(','), 'max-lifetime': maxLifetime, 'allowed-modes': allowedModes?.join(','),
  };
  return {
    suffix: ofCluster,
    has: (limit) => (values[limit] === undefined ? undefined : 'true'),
    value: (limit) => literal(values[limit] ?? ''),
    place: "'this cluster'",
    ask: literal(` Ask ${contact ?? 'whoever administers this cluster'}.`),
  };
}

/** A value that is no duration allows nothing. */
const duration = '^([0-9]+([.][0-9]+)?(ms|s|m|h))+$';
/** Only these name their pods by themselves: a Service, a ReplicaSet or a pod would be another name for what is forbidden. */
const plainKinds = "['deploy', 'sts', 'ds', 'job']";

/** @param at the parts of an entry `NAMESPACE/KIND/NAME` */
const part = (at: number, wanted: string): string => `(entry.split('/')[${at}] == '*' || entry.split('/')[${at}] == ${wanted})`;

function validations({ suffix, has, value, place, ask }: Source): Validation[] {
  const rule = (limit: Limit, allowed: string, words: string): Validation[] => {
    const set = has(limit);
    return set === undefined ? [] : [{
      expression: `variables.exempt || !(${set}) || ${allowed}`,
      messageExpression: `'${limit}${suffix}: ' + ${words} + ${ask}`, message: `${limit}${suffix}: it is not allowed`, reason: 'Forbidden',
    }];
  };
  const list = (limit: Limit): string => `${value(limit)}.split(',').map(entry, entry.trim())`;
  const forbiddenHere = `${list('forbidden-targets')}.filter(entry, entry.split('/').size() != 3 || ${part(0, 'request.namespace')})`;
  const forbidden = `entry == '*' || entry == variables.target || (entry.endsWith('/*') && entry == variables.kind + '/*') || (entry.split('/').size() == 3 && ${part(1, 'variables.kind')} && ${part(2, 'object.spec.target.name')})`;
  return [
    ...rule('require-rule', `${value('require-rule')} != 'true' || variables.mode == 'tap' || object.spec.ports.size() == 0 || variables.ruled`,
      `'bridges of ' + ${place} + ' must choose their requests by a rule.'`),
    ...rule('forbidden-targets', `${forbiddenHere}.size() == 0 || (variables.kind in ${plainKinds} && !${forbiddenHere}.exists(entry, ${forbidden}))`,
      `(variables.kind in ${plainKinds} ? variables.target + ' of namespace ' + request.namespace + ' may not be bridged' : 'in ' + ${place} + ' some targets may not be bridged, so the target must be named as deploy, sts, ds or job, not as ' + variables.kind) + ' (forbidden: ' + ${value('forbidden-targets')} + ').'`),
    ...rule('max-lifetime', `variables.mode == 'tap' || object.spec.ports.size() == 0 || (${value('max-lifetime')}.matches('${duration}') && has(object.spec.lifetime) && duration(object.spec.lifetime) <= duration(${value('max-lifetime')}))`,
      `'bridges of ' + ${place} + ' need a lifetime of at most ' + ${value('max-lifetime')} + '.'`),
    ...rule('allowed-modes', `variables.mode in ${list('allowed-modes')} || object.spec.ports.size() == 0`,
      `'mode ' + variables.mode + ' is not allowed in ' + ${place} + ', but: ' + ${value('allowed-modes')} + '.'`),
  ];
}

/** @param policy the installation's */
export function limitValidations(policy: InstallPolicy = {}): Validation[] {
  return [...validations(ofInstallation(policy)), ...validations(ofNamespace)];
}
