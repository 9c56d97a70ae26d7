/** Workloads of the kinds that tools which patch, restart or look inside pods stumble over. */
import { deployment, echoContainer, everyPort, service, type EchoOptions, type Manifest } from './manifests.ts';

/** As long as the names that platforms generate: 48 characters. */
export const longNamespace = 'team-commerce-checkout-payments-integration-eu-1';

export const multiLine = '-----BEGIN NOTE-----\n  two spaces,\ta tab, "quotes", $dollar and = signs\n\nafter an empty line\n-----END NOTE-----\n';

const strict = { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, runAsNonRoot: true, runAsUser: 12345, runAsGroup: 23456, capabilities: { drop: ['ALL'] } };

/** Name of the Deployment (and of its Service) -> its objects. */
export function awkwardWorkloads(image: string, namespace: string): Record<string, Manifest[]> {
  const make = (name: string, options: Partial<EchoOptions>): Manifest[] => {
    const whole = { name, namespace, image, replicas: 2, ...options };
    return [deployment(whole), service(whole)];
  };
  return {
    'own-command': make('own-command', { container: { command: ['/echo'], args: ['serve'], workingDir: '/' } }),
    'named-probes': make('named-probes', {
      container: {
        readinessProbe: { httpGet: { path: '/healthz', port: 'http' }, periodSeconds: 1, failureThreshold: 1 },
        livenessProbe: { tcpSocket: { port: 'tcp' }, periodSeconds: 1, failureThreshold: 2 },
        startupProbe: { grpc: { port: 50051 }, periodSeconds: 1 },
      },
    }),
    'strict-pod': make('strict-pod', { container: { securityContext: strict }, pod: { securityContext: { seccompProfile: { type: 'RuntimeDefault' } } } }),
    'two-containers': make('two-containers', {
      podMetadata: { annotations: { 'kubectl.kubernetes.io/default-container': 'echo' } },
      pod: {
        containers: [
          { name: 'beside', image, imagePullPolicy: 'IfNotPresent', env: [{ name: 'WHO', value: 'beside' }, { name: 'HTTP_PORT', value: '8090' }], ports: [{ name: 'beside', containerPort: 8090 }] },
          echoContainer({ name: 'two-containers', namespace, image }),
        ],
      },
    }),
    'many-lines': make('many-lines', { env: [...everyPort, { name: 'NOTE', value: multiLine }] }),
  };
}
