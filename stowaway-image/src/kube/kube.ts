/** What our programs do with the Kubernetes API. {@link ../kube/http.ts} does it over HTTPS; tests do it in memory. */
import type { ObjectMeta } from '../../../protocol/objects.ts';
import type { ObjectRef, Resource, Selection } from './resource.ts';

export interface KubeObject {
  apiVersion?: string;
  kind?: string;
  metadata: ObjectMeta;
}

export interface ObjectList<T> {
  items: T[];
  /** Where a watch may start. */
  resourceVersion: string;
}

export interface WatchEvent<T> {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  object: T;
}

export interface ApplyOptions {
  /** Field manager: fields that this manager applied before and that are absent now are removed. */
  manager: string;
  subresource?: 'status';
}

export interface DeleteOptions {
  /** Delete only this incarnation; another uid gives a Conflict. */
  uid?: string | undefined;
  gracePeriodSeconds?: number;
}

/** Every call rejects with KubeError and nothing else. */
export interface Kube {
  get<T extends KubeObject>(resource: Resource, ref: ObjectRef, subresource?: 'scale'): Promise<T>;
  /** All pages. */
  list<T extends KubeObject>(resource: Resource, selection?: Selection): Promise<ObjectList<T>>;
  create<T extends KubeObject>(resource: Resource, object: T): Promise<T>;
  /** PUT; with metadata.resourceVersion set it is a compare-and-swap. */
  replace<T extends KubeObject>(resource: Resource, object: T): Promise<T>;
  /** RFC 7386. */
  mergePatch<T extends KubeObject>(resource: Resource, ref: ObjectRef, patch: unknown, subresource?: 'status'): Promise<T>;
  /**
   * Server-side apply, forced. With `subresource: 'status'` a missing object gives NotFound. Put metadata.uid into the object to
   * mean one incarnation only (another gives Conflict).
   */
  apply<T extends KubeObject>(resource: Resource, object: KubeObject & Record<string, unknown>, options: ApplyOptions): Promise<T>;
  /** An object that is not there counts as deleted. */
  delete(resource: Resource, ref: ObjectRef, options?: DeleteOptions): Promise<void>;
  /** One watch connection. Resolves when the server ends it; rejects on errors, with {@link isExpired} when a list is needed first. */
  watch<T extends KubeObject>(resource: Resource, selection: Selection & { resourceVersion: string }, onEvent: (event: WatchEvent<T>) => void, signal: AbortSignal): Promise<void>;
}

export function refOf(object: KubeObject): ObjectRef {
  return { namespace: object.metadata.namespace, name: object.metadata.name };
}

/** `namespace/name`, the key of an object in maps. */
export function keyOf(ref: ObjectRef | KubeObject): string {
  const { namespace, name } = 'metadata' in ref ? ref.metadata : ref;
  return `${namespace ?? ''}/${name}`;
}
