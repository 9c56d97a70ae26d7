/** What the API server and the way to it can answer, converted once into errors that say what to do. */
import { apiGroup, groupVersion, names, systemNamespace } from '../../../protocol/names.ts';
import { BridgeError } from '../../errors.ts';
import { grantLines, inUserRole } from '../../grant-lines.ts';
import type { ContextInfo } from './cluster.ts';
import type { ResourceType } from './resources.ts';

/** What was asked, for the words of the error. */
export interface Asked {
  verb: 'get' | 'list' | 'watch' | 'create' | 'patch' | 'update' | 'delete';
  type?: ResourceType;
  namespace?: string;
  name?: string;
  subresource?: string;
}

/** `metav1.Status`, the parts that are read. */
export interface Status {
  code?: number;
  reason?: string;
  message?: string;
  details?: { name?: string; kind?: string; causes?: { field?: string; message?: string }[]; retryAfterSeconds?: number };
}

function subject(asked: Asked): string {
  if (asked.type === undefined) return 'the answer';
  const kind = asked.type.kind.toLowerCase();
  const where = asked.namespace === undefined ? '' : ` in namespace ${asked.namespace}`;
  return asked.name === undefined ? `${asked.type.plural}${where}` : `${kind} ${asked.name}${where}`;
}

function qualified(asked: Asked): string {
  if (asked.type === undefined) return '';
  const group = asked.type.apiVersion.includes('/') ? `.${asked.type.apiVersion.split('/')[0]}` : '';
  return `${asked.type.plural}${group}${asked.subresource === undefined ? '' : `/${asked.subresource}`}`;
}

/** `kubectl auth can-i create bridges.podbridge.dev -n shop` */
export function canILine(asked: Asked, context: ContextInfo): string {
  const [resource, subresource] = qualified(asked).split('/');
  return [context.kubectl, 'auth', 'can-i', asked.verb, resource, ...(subresource === undefined ? [] : ['--subresource', subresource]), ...(asked.namespace === undefined ? [] : ['-n', asked.namespace])].join(' ');
}

/**
 * What an admission policy, a webhook or a quota said: `... denied request: <message>`, `... denied the request: <message>`,
 * `pods "x" is forbidden: exceeded quota: ...`. Missing rights say `User "ann" cannot get resource ...` instead.
 */
function denialOf(code: number, message: string): string | undefined {
  const denied = /denied (?:the )?request: (.*)$/s.exec(message)?.[1];
  if (denied !== undefined || code !== 403 || /cannot \S+ (?:resource|path)/.test(message)) return denied?.trim();
  return / is forbidden: (.+)$/s.exec(message)?.[1]?.trim();
}

/** Text of the API server when the kind itself is unknown: a 404 without details.name. */
function kindIsMissing(status: Status): boolean {
  return /could not find the requested resource|page not found/.test(status.message ?? '') || (status.details?.name === undefined && status.reason === undefined);
}

/** The line for the administrator that grants it: the shipped role where that includes it, which is not so of everything that a command can ask. */
function roleLine({ verb, type, subresource, namespace, name }: Asked, message: string): string[] {
  const user = /User "([^"]+)" cannot/.exec(message)?.[1];
  if (user === undefined || type === undefined) return [];
  const [group = '', version] = type.apiVersion.split('/');
  const right = { verb, group: version === undefined ? '' : group, resource: subresource === undefined ? type.plural : `${type.plural}/${subresource}`, ...(name === undefined ? {} : { name }) };
  if (namespace === undefined || !inUserRole(right)) return [`ask an administrator: the role ${names.userRole} does not include it`];
  const [system, own] = grantLines(user, namespace === systemNamespace ? undefined : namespace);
  return [`ask an administrator for: ${own ?? system}`];
}

/** Refused was something of ours for want of a right. Where podbridge is not installed its roles are not there either, and the API server looks at rights before it looks at kinds. */
export function mayLackPodbridge(code: number, { message = '' }: Status, { type, namespace, name }: Asked): boolean {
  return code === 403 && /cannot \S+ resource/.test(message) && (type?.apiVersion.startsWith(apiGroup) === true || (namespace === systemNamespace && name === names.info));
}

export function lacksPodbridge(asked: Asked, context: ContextInfo): BridgeError {
  return errorFromStatus(404, {}, { verb: asked.verb, type: asked.type?.apiVersion.startsWith(apiGroup) === true ? asked.type : { apiVersion: groupVersion, kind: 'Client', plural: 'clients', namespaced: true } }, context);
}

