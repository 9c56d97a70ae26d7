/** Kubernetes objects of the tests' workloads, all of the one image (echo-image.ts). */
import type { ObjectMeta } from '../../protocol/objects.ts';

export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  [field: string]: unknown;
}

export type EnvEntry = { name: string; value: string } | { name: string; valueFrom: unknown };

/** What makes a workload fit for a namespace that enforces the Pod Security Standard `restricted`. */
export const restricted = {
  container: { securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, runAsNonRoot: true, runAsUser: 12345, capabilities: { drop: ['ALL'] } } },
  pod: { securityContext: { seccompProfile: { type: 'RuntimeDefault' } } },
};
export const enforceRestricted = { 'pod-security.kubernetes.io/enforce': 'restricted' };

export interface EchoOptions {
  name: string;
  namespace: string;
  image: string;
  replicas?: number;
  env?: EnvEntry[];
  envFrom?: unknown[];
  /** Merged into the container, and into the pod's spec and metadata. */
  container?: Record<string, unknown>;
  pod?: Record<string, unknown>;
  podMetadata?: { labels?: Record<string, string>; annotations?: Record<string, string> };
  /** Merged into the workload's spec. */
  spec?: Record<string, unknown>;
}

/** Ports of the echo container. All but http are opened because the environment names them. */
export const echoPorts = { http: 8080, grpc: 50051, tls: 8443, banner: 2525, tcp: 9000, udp: 9001 } as const;

const portVariables = { GRPC_PORT: 'grpc', TLS_PORT: 'tls', BANNER_PORT: 'banner', TCP_PORT: 'tcp', UDP_PORT: 'udp' } as const;

/** `[{ name: 'GRPC_PORT', value: '50051' }, ...]`: what makes echo open every port. */
export const everyPort: EnvEntry[] = Object.entries(portVariables).map(([name, port]) => ({ name, value: String(echoPorts[port]) }));

export function echoContainer(options: EchoOptions): Record<string, unknown> {
  const { env = everyPort, envFrom, image, container } = options;
  return {
    name: 'echo', image, imagePullPolicy: 'IfNotPresent',
    ports: Object.entries(echoPorts).map(([name, containerPort]) => ({ name, containerPort, protocol: name === 'udp' ? 'UDP' : 'TCP' })),
    env,
    ...(envFrom === undefined ? {} : { envFrom }),
    readinessProbe: { httpGet: { path: '/healthz', port: 'http' }, periodSeconds: 1 },
    ...container,
  };
}

function template(options: EchoOptions): Record<string, unknown> {
  const { labels, annotations } = options.podMetadata ?? {};
  return {
    metadata: { labels: { app: options.name, ...labels }, ...(annotations === undefined ? {} : { annotations }) },
    spec: {
      terminationGracePeriodSeconds: 1, automountServiceAccountToken: false,
      containers: [echoContainer(options)],
      ...options.pod,
    },
  };
}

const metadata = ({ name, namespace }: EchoOptions): ObjectMeta => ({ name, namespace, labels: { app: name } });
const selector = ({ name }: EchoOptions): unknown => ({ matchLabels: { app: name } });

/** Its replicas stand on as many nodes as there are. */
export function deployment(options: EchoOptions): Manifest {
  const spread = [{ maxSkew: 1, topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'DoNotSchedule', labelSelector: selector(options) }];
  return {
    apiVersion: 'apps/v1', kind: 'Deployment', metadata: metadata(options),
    spec: { replicas: options.replicas ?? 1, selector: selector(options), template: template({ ...options, pod: { topologySpreadConstraints: spread, ...options.pod } }), ...options.spec },
  };
}

/** With the headless Service `<name>` that its pods' names need. */
export function statefulSet(options: EchoOptions): Manifest[] {
  return [
    {
      apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: metadata(options),
      spec: { replicas: options.replicas ?? 1, serviceName: options.name, podManagementPolicy: 'Parallel', selector: selector(options), template: template(options), ...options.spec },
    },
    service(options, { clusterIP: 'None' }),
  ];
}

export function daemonSet(options: EchoOptions): Manifest {
  return { apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: metadata(options), spec: { selector: selector(options), template: template(options), ...options.spec } };
}

/** A pod that nobody replaces. */
export function pod(options: EchoOptions): Manifest {
  const { metadata: { labels }, spec } = template(options) as { metadata: { labels: Record<string, string> }; spec: unknown };
  return { apiVersion: 'v1', kind: 'Pod', metadata: { ...metadata(options), labels }, spec };
}

/** Every port of echo under its own number, http also as 80; targets are given by name. */
export function service(options: Pick<EchoOptions, 'name' | 'namespace'>, spec: Record<string, unknown> = {}): Manifest {
  return {
    apiVersion: 'v1', kind: 'Service', metadata: { name: options.name, namespace: options.namespace, labels: { app: options.name } },
    spec: {
      selector: { app: options.name },
      ports: [
        { name: 'web', port: 80, targetPort: 'http' },
        ...Object.entries(echoPorts).map(([name, port]) => ({ name, port, targetPort: name, protocol: name === 'udp' ? 'UDP' : 'TCP' })),
      ],
      ...spec,
    },
  };
}

export function configMap(name: string, namespace: string, data: Record<string, string>): Manifest {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data };
}

export function secret(name: string, namespace: string, stringData: Record<string, string>): Manifest {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, stringData };
}
