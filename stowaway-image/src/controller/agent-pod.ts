/** The pod of one node's agent. */
import { agentPodName } from '../agent-names.ts';
import type { KubeObject } from '../kube/index.ts';
import { agentPodDemands, agentResources, agentSecurityContext } from '../../../protocol/agent-demands.ts';
import { labels, managedBy, names, systemNamespace } from '../../../protocol/names.ts';
import { ports } from '../../../protocol/ports.ts';
import { patientProbes } from './probes.ts';

export interface AgentSettings {
  image: string;
  /** Of the cluster side: an agent of another version is replaced. */
  version: string;
  priorityClassName: string | undefined;
  /** The controller's Deployment: with it goes everything that it made. */
  owner: { name: string; uid: string };
}

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
      ...agentPodDemands,
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
        ports: [{ name: 'identity', containerPort: ports.agent, protocol: 'TCP' }, { name: 'files', containerPort: ports.files, protocol: 'TCP' }, { name: 'health', containerPort: ports.health, protocol: 'TCP' }],
        ...patientProbes(ports.health),
        resources: agentResources,
        securityContext: agentSecurityContext,
        volumeMounts: [{ name: 'run', mountPath: '/run' }, { name: 'tmp', mountPath: '/tmp' }, { name: 'var', mountPath: '/var/lib/podbridge' }],
      }],
      volumes: ['run', 'tmp', 'var'].map((name) => ({ name, emptyDir: { medium: 'Memory', sizeLimit: '32Mi' } })),
    },
  };
}
