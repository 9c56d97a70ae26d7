/**
 * What bridges may not be, in CEL: by the installation's policy, and by annotations of their namespace. What stands already may be ended,
 * and stays as it is when it is only ended or touched.
 */
import { createHash } from 'node:crypto';
import { cannotBeRead, kindWords, limitAnnotations, limits, ofCluster, policyAnnotations, policyProbeName, separators, valueForms, type Limit } from '../../../protocol/policy.ts';
import { shortKinds } from '../../../protocol/target.ts';
import type { InstallPolicy } from '../policy.ts';

interface Variable {
  name: string;
  /** CEL. */
  expression: string;
}

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
  /** Behind the names of its variables. */
  tag: string;
  /** Values were not looked at before: those that are not understood allow nothing. */
  unchecked: boolean;
  /** Is this limit set? undefined: it is not, and needs no validation. */
  has: (limit: Limit) => string | undefined;
  /** Its value, a string. */
  value: (limit: Limit) => string;
  place: string;
  ask: string;
}

/** JSON's escapes are CEL's too. */
const literal = (value: string): string => JSON.stringify(value);
const celMap = (entries: Readonly<Record<string, string>>): string => `{${Object.entries(entries).map(([key, value]) => `'${key}': '${value}'`).join(', ')}}`;
/** A refusal is one line. */
const oneLine = (value: string): string => `${value}.replace('\\n', ' ').replace('\\r', ' ')`;

const common: Variable[] = [
  { name: 'annotations', expression: 'has(namespaceObject.metadata.annotations) ? namespaceObject.metadata.annotations : {}' },
  // Endings are never refused, nor what changes nothing.
  { name: 'exempt', expression: "request.operation == 'UPDATE' && (object.spec == oldObject.spec || (has(object.spec.state) && object.spec.state == 'Draining'))" },
  { name: 'mode', expression: "has(object.spec.mode) ? object.spec.mode : 'steal'" },
  { name: 'ruled', expression: 'has(object.spec.rules) && object.spec.rules.size() > 0' },
  { name: 'kind', expression: `object.spec.target.kind in ${celMap(shortKinds)} ? ${celMap(shortKinds)}[object.spec.target.kind] : object.spec.target.kind.lowerAscii()` },
  { name: 'target', expression: "variables.kind + '/' + object.spec.target.name" },
  { name: 'kindWords', expression: celMap(kindWords) },
];

const ofNamespace: Source = {
  suffix: '', tag: 'OfNamespace', unchecked: true,
  has: (limit) => `'${limitAnnotations[limit]}' in variables.annotations`,
  value: (limit) => `variables.annotations['${limitAnnotations[limit]}']`,
  place: "'namespace ' + request.namespace",
  ask: `('${policyAnnotations.contact}' in variables.annotations ? ' Ask ' + ${oneLine(`variables.annotations['${policyAnnotations.contact}']`)} + '.' : ' Ask whoever administers namespace ' + request.namespace + '.')`,
};

function ofInstallation({ requireRule, forbiddenTargets, maxLifetime, allowedModes, contact }: InstallPolicy): Source {
  const values: Record<Limit, string | undefined> = {
    'require-rule': requireRule === true ? 'true' : undefined, 'forbidden-targets': forbiddenTargets?.join(','), 'max-lifetime': maxLifetime, 'allowed-modes': allowedModes?.join(','),
  };
  return {
    suffix: ofCluster, tag: 'OfCluster', unchecked: false,
    has: (limit) => (values[limit] === undefined ? undefined : 'true'),
    value: (limit) => literal(values[limit] ?? ''),
    place: "'this cluster'",
    ask: literal(` Ask ${contact ?? 'whoever administers this cluster'}.`),
  };
}

/** Only these name their pods by themselves: a Service, a ReplicaSet or a pod would be another name for what is forbidden. */
const plainKinds = "['deploy', 'sts', 'ds', 'job']";

/** Entries of lists, apart. `targets` are `[NAMESPACE, KIND, NAME]`, those of this namespace only; to be used when every entry has been understood. */
function listVariables({ tag, has, value }: Source): Variable[] {
  const entries = (limit: Limit): string => `${separators.slice(1).reduce((text, separator) => `${text}.replace(${literal(separator)}, ',')`, `${value(limit)}.lowerAscii()`)}.split(',').filter(entry, entry != '')`;
  return [
    ...(has('forbidden-targets') === undefined ? [] : [
      { name: `forbidden${tag}`, expression: entries('forbidden-targets') },
      {
        name: `targets${tag}`,
        expression: `variables.forbidden${tag}.map(entry, entry == '*' ? ['*', '*', '*'] : entry.split('/').size() == 2 ? ['*'] + entry.split('/') : entry.split('/')).filter(parts, parts[0] == '*' || parts[0] == request.namespace)`,
      },
    ]),
    ...(has('allowed-modes') === undefined ? [] : [{ name: `modes${tag}`, expression: entries('allowed-modes') }]),
  ];
}

