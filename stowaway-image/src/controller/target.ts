/** From a bridge's target to the pods that it stands for. */
import type { Bridge, BridgeTarget, PodSelector } from '../../../protocol/objects.ts';
import { parseResource, targetWords, type TargetKind } from '../../../protocol/target.ts';
import { isForbidden, isNotFound, resources, type Kube, type KubeObject, type Resource } from '../kube/index.ts';
import { words } from '../log.ts';
import type { Problem } from './problem.ts';
import { selectorText, type LabelSelector } from './selector-text.ts';

/** With the workload's uid: another one of the same name is another workload. */
export type TargetState = { selector: PodSelector; uid?: string } | { problem: Problem };

interface Workload extends KubeObject {
  spec?: { selector?: LabelSelector | Record<string, string>; type?: string };
}

/** autoscaling/v1 Scale, as far as it tells the pods. */
interface Scale extends KubeObject {
  status?: { selector?: string };
}

const kinds: Record<TargetKind, Resource> = {
  Deployment: resources.deployments, StatefulSet: resources.statefulSets, DaemonSet: resources.daemonSets, ReplicaSet: resources.replicaSets, Pod: resources.pods, Job: resources.jobs, Service: resources.services,
};

/** @throws KubeError when the API server could not say. */
export async function resolveTarget(kube: Kube, namespace: string, target: BridgeTarget): Promise<TargetState> {
  const text = targetWords(target);
  const ref = { namespace, name: target.name };
  try {
    if (target.resource === undefined) {
      const workload = await kube.get<Workload>(kinds[target.kind as TargetKind], ref);
      return withUid(selectorOf(target, workload, text), workload.metadata.uid);
    }
    const { plural, version, group } = parseResource(target.resource);
    const { metadata, status } = await kube.get<Scale>({ apiVersion: `${group}/${version}`, kind: target.kind, plural, namespaced: true }, ref, 'scale');
    const labels = status?.selector ?? '';
    return labels === '' ? withoutPods(text) : withUid({ selector: { labels } }, metadata.uid);
  } catch (error) {
    if (isNotFound(error)) return { problem: { reason: 'TargetNotFound', message: `${text} does not exist in namespace ${namespace}.` } };
    if (isForbidden(error)) return { problem: { reason: 'TargetUnreadable', message: `The controller may not read ${text}: ${words(error)}. Is the installation complete ('bridge install')?` } };
    throw error;
  }
}

function selectorOf(target: BridgeTarget, workload: Workload, text: string): TargetState {
  if (target.kind === 'Pod') return { selector: { podName: target.name } };
  const selector = workload.spec?.selector ?? {};
  const labels = target.kind === 'Service' ? selectorText({ matchLabels: selector as Record<string, string> }) : selectorText(selector);
  return labels === '' ? withoutPods(text) : { selector: { labels } };
}

function withUid(state: TargetState, uid: string | undefined): TargetState {
  return 'problem' in state || uid === undefined ? state : { ...state, uid };
}

function withoutPods(text: string): TargetState {
  return { problem: { reason: 'TargetWithoutPods', message: `${text} has no selector, so it has no pods that could be bridged.` } };
}

/** Found targets are looked at again this often, because a Service's selector may change; missing ones more often, because they may come. */
const foundRefreshMs = 30_000;
const missingRefreshMs = 2_000;

/** What a new bridge asks for was seen this short a time ago: good enough. */
const freshMs = 1_000;

interface Entry {
  state?: TargetState;
  lookedAt: number;
  /** When to look again; Infinity while a look is under way. */
  dueAt: number;
}

/** What is known of the bridges' targets, each once for all its bridges; looks at the API when it is time. */
export class Targets {
  readonly #entries = new Map<string, Entry>();
  /** By the bridge's uid. */
  readonly #targetOf = new Map<string, string>();
  readonly #kube: Kube;
  readonly #onChange: () => void;
  readonly #onError: (error: unknown) => void;

  constructor(kube: Kube, options: { onChange: () => void; onError: (error: unknown) => void }) {
    this.#kube = kube;
    this.#onChange = options.onChange;
    this.#onError = options.onError;
  }

  /** Undefined until the first answer. */
  of(bridge: Bridge, now: number): TargetState | undefined {
    const { metadata: { uid = '', namespace }, spec: { target: { kind, name, resource } } } = bridge;
    const key = JSON.stringify([namespace, kind, name, resource]);
    let entry = this.#entries.get(key);
    if (entry === undefined) this.#entries.set(key, entry = { lookedAt: 0, dueAt: 0 });
    const isNew = this.#targetOf.get(uid) !== key;
    this.#targetOf.set(uid, key);
    if (entry.dueAt <= now || (isNew && entry.dueAt !== Infinity && now - entry.lookedAt > freshMs)) void this.#look(bridge, entry, now);
    return entry.state;
  }

  /** Milliseconds since the epoch at which some target is to be looked at again. */
  get nextDueAt(): number {
    return Math.min(Infinity, ...[...this.#entries.values()].map(({ dueAt }) => dueAt));
  }

  /** @param uids of the bridges that there are */
  forgetAllBut(uids: ReadonlySet<string>): void {
    for (const uid of this.#targetOf.keys()) if (!uids.has(uid)) this.#targetOf.delete(uid);
    const wanted = new Set(this.#targetOf.values());
    for (const key of this.#entries.keys()) if (!wanted.has(key)) this.#entries.delete(key);
  }

  async #look(bridge: Bridge, entry: Entry, now: number): Promise<void> {
    entry.dueAt = Infinity;
    entry.lookedAt = now;
    const before = JSON.stringify(entry.state);
    try {
      entry.state = await resolveTarget(this.#kube, bridge.metadata.namespace ?? '', bridge.spec.target);
      entry.dueAt = now + ('selector' in entry.state ? foundRefreshMs : missingRefreshMs);
    } catch (error) {
      entry.dueAt = now + missingRefreshMs;
      this.#onError(error);
    }
    // Where it may soon be otherwise, the loop asks for the next time; found ones are looked at again when it looks at everything.
    if (JSON.stringify(entry.state) !== before || entry.dueAt < now + foundRefreshMs) this.#onChange();
  }
}
