import { setTimeout as sleep } from 'node:timers/promises';
import { resources, type KubeObject, type ResourceType } from '../../cli/adapters/cluster/index.ts';
import type { Kube } from './kube.ts';

const pollIntervalMs = 200;
const readyLimitMs = 90_000;

/** Asks until the answer is not undefined. `what` says what was waited for when time is up. */
export async function until<T>(what: string, ask: () => Promise<T | undefined>, limitMs: number): Promise<T> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > deadline) throw new Error(`${what}: not within ${limitMs / 1000} s`);
    await sleep(pollIntervalMs);
  }
}

interface Workload extends KubeObject {
  spec?: { replicas?: number };
  status?: {
    observedGeneration?: number; readyReplicas?: number; updatedReplicas?: number; replicas?: number;
    desiredNumberScheduled?: number; numberReady?: number; conditions?: { type: string; status: string }[];
  };
}

const isReady: Record<string, (object: Workload) => boolean> = {
  Pod: ({ status }) => status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') ?? false,
  Deployment: ({ metadata, spec, status }) => status?.observedGeneration === metadata.generation && status?.readyReplicas === (spec?.replicas ?? 1) && status?.replicas === status?.updatedReplicas && status?.replicas === status?.readyReplicas,
  StatefulSet: ({ metadata, spec, status }) => status?.observedGeneration === metadata.generation && status?.readyReplicas === (spec?.replicas ?? 1),
  DaemonSet: ({ metadata, status }) => status?.observedGeneration === metadata.generation && (status?.desiredNumberScheduled ?? 0) > 0 && status?.numberReady === status?.desiredNumberScheduled,
};

/** Waits until Pods, Deployments, StatefulSets and DaemonSets are ready; other kinds need no waiting. */
export async function untilReady(kube: Kube, objects: { type: ResourceType; name: string; namespace?: string }[]): Promise<void> {
  await Promise.all(objects.map(async ({ type, name, namespace }) => {
    const check = isReady[type.kind];
    if (check === undefined) return;
    try {
      await kube.until<Workload>(type, name, (object) => object !== undefined && check(object), { namespace, timeoutMs: readyLimitMs });
    } catch (error) {
      throw new Error(`${type.kind} ${namespace}/${name} is not ready: ${await podTroubles(kube, namespace ?? '')}`, { cause: error });
    }
  }));
}

interface PodLike extends KubeObject { status?: { phase?: string; containerStatuses?: { ready: boolean; state?: Record<string, { reason?: string; message?: string }> }[]; conditions?: { type: string; status: string; message?: string }[] } }

async function podTroubles(kube: Kube, namespace: string): Promise<string> {
  const { items } = await kube.list<PodLike>(resources.Pod, { namespace });
  return items.map(({ metadata, status }) => {
    const states = status?.containerStatuses?.filter(({ ready }) => !ready).map(({ state }) => JSON.stringify(state)) ?? [];
    const conditions = status?.conditions?.filter(({ status: value, message }) => value !== 'True' && message !== undefined).map(({ message }) => message) ?? [];
    return `${metadata.name} ${status?.phase} ${[...states, ...conditions].join(' ')}`;
  }).join('; ');
}
