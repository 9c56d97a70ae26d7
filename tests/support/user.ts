/** Real users of the cluster with nothing but the rights that a test gives them: service accounts with tokens, each with a kubeconfig of its own. */
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Cluster as TestCluster } from '../cluster/index.ts';
import { openKube, type Kube } from './kube.ts';

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

export async function makeUser(admin: Kube, cluster: TestCluster, namespace: string, name: string): Promise<User> {
  await admin.apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } }, { fieldManager: 'podbridge-test' });
  const { status: { token } } = await admin.request<{ status: { token: string } }>('POST', `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`, {
    apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: tokenSeconds },
  });
  const folder = await mkdtemp(join(tmpdir(), 'podbridge-user-'));
  const kubeconfigPath = join(folder, 'kubeconfig');
  const { server, certificateAuthority } = admin.context;
  const context = `${cluster.context}-${name}`;
  await writeFile(kubeconfigPath, stringify({
    apiVersion: 'v1', kind: 'Config', 'current-context': context,
    clusters: [{ name: 'cluster', cluster: { server, ...(certificateAuthority === undefined ? {} : { 'certificate-authority-data': Buffer.from(certificateAuthority).toString('base64') }) } }],
    users: [{ name, user: { token } }],
    contexts: [{ name: context, context: { cluster: 'cluster', user: name, namespace } }],
  }));
  await chmod(kubeconfigPath, 0o600);
  const kube = await openKube({ kubeconfigPath, context });
  return {
    username: `system:serviceaccount:${namespace}:${name}`, kubeconfigPath, context, kube,
    async dispose() {
      kube.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Binds a ClusterRole in one namespace, as `kubectl create rolebinding`; without a namespace everywhere. */
export async function grant(admin: Kube, user: Pick<User, 'username'>, role: string, namespace?: string): Promise<void> {
  const [, , accountNamespace, account] = user.username.split(':');
  await admin.apply({
    apiVersion: 'rbac.authorization.k8s.io/v1', kind: namespace === undefined ? 'ClusterRoleBinding' : 'RoleBinding',
    metadata: { name: `${role}-${account}`, ...(namespace === undefined ? {} : { namespace }) },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
    subjects: [{ kind: 'ServiceAccount', name: account, namespace: accountNamespace }],
  } as never, { fieldManager: 'podbridge-test' });
}
