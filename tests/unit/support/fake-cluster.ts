/** A cluster in memory, as far as links need it: objects by kind, namespace and name. `onWrite` plays controller and hub. */
import type { Cluster, KubeObject } from '../../../cli/adapters/cluster/index.ts';
import { BridgeError } from '../../../cli/errors.ts';

export function clusterError(code: string): BridgeError {
  return new BridgeError({ kind: 'environment', code, what: code });
}

export interface FakeCluster extends Cluster {
  readonly objects: Map<string, KubeObject>;
  readonly writes: string[];
}

export interface FakeClusterOptions {
  username?: string;
  server?: string;
  onWrite?: (object: KubeObject) => void | Promise<void>;
  /** How often `until` looks, once a turn, or once in `untilEveryMs`. */
  untilTurns?: number;
  untilEveryMs?: number;
  /** Throws for what shall fail: `list Bridge`, `find Client`. */
  fail?: (verb: string, kind: string, namespace: string | undefined) => void;
}

const turn = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve); });

export function fakeCluster({ username = 'ann', server = 'https://10.0.0.1:6443', onWrite = () => undefined, fail = () => undefined, untilTurns = 50, untilEveryMs }: FakeClusterOptions = {}): FakeCluster {
  const objects = new Map<string, KubeObject>();
  const writes: string[] = [];
  const key = (kind: string, name: string, namespace = ''): string => `${kind} ${namespace}/${name}`;
  const unused = async (): Promise<never> => { throw new Error('the fake does not do this'); };
  async function find<T extends KubeObject>(kind: string, name: string, namespace?: string): Promise<T | undefined> {
    await turn();
    fail('find', kind, namespace);
    return structuredClone(objects.get(key(kind, name, namespace))) as T | undefined;
  }
  return {
    objects, writes,
    context: { name: 'test', server, namespace: 'default', user: username, files: [], skipTlsVerify: false, kubectl: 'kubectl --context test' },
    serverVersion: async () => 'v1.35.0', whoAmI: async () => ({ username, groups: [] }), can: async () => true,
    get: unused, scale: unused, kinds: unused, apply: unused, podLog: unused, issueToken: async () => ({ token: 'TOKEN', issuedAt: '2026-01-01T00:00:00Z', expiresAt: '2026-01-02T00:00:00Z' }), credentials: unused, close: () => undefined,
    find: (type, name, namespace) => find(type.kind, name, namespace),
    async list(type, options = {}) {
      await turn();
      fail('list', type.kind, options.namespace);
      const items = [...objects.values()].filter((object) => object.kind === type.kind && (options.namespace === undefined || object.metadata.namespace === options.namespace));
      return { items: items as never[], resourceVersion: '1' };
    },
    async create(object) {
      await turn();
      fail('create', object.kind, object.metadata.namespace);
      const at = key(object.kind, object.metadata.name, object.metadata.namespace);
      if (objects.has(at)) throw clusterError('cluster-already-exists');
      const made = structuredClone(object);
      objects.set(at, made);
      writes.push(`create ${at}`);
      await onWrite(made);
      return structuredClone(made);
    },
    async patch(type, name, patch, options = {}) {
      await turn();
      fail('patch', type.kind, options.namespace);
      const found = objects.get(key(type.kind, name, options.namespace));
      if (found === undefined) throw clusterError('cluster-not-found');
      const target = found as KubeObject & { spec: object };
      Object.assign(target.spec, (patch as { spec: object }).spec);
      writes.push(`patch ${key(type.kind, name, options.namespace)}`);
      await onWrite(found);
      return structuredClone(found) as never;
    },
    async delete(type, name, options = {}) {
      await turn();
      fail('delete', type.kind, options.namespace);
      writes.push(`delete ${key(type.kind, name, options.namespace)}`);
      return objects.delete(key(type.kind, name, options.namespace));
    },
    watch: () => { throw new Error('the fake does not watch'); },
    podLogLines: () => { throw new Error('the fake has no logs'); },
    async until(type, name, predicate, { namespace, timeoutMs }) {
      for (let turns = 0; turns < untilTurns; turns++) {
        if (untilEveryMs !== undefined) await new Promise((resolve) => setTimeout(resolve, untilEveryMs));
        const object = await find(type.kind, name, namespace);
        if (predicate(object as never)) return object as never;
      }
      throw new BridgeError({ kind: 'timeout', code: 'cluster-timeout', what: `not within ${timeoutMs} ms` });
    },
  };
}
