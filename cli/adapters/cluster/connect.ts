/** The Cluster over a kubeconfig connection. */
import { fieldManager as defaultFieldManager } from '../../../protocol/names.ts';
import { BridgeError, isBridgeError } from '../../errors.ts';
import type { Host } from '../../host.ts';
import type { Access, Cluster, KubeObject, ListOptions, Listing, PatchOptions, Who } from './cluster.ts';
import { Connection } from './connection.ts';
import { discoveryType, kindsOf, type GroupList } from './discovery.ts';
import type { ClusterChoice } from './index.ts';
import { loadKubeconfig } from './kubeconfig.ts';
import { resourceFor, resourcePath, type ResourceType } from './resources.ts';
import { watchLoop } from './watch.ts';

const patchTypes = { merge: 'application/merge-patch+json', json: 'application/json-patch+json', strategic: 'application/strategic-merge-patch+json', apply: 'application/apply-patch+yaml' } as const;
const listPageSize = 500;

function typeOf(object: { apiVersion: string; kind: string }, given?: ResourceType): ResourceType {
  const type = given ?? resourceFor(object);
  if (type === undefined) throw new BridgeError({ kind: 'defect', code: 'kind-unknown', what: `no path is known for ${object.apiVersion} ${object.kind}` });
  return type;
}

function isNotFound(error: unknown): boolean {
  return isBridgeError(error) && (error.facts.code === 'cluster-not-found' || error.facts.code === 'cluster-kind-missing');
}

