/** Why a pod is not ready, in words, and whether waiting can help. */
import type { KubeObject } from '../adapters/cluster/index.ts';

interface ContainerState {
  waiting?: { reason?: string; message?: string };
  terminated?: { reason?: string; message?: string; exitCode?: number };
}

interface ContainerStatus {
  name: string;
  ready?: boolean;
  state?: ContainerState;
  lastState?: ContainerState;
}

export interface Pod extends KubeObject {
  spec: { nodeName?: string; containers: { name: string; image: string }[] };
  status?: {
    phase?: string;
    reason?: string;
    message?: string;
    conditions?: { type: string; status: string; reason?: string; message?: string }[];
    initContainerStatuses?: ContainerStatus[];
    containerStatuses?: ContainerStatus[];
  };
}

export interface Trouble {
  /** Kubernetes' own word: ImagePullBackOff, Unschedulable, ... */
  reason: string;
  words: string;
  /** Kubernetes goes on trying, but nothing will change unless somebody acts. */
  hopeless: boolean;
}

const imageReasons = new Set(['ErrImagePull', 'ImagePullBackOff', 'ErrImageNeverPull', 'InvalidImageName']);
const hopelessReasons = new Set([...imageReasons, 'CrashLoopBackOff', 'CreateContainerConfigError', 'CreateContainerError', 'RunContainerError', 'Unschedulable']);

/** undefined: the pod is ready. */
export function podTrouble(pod: Pod): Trouble | undefined {
  const status = pod.status ?? {};
  if (status.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True')) return undefined;
  const scheduled = status.conditions?.find(({ type }) => type === 'PodScheduled');
  if (scheduled?.status === 'False') return trouble(pod, scheduled.reason ?? 'Unschedulable', scheduled.message);
  for (const container of [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])]) {
    const { waiting, terminated } = container.state ?? {};
    const last = container.lastState?.terminated;
    if (waiting?.reason !== undefined && !['ContainerCreating', 'PodInitializing'].includes(waiting.reason)) {
      return trouble(pod, waiting.reason, [waiting.message, last === undefined ? undefined : `last exit code ${last.exitCode}`].filter((part) => part !== undefined).join(', '));
    }
    if (terminated !== undefined && terminated.exitCode !== 0) return trouble(pod, terminated.reason ?? 'Error', `exit code ${terminated.exitCode}`);
  }
  if (status.phase === 'Failed') return trouble(pod, status.reason ?? 'Failed', status.message);
  return trouble(pod, pod.spec.nodeName === undefined ? 'Pending' : 'Starting', undefined);
}

export function isImageTrouble({ reason }: Trouble): boolean {
  return imageReasons.has(reason);
}

function trouble(pod: Pod, reason: string, message: string | undefined): Trouble {
  const words = `pod ${pod.metadata.name}: ${reason}${message === undefined || message === '' ? '' : ` (${message})`}`;
  return { reason, words, hopeless: hopelessReasons.has(reason) };
}
