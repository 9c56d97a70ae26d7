/** The Kubernetes API in memory, as far as the programs in the cluster use it: resourceVersions, watches, server-side apply per manager. */
import { KubeError, type ApplyOptions, type DeleteOptions, type Kube, type KubeObject, type ObjectList, type ObjectRef, type Resource, type Selection, type WatchEvent } from '../../stowaway-image/src/kube/index.ts';

interface Stored {
  resource: Resource;
  object: KubeObject & { status?: Record<string, unknown> };
  /** Field manager to what it applied to status last. */
  managers: Map<string, Record<string, unknown>>;
}

interface Watcher {
  resource: Resource;
  selection: Selection;
  onEvent: (event: WatchEvent<KubeObject>) => void;
  end: (error?: KubeError) => void;
}

export interface Call {
  verb: string;
  kind: string;
  name: string;
  manager?: string;
}

const notFound = (what: string): KubeError => new KubeError(404, 'NotFound', `${what} not found`);

export class FakeKube implements Kube {
  readonly calls: Call[] = [];
  /** Thrown by the next call of this verb and kind (`create Pod`). */
  readonly failNext = new Map<string, KubeError>();
  readonly #objects = new Map<string, Stored>();
  readonly #watchers = new Set<Watcher>();
  #version = 100;
  #uid = 0;
  /** Watches that start before this fail with 410. */
  #oldest = 0;
  readonly #history: { version: number; resource: Resource; event: WatchEvent<KubeObject> }[] = [];

