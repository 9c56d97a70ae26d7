/** What annotations of a namespace forbid its bridges, in CEL. What stands already may be ended, and stays as it is when it is only ended or touched. */
import { policyAnnotations, type NamespacePolicy } from '../../../protocol/policy.ts';

interface Validation {
  expression: string;
  messageExpression: string;
  message: string;
  reason: 'Forbidden';
}

const { requireRule, forbiddenTargets, maxLifetime, allowedModes, contact } = policyAnnotations;

const kinds = "{'Deployment': 'deploy', 'StatefulSet': 'sts', 'DaemonSet': 'ds', 'ReplicaSet': 'rs', 'Pod': 'pod', 'Job': 'job', 'Service': 'svc'}";

/** CEL variables. Later ones use earlier ones. */
export const namespacePolicyVariables: { name: string; expression: string }[] = [
  { name: 'annotations', expression: 'has(namespaceObject.metadata.annotations) ? namespaceObject.metadata.annotations : {}' },
  // Endings are never refused, nor what changes nothing.
  { name: 'exempt', expression: "request.operation == 'UPDATE' && (object.spec == oldObject.spec || (has(object.spec.state) && object.spec.state == 'Draining'))" },
  { name: 'mode', expression: "has(object.spec.mode) ? object.spec.mode : 'steal'" },
  { name: 'ruled', expression: 'has(object.spec.rules) && object.spec.rules.size() > 0' },
  { name: 'kind', expression: `object.spec.target.kind in ${kinds} ? ${kinds}[object.spec.target.kind] : object.spec.target.kind.lowerAscii()` },
  { name: 'target', expression: "variables.kind + '/' + object.spec.target.name" },
  { name: 'ask', expression: `'${contact}' in variables.annotations ? ' Ask ' + variables.annotations['${contact}'] + '.' : ' Ask whoever administers namespace ' + request.namespace + '.'` },
];

function rule(policy: NamespacePolicy, annotation: string, allowed: string, words: string): Validation {
  return {
    expression: `variables.exempt || !('${annotation}' in variables.annotations) || ${allowed}`,
    messageExpression: `'${policy}: ' + ${words} + variables.ask`, message: `${policy}: the namespace does not allow it`, reason: 'Forbidden',
  };
}

const list = (annotation: string): string => `variables.annotations['${annotation}'].split(',').map(entry, entry.trim())`;
const value = (annotation: string): string => `variables.annotations['${annotation}']`;
/** A value that is no duration allows nothing. */
const duration = '^([0-9]+([.][0-9]+)?(ms|s|m|h))+$';

export const namespacePolicies: Validation[] = [
  rule('require-rule', requireRule, `${value(requireRule)} != 'true' || variables.mode == 'tap' || object.spec.ports.size() == 0 || variables.ruled`,
    "'bridges of namespace ' + request.namespace + ' must choose their requests by a rule.'"),
  // A Service, a ReplicaSet or a pod would be another name for what is forbidden.
  rule('forbidden-targets', forbiddenTargets,
    `(variables.kind in ['deploy', 'sts', 'ds', 'job'] && !${list(forbiddenTargets)}.exists(entry, entry == '*' || entry == variables.target || (entry.endsWith('/*') && entry == variables.kind + '/*')))`,
    `(variables.kind in ['deploy', 'sts', 'ds', 'job'] ? variables.target + ' of namespace ' + request.namespace + ' may not be bridged' : 'in namespace ' + request.namespace + ' some targets may not be bridged, so the target must be named as deploy, sts, ds or job, not as ' + variables.kind) + ' (forbidden: ' + ${value(forbiddenTargets)} + ').'`),
  rule('max-lifetime', maxLifetime, `variables.mode == 'tap' || object.spec.ports.size() == 0 || (${value(maxLifetime)}.matches('${duration}') && has(object.spec.lifetime) && duration(object.spec.lifetime) <= duration(${value(maxLifetime)}))`,
    `'bridges of namespace ' + request.namespace + ' need a lifetime of at most ' + ${value(maxLifetime)} + '.'`),
  rule('allowed-modes', allowedModes, `variables.mode in ${list(allowedModes)} || object.spec.ports.size() == 0`,
    `'mode ' + variables.mode + ' is not allowed in namespace ' + request.namespace + ', but: ' + ${value(allowedModes)} + '.'`),
];
