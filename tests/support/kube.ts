/** A test's own view of the cluster: the CLI's adapter for objects, and plain requests for what that does not do. */
import { request } from 'node:https';
import { homedir } from 'node:os';
import type { Cluster as TestCluster } from '../cluster/index.ts';
import { connectCluster, type Cluster } from '../../cli/adapters/cluster/index.ts';

export interface Kube extends Cluster {
  /** One request with JSON in and out. Throws on a status of 400 and above, with the body in the message. */
  request<T>(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown, limitMs?: number): Promise<T>;
}

const requestLimitMs = 30_000;

export async function openKube(cluster: Pick<TestCluster, 'kubeconfigPath' | 'context'>): Promise<Kube> {
  const connected = await connectCluster({ env: {}, homeDir: homedir(), cwd: process.cwd() }, { kubeconfig: cluster.kubeconfigPath, context: cluster.context });
  return Object.assign(Object.create(connected) as Cluster, {
    async request<T>(method: string, path: string, body?: unknown, limitMs = requestLimitMs): Promise<T> {
      const { server, headers, ...tls } = await connected.credentials();
      const text = await new Promise<string>((resolve, reject) => {
        const outgoing = request(new URL(path, server), { ...tls, method, headers: { ...headers, 'content-type': 'application/json' }, signal: AbortSignal.timeout(limitMs) }, (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => {
            const answer = Buffer.concat(chunks).toString();
            if ((response.statusCode ?? 500) < 400) resolve(answer);
            else reject(new Error(`${method} ${path}: ${response.statusCode} ${answer}`));
          });
        });
        outgoing.on('error', reject);
        outgoing.end(body === undefined ? undefined : JSON.stringify(body));
      });
      return JSON.parse(text) as T;
    },
  });
}