function validations(source: Source): Validation[] {
  const { suffix, tag, unchecked, has, value, place, ask } = source;
  const rule = (limit: Limit, understood: string, allowed: string, words: string): Validation[] => {
    const set = has(limit);
    if (set === undefined) return [];
    const refusal = `'${limit}${suffix}: ' + ${words}`;
    const unreadable = `'${limit}${suffix}${cannotBeRead}: the annotation ${limitAnnotations[limit]} of ' + ${place} + ' is not understood, so no bridge is allowed there: ' + ${oneLine(value(limit))} + '.'`;
    return [{
      expression: `variables.exempt || !(${set}) || (${unchecked ? `${understood} && ` : ''}(${allowed}))`,
      messageExpression: `(${unchecked ? `${understood} ? ${refusal} : ${unreadable}` : refusal}) + ${ask}`, message: `${limit}${suffix}: it is not allowed`, reason: 'Forbidden',
    }];
  };
  const every = (list: string, form: string): string => `(variables.${list}${tag}.size() > 0 && variables.${list}${tag}.all(entry, entry.matches('${form}')))`;
  const targets = `variables.targets${tag}`;
  const meant = `(parts[1] == '*' || variables.kindWords[parts[1]] == variables.kind) && (parts[2] == '*' || parts[2] == object.spec.target.name)`;
  const [ruleNeeded, lifetime] = [`${value('require-rule')}.trim().lowerAscii()`, `${value('max-lifetime')}.trim()`];
  return [
    ...rule('require-rule', `${ruleNeeded}.matches('${valueForms.requireRule}')`, `${ruleNeeded} != 'true' || variables.mode == 'tap' || object.spec.ports.size() == 0 || variables.ruled`,
      `'bridges of ' + ${place} + ' must choose their requests by a rule.'`),
    ...rule('forbidden-targets', every('forbidden', valueForms.forbiddenTarget), `${targets}.size() == 0 || (variables.kind in ${plainKinds} && !${targets}.exists(parts, ${meant}))`,
      `(variables.kind in ${plainKinds} ? variables.target + ' of namespace ' + request.namespace + ' may not be bridged' : 'in ' + ${place} + ' some targets may not be bridged, so the target must be named as deploy, sts, ds or job, not as ' + variables.kind) + ' (forbidden: ' + ${oneLine(value('forbidden-targets'))} + ').'`),
    ...rule('max-lifetime', `${lifetime}.matches('${valueForms.maxLifetime}')`, `variables.mode == 'tap' || object.spec.ports.size() == 0 || (has(object.spec.lifetime) && duration(object.spec.lifetime) <= duration(${lifetime}))`,
      `'bridges of ' + ${place} + ' need a lifetime of at most ' + ${lifetime} + '.'`),
    ...rule('allowed-modes', every('modes', valueForms.allowedMode), `variables.mode in variables.modes${tag} || object.spec.ports.size() == 0`,
      `'mode ' + variables.mode + ' is not allowed in ' + ${place} + ', but: ' + ${oneLine(value('allowed-modes'))} + '.'`),
  ];
}

/**
 * What the policy for bridges consists of. First stands what refuses the probe: with a mark of all the rest, and the namespace's annotations.
 * @param policy the installation's
 */
export function limitsPolicy(policy: InstallPolicy = {}): { variables: Variable[]; validations: Validation[]; mark: string } {
  const sources = [ofInstallation(policy), ofNamespace];
  const variables = [...common, ...sources.flatMap(listVariables)];
  const all = sources.flatMap(validations);
  const mark = createHash('sha256').update(JSON.stringify([variables, all])).digest('hex').slice(0, 16);
  const annotated = `[${limits.map((limit) => `'${limit}'`).join(', ')}].filter(limit, ${celMap(limitAnnotations)}[limit] in variables.annotations).map(limit, limit + '=' + ${oneLine(`variables.annotations[${celMap(limitAnnotations)}[limit]]`)}).join(' | ')`;
  const probe: Validation = {
    expression: `request.operation != 'CREATE' || object.metadata.name != '${policyProbeName}'`,
    messageExpression: `'policy-probe ${mark}: ' + ${annotated}`, message: `policy-probe ${mark}: `, reason: 'Forbidden',
  };
  return { variables, validations: [probe, ...all], mark };
}
