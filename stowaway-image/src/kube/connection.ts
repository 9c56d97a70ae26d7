/** Where the API server is and how we prove who we are: the pod's service account, or anything passed in (development outside a pod). */
import { readFile } from 'node:fs/promises';

export interface KubeConnection {
  /** `https://host:port`, without a path. */
  server: string;
  /** PEM of the cluster's certificate authority; absent means the system's. */
  ca?: string;
  /** The bearer token to use now; `refresh` asks for a fresh read because the last one was refused. */
  token?: (refresh: boolean) => Promise<string>;
  /** Client certificate and key, PEM. */
  cert?: string;
  key?: string;
}

/** Where the kubelet puts a pod's token, CA and namespace (Kubernetes docs: "Accessing the Kubernetes API from a Pod"). */
export const serviceAccountDir = '/var/run/secrets/kubernetes.io/serviceaccount';

/** Tokens are rotated by the kubelet long before they end; once a minute is how often client-go reads them too. */
const tokenReadIntervalMs = 60_000;

/** A bearer token kept in a file that somebody else rotates. */
export function tokenFile(path: string, now: () => number = Date.now): (refresh: boolean) => Promise<string> {
  let cached: { token: string; readAt: number } | undefined;
  return async (refresh) => {
    if (cached === undefined || refresh || now() - cached.readAt > tokenReadIntervalMs) {
      cached = { token: (await readFile(path, 'utf8')).trim(), readAt: now() };
    }
    return cached.token;
  };
}

/** @throws Error when this process does not run in a pod with a service account. */
export async function inClusterConnection(env: Record<string, string | undefined>, dir = serviceAccountDir): Promise<KubeConnection> {
  const host = env['KUBERNETES_SERVICE_HOST'];
  const port = env['KUBERNETES_SERVICE_PORT_HTTPS'] ?? env['KUBERNETES_SERVICE_PORT'] ?? '443';
  if (host === undefined || host === '') {
    throw new Error('KUBERNETES_SERVICE_HOST is not set: this program runs in a pod of the cluster (or with an explicit connection)');
  }
  return {
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    ca: await readFile(`${dir}/ca.crt`, 'utf8'),
    token: tokenFile(`${dir}/token`),
  };
}
