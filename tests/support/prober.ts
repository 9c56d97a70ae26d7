/** Probes from inside the cluster: a pod that runs `echo client ...` when asked, reached through the API server. */
import { resources } from '../../cli/adapters/cluster/index.ts';
import type { Kube } from './kube.ts';
import { untilReady } from './wait.ts';

/** What a probe found out; see tests/workloads/echo/report.go. */
export interface Report {
  total: number;
  failed: number;
  byWho: Record<string, number>;
  byKind: Record<string, Record<string, number>>;
  connections: number;
  errors: Record<string, number>;
  firstError?: string;
  longestGapMs: number;
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
  perSecond: number;
  startedAtMs: number;
  endedAtMs: number;
  changes: { atMs: number; who: string }[];
  lines?: string[];
}

export interface RunningProbe {
  peek(): Promise<Report>;
  /** Ends it; what is under way is finished first. */
  stop(): Promise<Report>;
}

/** What one request got, in full. */
export interface Fetched {
  status: number;
  headers: Record<string, string[]>;
  body: string;
  /** `HTTP/1.1`, `HTTP/2.0`. */
  proto: string;
  /** Common name of the server's certificate, with TLS. */
  certificate?: string;
}

export interface Prober {
  pod: string;
  fetch(url: string, headers?: Record<string, string>, options?: { method?: string; body?: string; http2?: boolean }): Promise<Fetched>;
  /** The arguments of `echo client`, e.g. `http --url http://10.96.1.2 --count 300`. */
  run(...args: string[]): Promise<Report>;
  start(...args: string[]): Promise<RunningProbe>;
}

const controlPort = 7070;
/** Longest time that a probe may take. */
const probeLimitMs = 180_000;

/** A second call finds the first one's. @param options its name, and the node where it shall stand */
export async function ensureProber(kube: Kube, namespace: string, image: string, { name = 'prober', node }: { name?: string; node?: string } = {}): Promise<Prober> {
  await kube.apply({
    apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace, labels: { app: name } },
    spec: {
      ...(node === undefined ? {} : { nodeName: node }),
      terminationGracePeriodSeconds: 0, automountServiceAccountToken: false, enableServiceLinks: false,
      // Fit for namespaces that enforce the restricted Pod Security Standard.
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [{
        name, image, imagePullPolicy: 'IfNotPresent',
        env: [{ name: 'WHO', value: 'prober' }, { name: 'HTTP_PORT', value: '' }, { name: 'CONTROL_PORT', value: String(controlPort) }],
        ports: [{ containerPort: controlPort }],
        readinessProbe: { httpGet: { path: '/healthz', port: controlPort }, periodSeconds: 1 },
        securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
      }],
    },
  } as never, { fieldManager: 'podbridge-test' });
  await untilReady(kube, [{ type: resources.Pod, name, namespace }]);
  const path = (action: string): string => `/api/v1/namespaces/${namespace}/pods/${name}:${controlPort}/proxy/${action}`;
  const post = <T>(action: string, body?: unknown): Promise<T> => kube.request('POST', path(action), body, probeLimitMs);
  return {
    pod: name,
    fetch: (url, headers = {}, options = {}) => post('fetch', { url, headers, ...options }),
    run: (...args) => post('run', { args }),
    async start(...args) {
      const { id } = await post<{ id: number }>('start', { args });
      return { peek: () => kube.request('GET', path(`peek?id=${id}`)), stop: () => post(`stop?id=${id}`) };
    },
  };
}