export function errorFromStatus(code: number, status: Status, asked: Asked, context: ContextInfo): BridgeError {
  const message = status.message ?? `HTTP ${code}`;
  const base = { detail: message, cause: { code, status } };
  const denial = denialOf(code, message);
  if (denial !== undefined && (code === 403 || code === 422 || code === 400)) {
    return new BridgeError({ ...base, kind: 'refused', code: 'cluster-denied', what: `the cluster refused to ${asked.verb} ${subject(asked)}`, why: denial, next: 'ask who administers the cluster, or use an object of your own' });
  }
  switch (code) {
    case 401:
      return new BridgeError({
        ...base, kind: 'refused', code: 'cluster-unauthorized', what: `the API server ${context.server} does not accept the credentials of context ${context.name}`,
        why: 'they have expired, or belong to another cluster', next: `${context.kubectl} auth whoami`,
      });
    case 403:
      return new BridgeError({
        ...base, kind: 'refused', code: 'cluster-forbidden', what: `you may not ${asked.verb} ${qualified(asked)}${asked.namespace === undefined ? '' : ` in namespace ${asked.namespace}`}`,
        why: 'your user has no Role or ClusterRole that allows it', next: [canILine(asked, context), ...roleLine(asked, message)].join('\n'),
      });
    case 404:
      if (kindIsMissing(status)) {
        const ours = asked.type?.apiVersion.startsWith(apiGroup) === true;
        return new BridgeError({
          ...base, kind: 'environment', code: 'cluster-kind-missing', what: `the cluster knows no ${qualified(asked)}`,
          why: ours ? 'podbridge is not installed there' : `nothing there provides ${asked.type?.apiVersion ?? 'it'}`, next: ours ? 'bridge install' : `${context.kubectl} api-resources`,
        });
      }
      return new BridgeError({ ...base, kind: 'usage', code: 'cluster-not-found', what: `there is no ${subject(asked)}`, next: asked.type === undefined ? undefined : `${context.kubectl} get ${asked.type.plural}${asked.namespace === undefined ? '' : ` -n ${asked.namespace}`}` });
    case 409:
      return status.reason === 'AlreadyExists'
        ? new BridgeError({ ...base, kind: 'refused', code: 'cluster-already-exists', what: `${subject(asked)} exists already`, next: asked.type === undefined ? undefined : `${context.kubectl} get ${asked.type.plural} ${asked.name ?? ''}${asked.namespace === undefined ? '' : ` -n ${asked.namespace}`}` })
        : new BridgeError({ ...base, kind: 'refused', code: 'cluster-conflict', what: `${subject(asked)} was changed by somebody else at the same moment`, next: 'try again' });
    case 400:
    case 422: {
      const causes = (status.details?.causes ?? []).map((cause) => [cause.field, cause.message].filter((part) => part !== undefined).join(': '));
      return new BridgeError({ ...base, kind: code === 422 ? 'usage' : 'defect', code: 'cluster-invalid', what: `the cluster does not accept ${subject(asked)}`, why: causes.length > 0 ? causes.join('; ') : message });
    }
    default:
      return new BridgeError({ ...base, kind: 'environment', code: 'cluster-error', what: `the API server answered ${code} to ${asked.verb} ${subject(asked)}`, why: message, next: `${context.kubectl} get --raw /readyz?verbose` });
  }
}

const networkWords: Record<string, string> = {
  ECONNREFUSED: 'nothing listens there: the cluster is not running, or its address has changed',
  ENOTFOUND: 'its name does not resolve: are you in the right network or VPN?',
  EAI_AGAIN: 'its name does not resolve at the moment: are you in the right network or VPN?',
  ETIMEDOUT: 'nothing answers: are you in the right network or VPN?',
  EHOSTUNREACH: 'there is no way to that address: are you in the right network or VPN?',
  ENETUNREACH: 'there is no way to that address: are you in the right network or VPN?',
  ECONNRESET: 'the connection was cut: a proxy in between, or the API server restarts',
  EPIPE: 'the connection was cut: a proxy in between, or the API server restarts',
};

function certificateWords(code: string): string | undefined {
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return 'its certificate is for another name';
  if (code === 'CERT_HAS_EXPIRED') return 'its certificate has expired';
  return /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER/.test(code) ? 'its certificate is not signed by the CA of the kubeconfig: was the cluster made anew?' : undefined;
}

/** Connection errors of node:https, and failures of exec plugins (which come from client-node as plain Errors with the plugin's stderr). */
export function errorFromNetwork(error: unknown, context: ContextInfo): BridgeError {
  const code = typeof (error as { code?: unknown }).code === 'string' ? (error as { code: string }).code : '';
  const message = error instanceof Error ? error.message : String(error);
  return new BridgeError({
    kind: 'environment', code: 'cluster-unreachable', what: `the API server ${context.server} (context ${context.name}) cannot be reached`,
    why: networkWords[code] ?? certificateWords(code) ?? message, next: `${context.kubectl} version`, detail: message, cause: error,
  });
}

export function credentialError(error: unknown, context: ContextInfo): BridgeError {
  const message = error instanceof Error ? error.message : String(error);
  const missing = (error as { code?: unknown }).code === 'ENOENT';
  return new BridgeError({
    kind: 'environment', code: 'cluster-credentials', what: `the credentials of context ${context.name} could not be had`,
    why: missing ? `a program or file that the kubeconfig names is missing: ${message}` : message.trim() || 'the credential plugin failed without a word', next: `${context.kubectl} auth whoami`, detail: message, cause: error,
  });
}
