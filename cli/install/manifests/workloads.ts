/** Hub and controller, and the rights of all three programs of the cluster side. (Agents are made by the controller, where there is work.) */
import { labels, managedBy, names, systemNamespace } from '../../../protocol/names.ts';
import { ports } from '../../../protocol/ports.ts';
import type { Manifest, ManifestSettings } from './manifest.ts';
import { components } from './network-policies.ts';
import { previewEntrance } from './preview.ts';
import { workloadRights } from './workload-rights.ts';

/** Of agents and hub: they are needed by others' work, but less than what the cluster itself needs. */
export const priorityClassName = 'podbridge';

export function workloads(settings: ManifestSettings): Manifest[] {
  return [priorityClass(), ...workloadRights(), hubService(), ...previewEntrance(settings.preview), controller(settings), hub(settings)];
}

function priorityClass(): Manifest {
  return {
    apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata: { name: priorityClassName },
    value: 1_000_000, globalDefault: false, description: "podbridge's hub and agents",
  };
}

const namespaced = (name: string): { name: string; namespace: string } => ({ name, namespace: systemNamespace });
const podLabels = (component: string, version: string): Record<string, string> => ({ [labels.managedBy]: managedBy, [labels.component]: component, [labels.version]: version });
const selector = (component: string): object => ({ matchLabels: { [labels.managedBy]: managedBy, [labels.component]: component } });

function hubService(): Manifest {
  return {
    apiVersion: 'v1', kind: 'Service', metadata: namespaced(names.hub),
    spec: {
      type: 'NodePort',
      selector: { [labels.managedBy]: managedBy, [labels.component]: components.hub },
      ports: [{ name: 'wireguard', port: ports.wireguard, targetPort: ports.wireguard, protocol: 'UDP' }],
      // WireGuard tries again by itself; waiting for the probe would only make the first handshake late.
      publishNotReadyAddresses: true,
    },
  };
}

// On a starved node an answer takes seconds, and an end would make it worse for everybody.
const healthProbe = { httpGet: { path: '/healthz', port: ports.health }, timeoutSeconds: 5 };
const probes = {
  startupProbe: { ...healthProbe, periodSeconds: 1, failureThreshold: 120 },
  readinessProbe: { ...healthProbe, periodSeconds: 5, failureThreshold: 2 },
  livenessProbe: { ...healthProbe, timeoutSeconds: 10, periodSeconds: 20, failureThreshold: 6 },
};
const fieldEnv = (name: string, fieldPath: string): object => ({ name, valueFrom: { fieldRef: { fieldPath } } });
const linuxOnly = { nodeSelector: { 'kubernetes.io/os': 'linux' } };
const memoryVolume = (name: string): object => ({ name, emptyDir: { medium: 'Memory', sizeLimit: '16Mi' } });

function controller({ version, stowawayImage }: ManifestSettings): Manifest {
  return {
    apiVersion: 'apps/v1', kind: 'Deployment', metadata: namespaced(names.controller),
    spec: {
      replicas: 1,
      // Going back is installing the older release.
      revisionHistoryLimit: 0,
      selector: selector(components.controller),
      template: {
        metadata: { labels: podLabels(components.controller, version) },
        spec: {
          ...linuxOnly,
          serviceAccountName: names.controller,
          enableServiceLinks: false,
          priorityClassName,
          terminationGracePeriodSeconds: 5,
          securityContext: { runAsNonRoot: true, runAsUser: 65532, runAsGroup: 65532, seccompProfile: { type: 'RuntimeDefault' } },
          containers: [{
            name: 'controller', image: stowawayImage, imagePullPolicy: 'IfNotPresent', args: ['controller'],
            env: [
              { name: 'PODBRIDGE_VERSION', value: version },
              // Agents run the image of the controller.
              { name: 'STOWAWAY_IMAGE', value: stowawayImage },
              { name: 'PODBRIDGE_PRIORITY_CLASS', value: priorityClassName },
              fieldEnv('POD_NAME', 'metadata.name'),
              fieldEnv('POD_IP', 'status.podIP'),
            ],
            ports: [{ name: 'health', containerPort: ports.health, protocol: 'TCP' }],
            ...probes,
            resources: { requests: { cpu: '20m', memory: '64Mi' }, limits: { memory: '512Mi' } },
            securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
          }],
        },
      },
    },
  };
}

function hub({ version, stowawayImage }: ManifestSettings): Manifest {
  return {
    apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: namespaced(names.hub),
    spec: {
      replicas: 1,
      revisionHistoryLimit: 0,
      serviceName: names.hub,
      selector: selector(components.hub),
      template: {
        metadata: { labels: podLabels(components.hub, version) },
        spec: {
          ...linuxOnly,
          serviceAccountName: names.hub,
          enableServiceLinks: false,
          priorityClassName,
          terminationGracePeriodSeconds: 5,
          securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
          containers: [{
            name: 'hub', image: stowawayImage, imagePullPolicy: 'IfNotPresent', args: ['hub'],
            env: [{ name: 'PODBRIDGE_VERSION', value: version }],
            ports: [
              { name: 'wireguard', containerPort: ports.wireguard, protocol: 'UDP' },
              { name: 'health', containerPort: ports.health, protocol: 'TCP' },
            ],
            ...probes,
            // It carries all traffic: with less than a share like this its tunnel starves on a busy node and drops datagrams.
            // wireguard-go keeps buffers of big transfers for a while, and has up to a thousand of 64 KB for each peer where it gets
            // no processor time to work them off.
            resources: { requests: { cpu: '200m', memory: '96Mi' }, limits: { memory: '2Gi' } },
            securityContext: {
              runAsUser: 0,
              allowPrivilegeEscalation: false,
              readOnlyRootFilesystem: true,
              // NET_ADMIN: device, addresses, nftables. MKNOD: /dev/net/tun, for wireguard-go where the kernel has no WireGuard.
              capabilities: { drop: ['ALL'], add: ['NET_ADMIN', 'MKNOD'] },
            },
            volumeMounts: [{ name: 'run', mountPath: '/run' }],
          }],
          volumes: [memoryVolume('run')],
        },
      },
    },
  };
}
