/** Real users of the cluster with nothing but the rights that a test gives them, each with a kubeconfig of its own: service accounts with tokens, and people with certificates. */
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { stringify } from 'yaml';
import type { Cluster as TestCluster } from '../cluster/index.ts';
import { openKube, type Kube } from './kube.ts';
import { ensureProgram } from './system-program.ts';
import { until } from './wait.ts';

export interface User {
  /** As the API server knows it. */
  username: string;
  kubeconfigPath: string;
  context: string;
  kube: Kube;
  /** Removes the kubeconfig; the account goes with its namespace. */
  dispose(): Promise<void>;
}

/** The shortest that the API server gives is 10 minutes. */
const tokenSeconds = 3600;
const certificateLimitMs = 30_000;

/** A service account. */
export async function makeUser(admin: Kube, cluster: TestCluster, namespace: string, name: string): Promise<User> {
  await admin.apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } }, { fieldManager: 'podbridge-test' });
  const { status: { token } } = await admin.request<{ status: { token: string } }>('POST', `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`, {
    apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: tokenSeconds },
  });
  return userWith(admin, { username: `system:serviceaccount:${namespace}:${name}`, name, namespace, context: `${cluster.context}-${name}`, credentials: { token } });
}

/** Somebody with a certificate, whose name in the cluster is `name` and nothing more. @param namespace of the context; it need not be there yet */
export async function makePerson(admin: Kube, cluster: TestCluster, namespace: string, name: string): Promise<User> {
  await ensureProgram('openssl');
  const folder = await mkdtemp(join(tmpdir(), 'podbridge-key-'));
  const [keyFile, requestFile] = [join(folder, 'key'), join(folder, 'request')];
  await execa('openssl', ['req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', keyFile, '-out', requestFile, '-subj', `/CN=${name}`]);
  const [key, signing] = await Promise.all([keyFile, requestFile].map((file) => readFile(file, 'base64')));
  await rm(folder, { recursive: true });
  const path = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
  const asked = await admin.request<{ metadata: { name: string }; status: object }>('POST', path, {
    apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest', metadata: { generateName: `podbridge-test-${name}-` },
    spec: { request: signing, signerName: 'kubernetes.io/kube-apiserver-client', expirationSeconds: tokenSeconds, usages: ['client auth'] },
  });
  const one = `${path}/${asked.metadata.name}`;
  try {
    await admin.request('PUT', `${one}/approval`, { ...asked, status: { conditions: [{ type: 'Approved', status: 'True', reason: 'Test', message: 'a user of a test' }] } });
    const certificate = await until(`a certificate for ${name}`, async () => (await admin.request<{ status: { certificate?: string } }>('GET', one)).status.certificate, certificateLimitMs);
    const credentials = { 'client-certificate-data': certificate, 'client-key-data': key! };
    return await userWith(admin, { username: name, name, namespace, context: `${cluster.context}-${name}`, credentials });
  } finally {
    await admin.request('DELETE', one);
  }
}

async function userWith(admin: Kube, { username, name, namespace, context, credentials }: { username: string; name: string; namespace: string; context: string; credentials: Record<string, string> }): Promise<User> {
  const folder = await mkdtemp(join(tmpdir(), 'podbridge-user-'));
  const kubeconfigPath = join(folder, 'kubeconfig');
  const { server, certificateAuthority } = admin.context;
  await writeFile(kubeconfigPath, stringify({
    apiVersion: 'v1', kind: 'Config', 'current-context': context,
    clusters: [{ name: 'cluster', cluster: { server, ...(certificateAuthority === undefined ? {} : { 'certificate-authority-data': Buffer.from(certificateAuthority).toString('base64') }) } }],
    users: [{ name, user: credentials }],
    contexts: [{ name: context, context: { cluster: 'cluster', user: name, namespace } }],
  }));
  await chmod(kubeconfigPath, 0o600);
  const kube = await openKube({ kubeconfigPath, context });
  return {
    username, kubeconfigPath, context, kube,
    async dispose() {
      kube.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Binds a ClusterRole in one namespace, as `kubectl create rolebinding`; without a namespace everywhere. */
export async function grant(admin: Kube, user: Pick<User, 'username'>, role: string, namespace?: string): Promise<void> {
  const [, accountNamespace, account] = /^system:serviceaccount:([^:]+):(.+)$/.exec(user.username) ?? [];
  await admin.apply({
    apiVersion: 'rbac.authorization.k8s.io/v1', kind: namespace === undefined ? 'ClusterRoleBinding' : 'RoleBinding',
    metadata: { name: `${role}-${account ?? user.username}`, ...(namespace === undefined ? {} : { namespace }) },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
    subjects: [account === undefined ? { apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user.username } : { kind: 'ServiceAccount', name: account, namespace: accountNamespace }],
  } as never, { fieldManager: 'podbridge-test' });
}
