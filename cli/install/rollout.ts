/** Waits until a Deployment or StatefulSet of ours runs as applied, telling why it does not yet. */
import { systemNamespace } from '../../protocol/names.ts';
import { resources, type Cluster, type KubeObject, type ResourceType } from '../adapters/cluster/index.ts';
import { BridgeError, isBridgeError } from '../errors.ts';
import { timing } from '../timing.ts';
import { isImageTrouble, podTrouble, type Pod, type Trouble } from './pod-trouble.ts';

export interface Workload {
  type: ResourceType;
  name: string;
}

interface WorkloadObject extends KubeObject {
  spec: { replicas?: number; selector: { matchLabels: Record<string, string> }; template: { spec: { containers: { image: string }[] } } };
  status?: { observedGeneration?: number; replicas?: number; updatedReplicas?: number; readyReplicas?: number; availableReplicas?: number; currentRevision?: string; updateRevision?: string };
}

export async function waitForRollout(cluster: Cluster, workload: Workload, now: () => number, waiting: (waitingFor: string) => void): Promise<void> {
  const done = new AbortController();
  const rolledOut = cluster.until<WorkloadObject>(workload.type, workload.name, (object) => object !== undefined && isRolledOut(object), {
    namespace: systemNamespace, timeoutMs: timing.rolloutTimeoutMs, signal: done.signal,
  });
  const reasons = new RolloutReasons(cluster, workload, now, waiting);
  try {
    await Promise.race([rolledOut, reasons.watch(done.signal)]);
  } catch (error) {
    if (isBridgeError(error) && error.facts.code === 'cluster-timeout') throw await reasons.failure(error);
    throw error;
  } finally {
    done.abort();
    await rolledOut.catch(() => undefined);
  }
}

function isRolledOut({ metadata, spec, status = {} }: WorkloadObject): boolean {
  const wanted = spec.replicas ?? 1;
  return (status.observedGeneration ?? 0) >= (metadata.generation ?? 0)
    && (status.updatedReplicas ?? 0) >= wanted
    && (status.availableReplicas ?? 0) >= wanted
    && (status.replicas ?? 0) === wanted
    && status.updateRevision === status.currentRevision;
}

class RolloutReasons {
  readonly #cluster: Cluster;
  readonly #workload: Workload;
  readonly #now: () => number;
  readonly #waiting: (waitingFor: string) => void;
  #trouble: Trouble | undefined;
  #pod: string | undefined;

  constructor(cluster: Cluster, workload: Workload, now: () => number, waiting: (waitingFor: string) => void) {
    this.#cluster = cluster;
    this.#workload = workload;
    this.#now = now;
    this.#waiting = waiting;
  }

  /** Ends only by throwing: when nothing will change any more unless somebody acts. */
  async watch(signal: AbortSignal): Promise<never> {
    let hopelessSince: number | undefined;
    for (;;) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timing.rolloutReasonIntervalMs);
        signal.addEventListener('abort', () => { clearTimeout(timer); resolve(); }, { once: true });
      });
      if (signal.aborted) return new Promise<never>(() => undefined);
      await this.#look();
      if (this.#trouble !== undefined) this.#waiting(this.#trouble.words);
      hopelessSince = this.#trouble?.hopeless === true ? hopelessSince ?? this.#now() : undefined;
      if (hopelessSince !== undefined && this.#now() - hopelessSince >= timing.rolloutHopelessMs) throw await this.failure(undefined);
    }
  }

  async #look(): Promise<void> {
    const { type, name } = this.#workload;
    const workload = await this.#cluster.find<WorkloadObject>(type, name, systemNamespace);
    if (workload === undefined) return;
    const labelSelector = Object.entries(workload.spec.selector.matchLabels).map((pair) => pair.join('=')).join(',');
    const { items } = await this.#cluster.list<Pod>(resources.Pod, { namespace: systemNamespace, labelSelector });
    const image = workload.spec.template.spec.containers[0]?.image;
    const current = items.filter((pod) => pod.metadata.deletionTimestamp === undefined && pod.spec.containers[0]?.image === image);
    const found = current.map((pod) => ({ pod, trouble: podTrouble(pod) })).find(({ trouble }) => trouble !== undefined);
    this.#trouble = found?.trouble;
    this.#pod = found?.pod.metadata.name;
  }

  async failure(cause: unknown): Promise<BridgeError> {
    const trouble = this.#trouble;
    const log = this.#pod === undefined || trouble === undefined || isImageTrouble(trouble)
      ? undefined
      : await this.#cluster.podLog(systemNamespace, this.#pod, { tailLines: 20, previous: trouble.reason === 'CrashLoopBackOff' }).catch(() => undefined);
    return new BridgeError({
      kind: trouble?.hopeless === true ? 'environment' : 'timeout',
      code: 'rollout-failed',
      what: `${this.#workload.name} does not start`,
      why: trouble?.words ?? 'the cluster did not start its pod in time',
      next: trouble !== undefined && isImageTrouble(trouble)
        ? 'bridge install --registry HOST/PATH (a registry that the nodes can pull from)'
        : `${this.#cluster.context.kubectl} describe pods --namespace ${systemNamespace}`,
      ...(log === undefined || log.trim() === '' ? {} : { detail: log.trim() }),
      cause,
    });
  }
}
