/**
 * A live copy of a set of objects: list, then watch from there, for ever. Broken watches resume where they ended; a
 * resourceVersion that the server has forgotten (410) leads to a new list, whose differences are reported as ordinary changes.
 */
import { Backoff, pause } from './backoff.ts';
import { isExpired } from './error.ts';
import { keyOf, type Kube, type KubeObject, type WatchEvent } from './kube.ts';
import type { ObjectRef, Resource, Selection } from './resource.ts';

const firstPauseMs = 200;
const mostPauseMs = 10_000;
const shortWatchMs = 1_000;

export interface Change<T> {
  type: 'added' | 'modified' | 'deleted';
  /** Deleted: the last known state. */
  object: T;
  previous?: T;
}

export interface FollowOptions<S extends KubeObject, T extends KubeObject> extends Selection {
  signal: AbortSignal;
  /** Keep only what matters of an object: the copy lives in memory. */
  trim?: (object: S) => T;
  /** After the copy has changed. The first list reports every object as added, before `synced` resolves. */
  onChange?: (change: Change<T>) => void;
  /** A list or watch failed and will be tried again. */
  onError?: (error: unknown) => void;
}

export interface Followed<T> {
  get(ref: ObjectRef): T | undefined;
  values(): IterableIterator<T>;
  readonly size: number;
  /** After the first complete list. Never rejects: until then the list is tried again. */
  readonly synced: Promise<void>;
  /** When the signal has been aborted and the loop is over. */
  readonly ended: Promise<void>;
}

export function follow<T extends KubeObject, S extends KubeObject = T>(kube: Kube, resource: Resource, options: FollowOptions<S, T>): Followed<T> {
  const objects = new Map<string, T>();
  const { signal, trim = (object: S) => object as unknown as T, onChange = () => undefined, onError = () => undefined } = options;
  let markSynced: () => void = () => undefined;
  const synced = new Promise<void>((resolve) => { markSynced = resolve; });
  const backoff = new Backoff(firstPauseMs, mostPauseMs);

  const put = (object: T): void => {
    const key = keyOf(object);
    const previous = objects.get(key);
    if (previous !== undefined && previous.metadata.resourceVersion === object.metadata.resourceVersion) return;
    objects.set(key, object);
    onChange(previous === undefined ? { type: 'added', object } : { type: 'modified', object, previous });
  };
  const remove = (key: string): void => {
    const object = objects.get(key);
    if (object === undefined) return;
    objects.delete(key);
    onChange({ type: 'deleted', object });
  };

  const list = async (): Promise<string> => {
    const answer = await kube.list<S>(resource, options);
    const seen = new Set<string>();
    const incarnations = new Map<string, string | undefined>([...objects].map(([key, object]) => [key, object.metadata.uid]));
    for (const item of answer.items) {
      const object = trim(item);
      const key = keyOf(object);
      seen.add(key);
      // Deleted and made again between two lists: that is two changes, as a watch would have shown it.
      if (incarnations.has(key) && incarnations.get(key) !== object.metadata.uid) remove(key);
      put(object);
    }
    for (const key of [...objects.keys()]) if (!seen.has(key)) remove(key);
    markSynced();
    return answer.resourceVersion;
  };

  const run = async (): Promise<void> => {
    let version: string | undefined;
    while (!signal.aborted) {
      try {
        version ??= await list();
        const startedAt = Date.now();
        await kube.watch<S>(resource, { ...options, resourceVersion: version }, (event: WatchEvent<S>) => {
          version = event.object.metadata.resourceVersion ?? version;
          if (event.type === 'BOOKMARK') return;
          backoff.reset();
          if (event.type === 'DELETED') remove(keyOf(event.object));
          else put(trim(event.object));
        }, signal);
        // A server that ends watches as soon as they begin must not be asked without a pause.
        if (Date.now() - startedAt >= shortWatchMs) backoff.reset();
        else await pause(backoff.next(), signal);
      } catch (error) {
        if (signal.aborted) return;
        if (isExpired(error)) version = undefined;
        else onError(error);
        await pause(backoff.next(), signal);
      }
    }
  };

  return {
    get: (ref) => objects.get(keyOf(ref)),
    values: () => objects.values(),
    get size() { return objects.size; },
    synced,
    ended: run(),
  };
}
