/**
 * Who may make and alter which Client and Bridge, checked by the API server itself (CEL, no webhook that could be down).
 * Roles say whether someone may touch bridges of a namespace at all; these say: only one's own.
 */
import { administerVerb, apiGroup, apiVersion, names, systemNamespace } from '../../../protocol/names.ts';
import { namespacePolicyName } from '../../../protocol/policy.ts';
import { slugMaxLength } from '../../bridge/owner-slug.ts';
import type { Manifest } from './manifest.ts';
import { limitsPolicy } from './limits.ts';
import type { InstallPolicy } from '../policy.ts';

interface Validation {
  expression: string;
  message: string;
  /** CEL that gives the message; `message` stands in where it fails. */
  messageExpression?: string;
  reason: 'Forbidden' | 'Invalid';
}

const serviceAccount = (name: string): string => `system:serviceaccount:${systemNamespace}:${name}`;

/** CEL variables, evaluated only where used; each may use those above it. */
const variables = {
  isOwner: 'oldObject.spec.owner == request.userInfo.username',
  // The hub deletes bridges whose session ended, the controller clients that are gone for long.
  isOurs: `request.userInfo.username in ${celList([names.hub, names.controller].map(serviceAccount))}`,
  // Namespace deletion and garbage collection.
  isKubernetes: `request.userInfo.username.startsWith('system:serviceaccount:kube-system:') || request.userInfo.username == 'system:kube-controller-manager'`,
  administers: `authorizer.group('${apiGroup}').resource(request.resource.resource).namespace(request.namespace).check('${administerVerb}').allowed()`,
  // As ownerSlug (cli/bridge/owner-slug.ts) makes it of a user name.
  ownName: "request.userInfo.username.substring(request.userInfo.username.lastIndexOf(':') + 1).split('@')[0].lowerAscii().split('').map(sign, sign.matches('^[a-z0-9]$') ? sign : '-').join('').split('-').filter(word, word != '').join('-')",
  ownSlug: `variables.ownName == '' ? 'user' : variables.ownName.substring(0, variables.ownName.size() < ${slugMaxLength} ? variables.ownName.size() : ${slugMaxLength}).split('-').filter(word, word != '').join('-')`,
};

const ownership: Validation[] = [
  {
    expression: "request.operation != 'CREATE' || object.spec.owner == request.userInfo.username",
    message: 'spec.owner must be the user who makes the request',
    reason: 'Forbidden',
  },
  {
    expression: "request.operation != 'UPDATE' || object.spec.owner == oldObject.spec.owner",
    message: 'spec.owner cannot be changed',
    reason: 'Invalid',
  },
  {
    expression: "request.operation == 'CREATE' || variables.isOwner || variables.isOurs || variables.isKubernetes || variables.administers",
    message: `only its owner may change or delete this object (or who has the verb '${administerVerb}' on it)`,
    reason: 'Forbidden',
  },
];

const bridgesOnly: Validation[] = [
  {
    expression: `!(request.namespace in ${celList([systemNamespace, 'kube-system'])}) || request.operation == 'DELETE'`,
    message: `workloads in ${systemNamespace} and kube-system cannot be bridged`,
    reason: 'Forbidden',
  },
  {
    expression: "request.operation != 'UPDATE' || object.spec.client == oldObject.spec.client",
    message: 'spec.client cannot be changed: make a new bridge',
    reason: 'Invalid',
  },
];

const clientsOnly: Validation[] = [
  {
    expression: `request.operation != 'CREATE' || request.namespace == '${systemNamespace}'`,
    message: `clients live in ${systemNamespace} only`,
    reason: 'Forbidden',
  },
  {
    // Names of links are no secret: nobody shall take another's while it is down.
    expression: "request.operation != 'CREATE' || object.metadata.name.startsWith(variables.ownSlug + '-') || variables.administers",
    message: 'the name of a link begins with that of its user',
    messageExpression: "'the name of a link begins with that of its user: ' + variables.ownSlug + '-'",
    reason: 'Forbidden',
  },
];

/** Agents write which pods are attached and where they are to be reached; the hub opens its ports to exactly those. */
const statusWriters: Validation[] = [
  {
    expression: `request.userInfo.username in ${celList([names.hub, names.controller, names.agent].map(serviceAccount))} || variables.administers`,
    message: "status is written by podbridge's own parts only",
    reason: 'Forbidden',
  },
];

/** @param limits for the whole cluster */
export function policies(limits?: InstallPolicy): Manifest[] {
  const { validations, variables: own } = limitsPolicy(limits);
  return [
    ...policy('podbridge-bridges', 'bridges', ['CREATE', 'UPDATE', 'DELETE'], [...ownership, ...bridgesOnly]),
    ...policy(namespacePolicyName, 'bridges', ['CREATE', 'UPDATE'], validations, own),
    ...policy('podbridge-clients', 'clients', ['CREATE', 'UPDATE', 'DELETE'], [...ownership, ...clientsOnly]),
    ...policy('podbridge-bridges-status', 'bridges/status', ['UPDATE'], statusWriters),
    ...policy('podbridge-clients-status', 'clients/status', ['UPDATE'], statusWriters),
  ];
}

function policy(name: string, resource: string, operations: string[], validations: Validation[], own?: { name: string; expression: string }[]): Manifest[] {
  const used = own ?? usedVariables(validations);
  return [
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicy',
      metadata: { name },
      spec: {
        failurePolicy: 'Fail',
        // Written out in full: the API server takes this object as a whole, and would see a change at every apply where it fills in defaults.
        matchConstraints: {
          matchPolicy: 'Equivalent', namespaceSelector: {}, objectSelector: {},
          resourceRules: [{ apiGroups: [apiGroup], apiVersions: [apiVersion], resources: [resource], operations, scope: '*' }],
        },
        variables: used,
        validations,
      },
    },
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata: { name },
      spec: { policyName: name, validationActions: ['Deny'] },
    },
  ];
}

function usedVariables(validations: Validation[]): { name: string; expression: string }[] {
  return Object.entries(variables).toReversed().reduce<{ name: string; expression: string }[]>((used, [name, expression]) => {
    const mentioned = [...validations, ...used].some((user) => user.expression.includes(`variables.${name}`));
    return mentioned ? [{ name, expression }, ...used] : used;
  }, []);
}

function celList(values: string[]): string {
  return `[${values.map((value) => `'${value}'`).join(', ')}]`;
}