export function connect(host: Pick<Host, 'env' | 'homeDir' | 'cwd'>, choice: ClusterChoice): Cluster {
  const connection = new Connection(() => loadKubeconfig(host, choice));
  let who: Promise<Who> | undefined;

  async function list<T extends KubeObject>(type: ResourceType, options: ListOptions = {}): Promise<Listing<T>> {
    const items: T[] = [];
    let resourceVersion = '';
    let next: string | undefined;
    do {
      const page: { items: T[]; metadata: { resourceVersion: string; continue?: string } } = await connection.json({
        method: 'GET', path: resourcePath(type, options.namespace), asked: { verb: 'list', type, namespace: options.namespace },
        query: { labelSelector: options.labelSelector, fieldSelector: options.fieldSelector, limit: String(listPageSize), continue: next },
      });
      // Items of a list lack the kind that single objects have.
      items.push(...page.items.map((item) => ({ ...item, apiVersion: type.apiVersion, kind: type.kind })));
      resourceVersion = page.metadata.resourceVersion;
      next = page.metadata.continue === '' ? undefined : page.metadata.continue;
    } while (next !== undefined);
    return { items, resourceVersion };
  }

  const cluster: Cluster = {
    context: connection.context,
    async serverVersion() {
      const version = await connection.json<{ gitVersion: string }>({ method: 'GET', path: '/version', asked: { verb: 'get' } });
      return version.gitVersion;
    },
    whoAmI() {
      who ??= connection.json<{ status: { userInfo: { username: string; uid?: string; groups?: string[] } } }>({
        method: 'POST', path: '/apis/authentication.k8s.io/v1/selfsubjectreviews', body: { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' }, asked: { verb: 'create' },
      }).then(({ status: { userInfo } }) => ({ username: userInfo.username, groups: userInfo.groups ?? [], ...(userInfo.uid === undefined ? {} : { uid: userInfo.uid }) }));
      return who;
    },
    async can(access: Access) {
      const [resource, ...group] = access.resource.split('.');
      const review = await connection.json<{ status: { allowed: boolean } }>({
        method: 'POST', path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', asked: { verb: 'create' },
        body: {
          apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview',
          spec: { resourceAttributes: { verb: access.verb, group: group.join('.'), resource, subresource: access.subresource, namespace: access.namespace, name: access.name } },
        },
      });
      return review.status.allowed;
    },
    get(type, name, namespace) {
      return connection.json({ method: 'GET', path: resourcePath(type, namespace, name), asked: { verb: 'get', type, namespace, name } });
    },
    scale(type, name, namespace) {
      return connection.json({ method: 'GET', path: resourcePath(type, namespace, name, 'scale'), asked: { verb: 'get', type, namespace, name, subresource: 'scale' } });
    },
    async kinds() {
      return kindsOf(await connection.json<GroupList>({ method: 'GET', path: '/apis', accept: discoveryType, asked: { verb: 'get' } }));
    },
    async find<T extends KubeObject>(type: ResourceType, name: string, namespace?: string) {
      try {
        return await cluster.get<T>(type, name, namespace);
      } catch (error) {
        if (isNotFound(error)) return undefined;
        throw error;
      }
    },
    list,
    create(object, given, options = {}) {
      const type = typeOf(object, given);
      const { namespace, name } = object.metadata;
      return connection.json({ method: 'POST', path: resourcePath(type, namespace), query: { fieldManager: defaultFieldManager, ...(options.dryRun === true ? { dryRun: 'All' } : {}) }, body: object, asked: { verb: 'create', type, namespace, name } });
    },
    apply(object, options = {}, given) {
      const type = typeOf(object, given);
      const { namespace, name } = object.metadata;
      return connection.json({
        method: 'PATCH', path: resourcePath(type, namespace, name), body: object, contentType: patchTypes.apply, asked: { verb: 'patch', type, namespace, name },
        query: { fieldManager: options.fieldManager ?? defaultFieldManager, force: String(options.force ?? true), ...(options.dryRun === true ? { dryRun: 'All' } : {}) },
      });
    },
    patch(type, name, patch, options: PatchOptions = {}) {
      return connection.json({
        method: 'PATCH', path: resourcePath(type, options.namespace, name, options.subresource), body: patch, contentType: patchTypes[options.strategy ?? 'merge'],
        query: { fieldManager: defaultFieldManager }, asked: { verb: 'patch', type, namespace: options.namespace, name, subresource: options.subresource },
      });
    },
    async delete(type, name, options = {}) {
      try {
        await connection.text({
          method: 'DELETE', path: resourcePath(type, options.namespace, name), asked: { verb: 'delete', type, namespace: options.namespace, name },
          body: { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: options.propagation ?? 'Background', gracePeriodSeconds: options.gracePeriodSeconds },
        });
        return true;
      } catch (error) {
        if (isNotFound(error)) return false;
        throw error;
      }
    },
    watch<T extends KubeObject>(type: ResourceType, options = {}) {
      return watchLoop<T>(connection, (wanted) => list<T>(type, wanted), type, options);
    },
    async until<T extends KubeObject>(type: ResourceType, name: string, predicate: (object: T | undefined) => boolean, options: Parameters<Cluster['until']>[3]) {
      const deadline = new AbortController();
      const timer = setTimeout(() => deadline.abort(), options.timeoutMs);
      const signal = options.signal === undefined ? deadline.signal : AbortSignal.any([deadline.signal, options.signal]);
      let last: T | undefined;
      try {
        for await (const event of cluster.watch<T>(type, { namespace: options.namespace, fieldSelector: `metadata.name=${name}`, signal })) {
          if (event.type === 'synced') last = event.items[0];
          else last = event.type === 'deleted' ? undefined : event.object;
          if (predicate(last)) return last;
        }
      } finally {
        clearTimeout(timer);
      }
      options.signal?.throwIfAborted();
      throw new BridgeError({ kind: 'timeout', code: 'cluster-timeout', what: `${type.kind.toLowerCase()} ${name} did not get there within ${Math.round(options.timeoutMs / 1000)} s`, cause: last });
    },
    async issueToken(account, namespace, seconds) {
      const type: ResourceType = { apiVersion: 'v1', kind: 'ServiceAccount', plural: 'serviceaccounts', namespaced: true };
      const { status } = await connection.json<{ status: { token: string; expirationTimestamp: string } }>({
        method: 'POST', path: resourcePath(type, namespace, account, 'token'), asked: { verb: 'create', type, namespace, name: account, subresource: 'token' },
        body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: seconds } },
      });
      return { token: status.token, issuedAt: new Date().toISOString(), expiresAt: status.expirationTimestamp };
    },
    podLog(namespace, pod, options = {}) {
      return connection.text({
        method: 'GET', path: resourcePath({ apiVersion: 'v1', kind: 'Pod', plural: 'pods', namespaced: true }, namespace, pod, 'log'), accept: '*/*',
        query: { container: options.container, tailLines: options.tailLines?.toString(), previous: options.previous === true ? 'true' : undefined },
        asked: { verb: 'get', type: { apiVersion: 'v1', kind: 'Pod', plural: 'pods', namespaced: true }, namespace, name: pod, subresource: 'log' },
      });
    },
    podLogLines(namespace, pod, options, signal) {
      return connection.lines({
        method: 'GET', path: resourcePath({ apiVersion: 'v1', kind: 'Pod', plural: 'pods', namespaced: true }, namespace, pod, 'log'), accept: '*/*',
        query: { container: options.container, tailLines: options.tailLines?.toString(), follow: options.follow === true ? 'true' : undefined, timestamps: options.timestamps === true ? 'true' : undefined },
        asked: { verb: 'get', type: { apiVersion: 'v1', kind: 'Pod', plural: 'pods', namespaced: true }, namespace, name: pod, subresource: 'log' },
      }, signal);
    },
    credentials: () => connection.credentials(),
    close: () => connection.close(),
  };
  return cluster;
}
