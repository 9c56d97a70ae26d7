/** The parts of Kubernetes objects that resolving a target reads. */
import type { KubeObject } from '../adapters/cluster/index.ts';

export interface ContainerPort {
  name?: string;
  containerPort: number;
  protocol?: 'TCP' | 'UDP' | 'SCTP';
}

export interface ContainerSpec {
  name: string;
  image?: string;
  ports?: ContainerPort[];
  env?: { name: string }[];
  envFrom?: unknown[];
  command?: string[];
  args?: string[];
  workingDir?: string;
  securityContext?: {
    capabilities?: { add?: string[]; drop?: string[] };
    allowPrivilegeEscalation?: boolean;
    readOnlyRootFilesystem?: boolean;
    privileged?: boolean;
  };
  /** `Always` on an init container makes it a sidecar (KEP-753). */
  restartPolicy?: string;
  readinessProbe?: { exec?: object };
  livenessProbe?: { exec?: object };
  volumeMounts?: { name: string; mountPath: string; subPath?: string }[];
}

interface KeyToPath {
  key: string;
  path: string;
}

/** The name, and one field named after the kind; told in more words as far as Secrets may be in it. */
export interface PodVolume extends Record<string, unknown> {
  name: string;
  secret?: { secretName?: string; items?: KeyToPath[] };
  projected?: { sources?: { secret?: { name?: string; items?: KeyToPath[] } }[] };
}

export interface PodSpec {
  containers: ContainerSpec[];
  initContainers?: ContainerSpec[];
  volumes?: PodVolume[];
  automountServiceAccountToken?: boolean;
  hostNetwork?: boolean;
  os?: { name?: string };
  nodeSelector?: Record<string, string>;
}

export interface Pod extends KubeObject {
  spec: PodSpec;
  status?: { phase?: string };
}

export interface Workload extends KubeObject {
  spec: {
    replicas?: number;
    template: { metadata?: { annotations?: Record<string, string> }; spec: PodSpec };
  };
  status?: { replicas?: number; desiredNumberScheduled?: number; active?: number; conditions?: { type: string; status: string }[] };
}

export interface Service extends KubeObject {
  spec: {
    type?: string;
    selector?: Record<string, string>;
    ports?: { name?: string; port: number; targetPort?: number | string; protocol?: 'TCP' | 'UDP' | 'SCTP' }[];
  };
}