  /** Puts an object there, or in the place of the one with its name, as if somebody else had done it. */
  seed<T extends KubeObject>(resource: Resource, object: T): T {
    const key = this.#key(resource, object.metadata);
    const before = this.#objects.get(key);
    const metadata = { creationTimestamp: new Date(this.#version * 1000).toISOString(), uid: before?.object.metadata.uid ?? `uid-${++this.#uid}`, ...object.metadata, resourceVersion: String(++this.#version) };
    const status = (object as { status?: Record<string, unknown> }).status;
    // What stands in the object belongs to somebody else, until a manager of ours applies it.
    const managers = before?.managers ?? new Map<string, Record<string, unknown>>(status === undefined ? [] : [['somebody', structuredClone(status)]]);
    const stored: Stored = { resource, object: structuredClone({ ...object, metadata }), managers };
    this.#objects.set(key, stored);
    this.#tell(resource, before === undefined ? 'ADDED' : 'MODIFIED', stored.object);
    return structuredClone(stored.object) as unknown as T;
  }

  remove(resource: Resource, ref: ObjectRef): void {
    const key = this.#key(resource, ref);
    const stored = this.#objects.get(key);
    if (stored === undefined) return;
    this.#objects.delete(key);
    stored.object.metadata.resourceVersion = String(++this.#version);
    this.#tell(resource, 'DELETED', stored.object);
  }

  peek<T>(resource: Resource, ref: ObjectRef): T | undefined {
    const stored = this.#objects.get(this.#key(resource, ref));
    return stored === undefined ? undefined : structuredClone(stored.object) as T;
  }

  all<T>(resource: Resource): T[] {
    return [...this.#objects.values()].filter((stored) => stored.resource.plural === resource.plural).map(({ object }) => structuredClone(object) as T);
  }

  /** Ends all watches; with an error if one is given. */
  breakWatches(error?: KubeError): void {
    for (const watcher of [...this.#watchers]) watcher.end(error);
  }

  /** The server forgets its history: watches can no longer resume from before. */
  compact(): void {
    this.#oldest = ++this.#version;
  }

  get watching(): number {
    return this.#watchers.size;
  }

  async get<T extends KubeObject>(resource: Resource, ref: ObjectRef): Promise<T> {
    this.#record('get', resource, ref.name);
    return structuredClone(this.#stored(resource, ref).object) as unknown as T;
  }

  async list<T extends KubeObject>(resource: Resource, selection: Selection = {}): Promise<ObjectList<T>> {
    this.#record('list', resource, selection.namespace ?? '*');
    const items = [...this.#objects.values()].filter((stored) => stored.resource.plural === resource.plural && selects(selection, stored.object)).map(({ object }) => structuredClone(object) as unknown as T);
    return { items, resourceVersion: String(this.#version) };
  }

  async create<T extends KubeObject>(resource: Resource, object: T): Promise<T> {
    this.#record('create', resource, object.metadata.name);
    if (this.#objects.has(this.#key(resource, object.metadata))) throw new KubeError(409, 'AlreadyExists', `${object.metadata.name} exists`);
    return this.seed(resource, object);
  }

  async replace<T extends KubeObject>(resource: Resource, object: T): Promise<T> {
    this.#record('replace', resource, object.metadata.name);
    const stored = this.#stored(resource, object.metadata);
    const wanted = object.metadata.resourceVersion;
    if (wanted !== undefined && wanted !== stored.object.metadata.resourceVersion) throw new KubeError(409, 'Conflict', 'the object has been modified');
    return this.seed(resource, { ...object, metadata: { ...stored.object.metadata, ...object.metadata } });
  }

  async mergePatch<T extends KubeObject>(): Promise<T> {
    throw new Error('nothing under test uses mergePatch');
  }

  async apply<T extends KubeObject>(resource: Resource, object: KubeObject & Record<string, unknown>, { manager }: ApplyOptions): Promise<T> {
    this.#record('apply', resource, object.metadata.name, manager);
    const stored = this.#stored(resource, object.metadata);
    if (object.metadata.uid !== undefined && object.metadata.uid !== stored.object.metadata.uid) throw new KubeError(409, 'Conflict', 'another uid');
    stored.managers.delete(manager);
    stored.managers.set(manager, structuredClone(object['status'] as Record<string, unknown>));
    return this.seed(resource, { ...stored.object, status: mergeStatus([...stored.managers.values()]) }) as unknown as T;
  }

  async delete(resource: Resource, ref: ObjectRef, options: DeleteOptions = {}): Promise<void> {
    this.#record('delete', resource, ref.name);
    const stored = this.#objects.get(this.#key(resource, ref));
    if (stored !== undefined && options.uid !== undefined && options.uid !== stored.object.metadata.uid) throw new KubeError(409, 'Conflict', 'another uid');
    this.remove(resource, ref);
  }

  async watch<T extends KubeObject>(resource: Resource, selection: Selection & { resourceVersion: string }, onEvent: (event: WatchEvent<T>) => void, signal: AbortSignal): Promise<void> {
    const from = Number(selection.resourceVersion);
    if (from < this.#oldest) throw new KubeError(410, 'Expired', 'too old resource version');
    if (signal.aborted) return;
    await new Promise<void>((resolve, reject) => {
      const watcher: Watcher = {
        resource, selection, onEvent: onEvent as Watcher['onEvent'],
        end: (error?: KubeError) => {
          this.#watchers.delete(watcher);
          if (error === undefined) resolve();
          else reject(error);
        },
      };
      this.#watchers.add(watcher);
      signal.addEventListener('abort', () => watcher.end(), { once: true });
      for (const { version, resource: kind, event } of this.#history) if (version > from) deliver(watcher, kind, event);
    });
  }

  #record(verb: string, { kind }: Resource, name: string, manager?: string): void {
    this.calls.push({ verb, kind, name, ...(manager === undefined ? {} : { manager }) });
    const error = this.failNext.get(`${verb} ${kind}`);
    this.failNext.delete(`${verb} ${kind}`);
    if (error !== undefined) throw error;
  }

  #stored(resource: Resource, ref: ObjectRef): Stored {
    const stored = this.#objects.get(this.#key(resource, ref));
    if (stored === undefined) throw notFound(`${resource.kind} ${ref.name}`);
    return stored;
  }

  #key(resource: Resource, { namespace, name }: ObjectRef): string {
    return `${resource.plural} ${resource.namespaced ? namespace ?? '' : ''}/${name}`;
  }

  #tell(resource: Resource, type: WatchEvent<KubeObject>['type'], object: KubeObject): void {
    const event = { type, object: structuredClone(object) };
    this.#history.push({ version: this.#version, resource, event });
    for (const watcher of [...this.#watchers]) deliver(watcher, resource, event);
  }
}

function deliver(watcher: Watcher, resource: Resource, event: WatchEvent<KubeObject>): void {
  if (watcher.resource.plural === resource.plural && selects(watcher.selection, event.object)) watcher.onEvent(structuredClone(event));
}

/** Equality selectors and metadata.name only: nothing under test uses others. */
function selects({ namespace, labelSelector, fieldSelector }: Selection, { metadata }: KubeObject): boolean {
  if (namespace !== undefined && metadata.namespace !== namespace) return false;
  if (fieldSelector !== undefined && fieldSelector !== `metadata.name=${metadata.name}`) return false;
  return (labelSelector ?? '').split(',').filter((term) => term !== '').every((term) => {
    const [key = '', value] = term.split('=');
    return metadata.labels?.[key] === value;
  });
}

/** Lists of objects with a name, type or port are maps by it, as in our schemas; who applied last wins. */
function mergeStatus(parts: Record<string, unknown>[]): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const part of parts) {
    for (const [field, value] of Object.entries(part)) {
      const before = result[field];
      result[field] = Array.isArray(before) && Array.isArray(value) ? [...new Map([...before as unknown[], ...value as unknown[]].map((entry) => [listKey(entry), entry])).values()] : value;
    }
  }
  return result;
}

function listKey(entry: unknown): string {
  const { name, type, port, protocol } = (entry ?? {}) as Record<string, unknown>;
  return JSON.stringify([name, type, port, protocol]);
}
