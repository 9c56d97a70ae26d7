/**
 * Invitations: for people without credentials of the cluster. A ServiceAccount of their own in bridge-system, the user role there and in the
 * named namespaces, and a token that expires; handed over as a kubeconfig.
 */
import { stringify } from 'yaml';
import { guestAccount, guestExpiresAnnotation, guestUser } from '../../protocol/guests.ts';
import { guestLabel, labels, managedBy, names, systemNamespace } from '../../protocol/names.ts';
import type { Client } from '../../protocol/objects.ts';
import { resources, type Cluster, type KubeObject } from '../adapters/cluster/index.ts';
import { BridgeError } from '../errors.ts';

const namePattern = /^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$/;

export interface Invitation {
  name: string;
  user: string;
  namespaces: string[];
  /** RFC 3339; by the API server, which may give less than was asked for. */
  expiresAt: string;
  /** The kubeconfig. Holds the token. */
  text: string;
}

export function checkGuestName(name: string): void {
  if (namePattern.test(name)) return;
  throw new BridgeError({ kind: 'usage', code: 'guest-malformed', what: `'${name}' cannot be the name of a guest`, why: 'it is at most 40 lower-case letters, digits and hyphens', next: 'bridge clients invite ann --out FILE' });
}

/** @throws BridgeError guest-exists, cluster-forbidden */
export async function invite(cluster: Cluster, { name, namespaces, seconds }: { name: string; namespaces: string[]; seconds: number }): Promise<Invitation> {
  checkGuestName(name);
  const account = guestAccount(name);
  if (await cluster.find(resources.ServiceAccount, account, systemNamespace) !== undefined) {
    throw new BridgeError({ kind: 'refused', code: 'guest-exists', what: `${name} has an invitation already`, why: 'a second one would have the same account', next: `bridge clients revoke ${name}` });
  }
  const own = { [labels.managedBy]: managedBy, [guestLabel]: name };
  for (const namespace of namespaces) await cluster.get(resources.Namespace, namespace);
  await cluster.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: account, namespace: systemNamespace, labels: own } });
  try {
    for (const namespace of new Set([systemNamespace, ...namespaces])) {
      await cluster.create({
        apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'RoleBinding', metadata: { name: `podbridge-${account}`, namespace, labels: own },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: names.userRole }, subjects: [{ kind: 'ServiceAccount', name: account, namespace: systemNamespace }],
      } as KubeObject);
    }
    const { token, expiresAt } = await cluster.issueToken(account, systemNamespace, seconds);
    await cluster.patch(resources.ServiceAccount, account, { metadata: { annotations: { [guestExpiresAnnotation]: expiresAt } } }, { namespace: systemNamespace });
    return { name, user: guestUser(name), namespaces, expiresAt, text: kubeconfig(cluster, name, token, namespaces[0]!) };
  } catch (error) {
    await removeGuest(cluster, name);
    throw error;
  }
}

function kubeconfig({ context: { server, certificateAuthority, tlsServerName, skipTlsVerify } }: Cluster, name: string, token: string, namespace: string): string {
  const context = `podbridge-${name}`;
  return `# An invitation to use podbridge: bridge up --invite THIS_FILE. Whoever has this file is ${name}.\n${stringify({
    apiVersion: 'v1', kind: 'Config', 'current-context': context,
    clusters: [{ name: context, cluster: {
      server, ...(certificateAuthority === undefined ? {} : { 'certificate-authority-data': Buffer.from(certificateAuthority).toString('base64') }), ...(tlsServerName === undefined ? {} : { 'tls-server-name': tlsServerName }), ...(skipTlsVerify ? { 'insecure-skip-tls-verify': true } : {}),
    } }],
    users: [{ name: context, user: { token } }],
    contexts: [{ name: context, context: { cluster: context, user: context, namespace } }],
  })}`;
}

/** The token is void at once. @returns false when there was no such guest */
async function removeGuest(cluster: Cluster, name: string): Promise<boolean> {
  const { items } = await cluster.list(resources.RoleBinding, { labelSelector: `${guestLabel}=${name}` });
  const gone = await cluster.delete(resources.ServiceAccount, guestAccount(name), { namespace: systemNamespace });
  await Promise.all(items.map(({ metadata }) => cluster.delete(resources.RoleBinding, metadata.name, { namespace: metadata.namespace! })));
  return gone || items.length > 0;
}

export interface Revoked {
  guest: string | null;
  /** Links that have ended; the controller removes their bridges within seconds. */
  clients: string[];
}

/** @param name of a guest, or of a link (`bridge clients list`) */
export async function revoke(cluster: Cluster, name: string): Promise<Revoked> {
  const { items } = await cluster.list<Client>(resources.Client, { namespace: systemNamespace });
  const guest = namePattern.test(name) && await removeGuest(cluster, name);
  const ended = items.filter(({ metadata, spec }) => metadata.name === name || (guest && spec.owner === guestUser(name)));
  if (!guest && ended.length === 0) throw new BridgeError({ kind: 'usage', code: 'guest-not-found', what: `there is neither a guest nor a link ${name}`, next: 'bridge clients list' });
  await Promise.all(ended.map(({ metadata }) => cluster.delete(resources.Client, metadata.name, { namespace: systemNamespace })));
  return { guest: guest ? name : null, clients: ended.map(({ metadata }) => metadata.name) };
}
