/** The pod of one node's agent. */
import { agentPodName } from '../agent-names.ts';
import type { KubeObject } from '../kube/index.ts';
import { labels, managedBy, names, systemNamespace } from '../../../protocol/names.ts';
import { ports } from '../../../protocol/ports.ts';

export interface AgentSettings {
  image: string;
  /** Of the cluster side: an agent of another version is replaced. */
  version: string;
  priorityClassName: string | undefined;
  /** The controller's Deployment: with it goes everything that it made. */
  owner: { name: string; uid: string };
}

/**
 * Each capability, and what does not work without it (all were tried):
 *   SYS_PTRACE  /proc/PID/root, /proc/PID/environ and /proc/PID/ns of other people's processes
 *   DAC_READ_SEARCH  /proc/PID/environ and files of containers that do not run as root: they belong to another user, mode 0400
 *   SYS_ADMIN   entering the pod's network namespace, and naming it for HAProxy (setns, bind mount in our own mount namespace)
 *   NET_ADMIN   nftables, routes and transparent sockets in the pod's network namespace
 * No hostPath, no host network, no runtime socket.
 */
const capabilities = ['SYS_ADMIN', 'SYS_PTRACE', 'DAC_READ_SEARCH', 'NET_ADMIN'];

export function agentPod(node: string, { image, version, priorityClassName, owner }: AgentSettings): KubeObject & { spec: Record<string, unknown> } {
  return {
    metadata: {
      name: agentPodName(node),
      namespace: systemNamespace,
      labels: { [labels.managedBy]: managedBy, [labels.component]: 'agent', [labels.version]: version },
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'Deployment', name: owner.name, uid: owner.uid, controller: true, blockOwnerDeletion: false }],
    },
    spec: {
      serviceAccountName: names.agent,
      // Not scheduled but placed: it serves the pods of this node and no other.
      nodeName: node,
      tolerations: [{ operator: 'Exists' }],
      ...(priorityClassName === undefined ? {} : { priorityClassName }),
      hostPID: true,
      restartPolicy: 'Always',
      // Three seconds for open requests, the rest for leaving the pods' networks one by one.
      terminationGracePeriodSeconds: 10,
      enableServiceLinks: false,
      securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
      containers: [{
        name: 'agent',
        image,
        imagePullPolicy: 'IfNotPresent',
        args: ['agent'],
        env: [
          { name: 'PODBRIDGE_VERSION', value: version },
          { name: 'NODE_NAME', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
          { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
          { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
          { name: 'POD_UID', valueFrom: { fieldRef: { fieldPath: 'metadata.uid' } } },
        ],
        ports: [{ name: 'identity', containerPort: ports.agent, protocol: 'TCP' }],
        readinessProbe: { httpGet: { path: '/healthz', port: ports.agent }, periodSeconds: 2, failureThreshold: 3 },
        livenessProbe: { httpGet: { path: '/healthz', port: ports.agent }, initialDelaySeconds: 30, periodSeconds: 20, timeoutSeconds: 5, failureThreshold: 3 },
        resources: { requests: { cpu: '20m', memory: '96Mi' }, limits: { memory: '512Mi' } },
        securityContext: {
          runAsUser: 0,
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'], add: capabilities },
          // Where AppArmor is in force, the runtime's default profile forbids the bind mounts of `ip netns attach`.
          appArmorProfile: { type: 'Unconfined' },
        },
        volumeMounts: [{ name: 'run', mountPath: '/run' }, { name: 'tmp', mountPath: '/tmp' }, { name: 'var', mountPath: '/var/lib/podbridge' }],
      }],
      volumes: ['run', 'tmp', 'var'].map((name) => ({ name, emptyDir: { medium: 'Memory', sizeLimit: '32Mi' } })),
    },
  };
}
