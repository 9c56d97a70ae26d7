/** What the controller keeps of pods. */
import type { ObjectMeta, PodSelector } from '../../../protocol/objects.ts';
import { podMatcher } from '../agent/pods/selector.ts';
import { follow, type Followed, type Kube, type KubeObject, resources } from '../kube/index.ts';

type KeptMeta = Pick<ObjectMeta, 'name' | 'namespace' | 'uid' | 'resourceVersion' | 'labels' | 'annotations'>;

export interface TargetPod {
  metadata: Omit<KeptMeta, 'annotations'>;
  /** Empty until scheduled. */
  node: string;
  hostNetwork: boolean;
  /** Succeeded, Failed, or about to end. */
  over: boolean;
  /** Passes its readiness probes. */
  ready: boolean;
}

interface RawPod extends KubeObject {
  spec?: { nodeName?: string; hostNetwork?: boolean; containers?: { image?: string }[] };
  status?: { phase?: string; podIP?: string; conditions?: { type: string; status: string }[]; containerStatuses?: { ready?: boolean; state?: { waiting?: { reason?: string; message?: string }; terminated?: object } }[]; reason?: string };
}

export function trimTargetPod({ metadata, spec = {}, status = {} }: RawPod): TargetPod {
  const { name, namespace, uid, resourceVersion, labels } = metadata;
  return {
    metadata: { name, ...(namespace === undefined ? {} : { namespace }), ...(uid === undefined ? {} : { uid }), ...(resourceVersion === undefined ? {} : { resourceVersion }), ...(labels === undefined ? {} : { labels }) },
    node: spec.nodeName ?? '',
    hostNetwork: spec.hostNetwork === true,
    over: metadata.deletionTimestamp !== undefined || status.phase === 'Succeeded' || status.phase === 'Failed',
    ready: (status.conditions ?? []).some(({ type, status: value }) => type === 'Ready' && value === 'True'),
  };
}

function relevant({ metadata: { name, uid, labels }, ...rest }: TargetPod): object {
  return { name, uid, labels, ...rest };
}

/** A pod of ours in bridge-system: hub or agent. */
export interface SystemPod {
  metadata: KeptMeta;
  node: string;
  image: string;
  address: string | undefined;
  /** Its container passes its readiness probe. */
  ready: boolean;
  /** Its container does not run, whatever its probes said last: it was killed, or has not started yet. */
  down: boolean;
  deleting: boolean;
  /** Succeeded or Failed (evicted, node lost): it never runs again. */
  dead: boolean;
  /** Why its container does not start: `ImagePullBackOff: ...`. */
  trouble: string | undefined;
}

export function trimSystemPod({ metadata, spec = {}, status = {} }: RawPod): SystemPod {
  const [container] = status.containerStatuses ?? [];
  const waiting = container?.state?.waiting;
  const waits = waiting?.reason !== undefined && !['ContainerCreating', 'PodInitializing'].includes(waiting.reason);
  return {
    metadata, node: spec.nodeName ?? '', image: spec.containers?.[0]?.image ?? '', address: status.podIP,
    ready: container?.ready === true,
    down: waiting !== undefined || container?.state?.terminated !== undefined,
    deleting: metadata.deletionTimestamp !== undefined,
    dead: status.phase === 'Failed' || status.phase === 'Succeeded',
    trouble: waits ? `${waiting.reason}${waiting.message === undefined ? '' : `: ${waiting.message}`}` : status.phase === 'Failed' ? status.reason ?? 'Failed' : undefined,
  };
}

interface WatchedNamespace {
  pods: Followed<TargetPod>;
  stop: AbortController;
  synced: boolean;
  neededAt: number;
  /** By selector, until a pod changes: many bridges of one target must not each look at all pods. */
  selected: Map<string, TargetPod[]>;
}

/** Live copies of the pods of those namespaces that have bridges, and of no others. */
export class TargetPods {
  readonly #kube: Kube;
  readonly #onChange: () => void;
  readonly #onError: (error: unknown) => void;
  readonly #signal: AbortSignal;
  readonly #watched = new Map<string, WatchedNamespace>();

  constructor(kube: Kube, options: { onChange: () => void; onError: (error: unknown) => void; signal: AbortSignal }) {
    this.#kube = kube;
    this.#onChange = options.onChange;
    this.#onError = options.onError;
    this.#signal = options.signal;
  }

  /** Follows these namespaces, and stops following those that nobody has needed for a while. */
  need(namespaces: ReadonlySet<string>, now: number): void {
    for (const namespace of namespaces) this.#start(namespace, now);
    for (const [namespace, { stop, neededAt }] of this.#watched) {
      if (namespaces.has(namespace) || now - neededAt < lingerMs) continue;
      stop.abort();
      this.#watched.delete(namespace);
    }
  }

  /** Those that are not over; undefined until the first list is complete. */
  select(namespace: string, selector: PodSelector): TargetPod[] | undefined {
    const entry = this.#watched.get(namespace);
    if (entry?.synced !== true) return undefined;
    const key = JSON.stringify(selector);
    let selected = entry.selected.get(key);
    if (selected === undefined) {
      const matches = podMatcher(selector);
      selected = [...entry.pods.values()].filter((pod) => !pod.over && matches(pod));
      entry.selected.set(key, selected);
    }
    return selected;
  }

  #start(namespace: string, now: number): void {
    const present = this.#watched.get(namespace);
    if (present !== undefined) {
      present.neededAt = now;
      return;
    }
    const stop = new AbortController();
    const selected: WatchedNamespace['selected'] = new Map();
    const pods = follow<TargetPod, RawPod>(this.#kube, resources.pods, {
      namespace, trim: trimTargetPod, onError: this.#onError, signal: AbortSignal.any([this.#signal, stop.signal]),
      onChange: ({ object, previous }) => {
        // Most changes of a pod (readiness, restarts, times) do not matter here.
        if (previous !== undefined && JSON.stringify(relevant(object)) === JSON.stringify(relevant(previous))) return;
        selected.clear();
        this.#onChange();
      },
    });
    const entry: WatchedNamespace = { pods, stop, synced: false, neededAt: now, selected };
    this.#watched.set(namespace, entry);
    void pods.synced.then(() => {
      entry.synced = true;
      this.#onChange();
    });
  }
}

/** The next bridge often comes soon after the last one has gone. */
const lingerMs = 60_000;
