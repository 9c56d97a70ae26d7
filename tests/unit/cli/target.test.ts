import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { Cluster, DiscoveredKind, KubeObject } from '../../../cli/adapters/cluster/index.ts';
import { kindsOf } from '../../../cli/adapters/cluster/discovery.ts';
import { BridgeError, isBridgeError } from '../../../cli/errors.ts';
import { main } from '../../../cli/main.ts';
import { parseTarget } from '../../../cli/target/parse-target.ts';
import { parsePort } from '../../../cli/target/ports.ts';
import { resolveTarget, type TargetQuestion } from '../../../cli/target/resolve-target.ts';
import { longTargetWords, targetWords } from '../../../protocol/target.ts';
import { fakeHost } from './fake-host.ts';

function failure(action: () => unknown): BridgeError['facts'] {
  try {
    action();
  } catch (error) {
    if (isBridgeError(error)) return error.facts;
    throw error;
  }
  throw new Error('it did not fail');
}

async function failureOf(promise: Promise<unknown>): Promise<BridgeError['facts']> {
  const error: unknown = await promise.then(() => new Error('it did not fail'), (reason: unknown) => reason);
  if (isBridgeError(error)) return error.facts;
  throw error;
}

/** A cluster that only knows objects. */
function clusterWith(...objects: object[]): Cluster {
  const all = objects as (KubeObject & { metadata: { labels?: Record<string, string> } })[];
  const cluster = {
    context: { name: 'lab', kubectl: 'kubectl --context lab' },
    async find(type: { kind: string }, name: string) {
      return all.find((object) => object.kind === type.kind && object.metadata.name === name);
    },
    async get(type: { kind: string; plural: string }, name: string) {
      const found = await cluster.find(type, name);
      if (found === undefined) throw new BridgeError({ kind: 'usage', code: 'cluster-not-found', what: `there is no ${name}` });
      return found;
    },
    async list(type: { kind: string }, options: { labelSelector?: string } = {}) {
      const wanted = (options.labelSelector ?? '').split(',').filter((part) => part !== '').map((part) => part.split('='));
      return { resourceVersion: '1', items: all.filter((object) => object.kind === type.kind && wanted.every(([key, value]) => object.metadata.labels?.[key!] === value)) };
    },
  };
  return cluster as unknown as Cluster;
}

const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } };
function workload(kind: string, name: string, podSpec: object, more: object = {}, annotations: Record<string, string> = {}) {
  return { apiVersion: 'apps/v1', kind, metadata: { name, namespace: 'shop' }, spec: { replicas: 1, template: { metadata: { annotations }, spec: podSpec }, ...more } };
}
const api = { containers: [{ name: 'api', ports: [{ name: 'http', containerPort: 8080 }, { name: 'dns', containerPort: 53, protocol: 'UDP' }, { containerPort: 9090 }, { containerPort: 5000, protocol: 'SCTP' }] }] };

function ask(cluster: Cluster, target: string, more: Partial<TargetQuestion> = {}) {
  return resolveTarget(cluster, { ref: parseTarget(target), namespace: 'shop', ports: [], ...more });
}

describe('KIND/NAME', () => {
  test.each([
    ['deploy/api', 'Deployment'], ['deployment/api', 'Deployment'], ['deployments.apps/api', 'Deployment'], ['sts/api', 'StatefulSet'], ['statefulset/api', 'StatefulSet'], ['ds/api', 'DaemonSet'],
    ['rs/api', 'ReplicaSet'], ['po/api', 'Pod'], ['pods/api', 'Pod'], ['job/api', 'Job'], ['job.batch/api', 'Job'], ['svc/api', 'Service'], ['Service/api', 'Service'],
  ])('%s is a %s', (text, kind) => expect(parseTarget(text)).toEqual({ kind, name: 'api' }));

  test.each([
    ['rollout.argoproj.io/api', { kind: 'rollout', group: 'argoproj.io', name: 'api' }], ['Fleet/api', { kind: 'fleet', group: '', name: 'api' }], ['job.example.com/api', { kind: 'job', group: 'example.com', name: 'api' }],
    ['deploy.batch/api', { kind: 'deploy', group: 'batch', name: 'api' }],
  ])('%s: the cluster must be asked', (text, ref) => expect(parseTarget(text)).toEqual(ref));

  test.each([
    ['api', "'api' does not say what kind of thing it is", '--target deploy/api'],
    ['deploy/', "'deploy/' is no target", '--target deploy/NAME'],
    ['deploy/Api', "'deploy/Api' is no target", undefined],
    ['deploy/a/b', "'deploy/a/b' is no target", undefined],
    ['deplyo/api', "'deplyo' is no kind that can be bridged", '--target deploy/api'],
    ['cronjob/nightly', "'cronjob' is no kind that can be bridged", undefined],
    ['rollout.argoproj.io/a/b', "'rollout.argoproj.io/a/b' is no target", undefined],
    ['a b/api', "'a b' is no kind that can be bridged", undefined],
  ])('%s is refused', (text, what, next) => {
    const facts = failure(() => parseTarget(text));
    expect(facts).toMatchObject({ kind: 'usage', code: 'target-malformed', what });
    if (next !== undefined) expect(facts.next).toBe(next);
  });
});

test.each([['env'], ['files'], ['tap'], ['init']])('bridge %s, which has no --target, says what can be typed there', async (name) => {
  const folder = mkdtempSync(join(tmpdir(), 'podbridge-target-'));
  writeFileSync(join(folder, 'config'), JSON.stringify({ apiVersion: 'v1', kind: 'Config', 'current-context': 'x', clusters: [{ name: 'x', cluster: { server: 'http://127.0.0.1:9' } }], users: [{ name: 'x', user: {} }], contexts: [{ name: 'x', context: { cluster: 'x', user: 'x' } }] }));
  const host = fakeHost({ cwd: folder, env: { KUBECONFIG: join(folder, 'config') } });
  expect(await main([name, 'api', '-o', 'json'], host)).toBe(2);
  expect(JSON.parse(host.out())).toMatchObject({ error: { code: 'target-malformed', next: `bridge ${name} deploy/api` } });
  rmSync(folder, { recursive: true });
});

describe('ports', () => {
  const container = api.containers[0] as Parameters<typeof parsePort>[1];
  test.each([
    ['8080', { port: 8080, protocol: 'TCP', local: 8080 }], ['8080:3000', { port: 8080, protocol: 'TCP', local: 3000 }], ['http', { port: 8080, protocol: 'TCP', local: 8080 }],
    ['http:3000', { port: 8080, protocol: 'TCP', local: 3000 }], ['53', { port: 53, protocol: 'UDP', local: 53 }], ['53/tcp', { port: 53, protocol: 'TCP', local: 53 }],
    ['dns:5353', { port: 53, protocol: 'UDP', local: 5353 }], ['7000/udp', { port: 7000, protocol: 'UDP', local: 7000 }], ['7000:7001/UDP', { port: 7000, protocol: 'UDP', local: 7001 }],
  ])('--port %s', (flag, port) => expect(parsePort(flag, container)).toEqual(port));

  test.each(['0', '65536', '8080:', ':80', '1:2:3', '80/sctp', '8080:http', '8080x', ''])('--port %j is refused', (flag) => expect(failure(() => parsePort(flag, container)).kind).toBe('usage'));

  test('an unknown name says which there are', () => expect(failure(() => parsePort('grpc', container))).toMatchObject({ code: 'port-not-found', why: 'it declares http=8080, dns=53/udp, 9090, 5000', next: '--port http' }));
  test('a name that is nearly one, and a container without names', () => {
    expect(failure(() => parsePort('dms', container)).next).toBe('--port dns');
    expect(failure(() => parsePort('http', { name: 'api' })).next).toBe('--port NUMBER');
  });
});

describe('what a target is', () => {
  test.each(['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet', 'Job'])('%s: the only container, its declared ports', async (kind) => {
    const target = await ask(clusterWith(namespace, workload(kind, 'api', api)), `${kind}/api`);
    expect(target.container.name).toBe('api');
    expect(target.ports).toEqual([{ port: 8080, protocol: 'TCP', local: 8080 }, { port: 53, protocol: 'UDP', local: 53 }, { port: 9090, protocol: 'TCP', local: 9090 }]);
  });

  test('--port takes the place of the declared ones; the same port to two places is refused', async () => {
    const cluster = clusterWith(namespace, workload('Deployment', 'api', api));
    expect((await ask(cluster, 'deploy/api', { ports: ['http:3000', '7000'] })).ports).toEqual([{ port: 8080, protocol: 'TCP', local: 3000 }, { port: 7000, protocol: 'TCP', local: 7000 }]);
    expect((await ask(cluster, 'deploy/api', { ports: ['none'] })).ports).toEqual([]);
    expect((await failureOf(ask(cluster, 'deploy/api', { ports: ['8080:1', '8080:2'] }))).what).toContain('two ports');
  });

  test('several containers: flag, annotation, or a choice to make; sidecars by name', async () => {
    const two = { containers: [{ name: 'proxy', ports: [{ containerPort: 1 }] }, { name: 'api', ports: [{ containerPort: 8080 }] }], initContainers: [{ name: 'setup' }, { name: 'agent', restartPolicy: 'Always', ports: [{ containerPort: 2 }] }] };
    const cluster = clusterWith(namespace, workload('Deployment', 'two', two), workload('Deployment', 'marked', two, {}, { 'kubectl.kubernetes.io/default-container': 'api' }));
    expect(await failureOf(ask(cluster, 'deploy/two'))).toMatchObject({ code: 'container-ambiguous', what: 'deployment two has several containers: proxy, api', next: '--container proxy' });
    expect((await ask(cluster, 'deploy/marked')).container.name).toBe('api');
    expect((await ask(cluster, 'deploy/two', { container: 'agent' })).container.name).toBe('agent');
    expect(await failureOf(ask(cluster, 'deploy/two', { container: 'setup' }))).toMatchObject({ code: 'container-not-found', why: 'there are: proxy, api, agent' });
  });

  test('no declared ports: told what to do', async () => {
    expect(await failureOf(ask(clusterWith(namespace, workload('Deployment', 'worker', { containers: [{ name: 'w' }] })), 'deploy/worker'))).toMatchObject({ code: 'no-ports', next: '--port 8080 (or --port none, when nothing listens there)' });
  });

  test('a Service: target ports by name and number, the container that has them', async () => {
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'api-1', labels: { app: 'api' } }, spec: { containers: [{ name: 'proxy', ports: [{ containerPort: 1 }] }, ...api.containers] }, status: { phase: 'Running' } };
    const service = (ports: object[], spec: object = {}) => ({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'api' }, spec: { selector: { app: 'api' }, ports, ...spec } });
    const target = await ask(clusterWith(namespace, pod, service([{ name: 'web', port: 80, targetPort: 'http' }, { port: 9090 }, { port: 53, targetPort: 'dns', protocol: 'UDP' }])), 'svc/api');
    expect(target.container.name).toBe('api');
    expect(target.ports.map(({ port, protocol }) => `${port}/${protocol}`)).toEqual(['8080/TCP', '9090/TCP', '53/UDP']);
    expect(await failureOf(ask(clusterWith(namespace, pod, service([{ port: 80, targetPort: 'nope' }])), 'svc/api'))).toMatchObject({ code: 'port-not-found' });
    expect(await failureOf(ask(clusterWith(namespace, service([{ port: 80 }])), 'svc/api'))).toMatchObject({ code: 'target-without-pods' });
    expect(await failureOf(ask(clusterWith(namespace, service([], { selector: undefined })), 'svc/api'))).toMatchObject({ code: 'target-unsupported' });
  });

  test('missing: what there is instead', async () => {
    const cluster = clusterWith(namespace, workload('Deployment', 'web', api), workload('Deployment', 'apis', api));
    expect(await failureOf(ask(cluster, 'deploy/api'))).toMatchObject({ kind: 'usage', code: 'target-not-found', what: 'there is no deployment api in namespace shop', why: 'there are: web, apis; did you mean apis?' });
    expect((await failureOf(ask(clusterWith(namespace), 'deploy/api'))).why).toBe('namespace shop has no deployments at all');
    expect((await failureOf(ask(clusterWith(), 'deploy/api'))).why).toBe('there is no namespace shop');
  });

  test.each([
    ['the node\'s network', 'deploy/api', [workload('Deployment', 'api', { ...api, hostNetwork: true })], 'target-unsupported'],
    ['Windows', 'deploy/api', [workload('Deployment', 'api', { ...api, nodeSelector: { 'kubernetes.io/os': 'windows' } })], 'target-unsupported'],
    ['Windows by os', 'deploy/api', [workload('Deployment', 'api', { ...api, os: { name: 'windows' } })], 'target-unsupported'],
    ['a pod that has ended', 'pod/api', [{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'api' }, spec: api, status: { phase: 'Succeeded' } }], 'target-unsupported'],
    ['a job that has ended', 'job/api', [{ ...workload('Job', 'api', api), status: { conditions: [{ type: 'Complete', status: 'True' }] } }], 'target-unsupported'],
    ['no replicas', 'deploy/api', [workload('Deployment', 'api', api, { replicas: 0 })], 'target-without-pods'],
  ])('refused: %s', async (_, target, objects, code) => {
    const facts = await failureOf(ask(clusterWith(namespace, ...objects), target));
    expect(facts.code).toBe(code);
    expect(facts.why).toBeDefined();
  });
});

describe('custom kinds', () => {
  const kindOf = (kind: string, group: string, more: Partial<DiscoveredKind> = {}): DiscoveredKind => ({ apiVersion: `${group}/v1alpha1`, kind, plural: `${kind.toLowerCase()}s`, namespaced: true, singular: kind.toLowerCase(), shortNames: [], scales: true, ...more });
  const kinds = [kindOf('Rollout', 'argoproj.io', { shortNames: ['ro'] }), kindOf('Fleet', 'one.dev'), kindOf('Fleet', 'two.dev'), kindOf('Widget', 'one.dev', { scales: false }), kindOf('Planet', 'one.dev', { namespaced: false })];
  const pod = (labels: Record<string, string>) => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'api-1', labels }, spec: api, status: { phase: 'Running' } });
  function clusterOf(scale: object | BridgeError, ...objects: object[]): Cluster {
    return Object.assign(clusterWith(namespace, ...objects), {
      kinds: async () => kinds,
      scale: async () => { if (scale instanceof BridgeError) throw scale; return scale; },
    });
  }
  const scale = { spec: { replicas: 1 }, status: { replicas: 1, selector: 'app=api' } };

  test.each(['rollout.argoproj.io/api', 'rollouts.argoproj.io/api', 'Rollout/api', 'ro.argoproj.io/api'])('%s: a pod of the scale\'s selector tells its container', async (target) => {
    const found = await ask(clusterOf(scale, pod({ app: 'api' })), target);
    expect(found.ref).toEqual({ kind: 'Rollout', name: 'api', resource: 'rollouts.v1alpha1.argoproj.io' });
    expect([found.container.name, found.ports[0]?.port]).toEqual(['api', 8080]);
    expect([targetWords(found.ref), longTargetWords(found.ref)]).toEqual(['rollout.argoproj.io/api', 'rollout.argoproj.io/api']);
  });

  const forbidden = new BridgeError({ kind: 'refused', code: 'cluster-forbidden', what: 'no', next: 'kubectl --context lab auth can-i get rollouts.argoproj.io --subresource scale -n shop' });
  const missing = new BridgeError({ kind: 'usage', code: 'cluster-not-found', what: 'no' });
  test.each([
    ['a kind that the cluster does not know', 'rolout.argoproj.io/api', scale, { code: 'target-kind-unknown', why: 'did you mean rollout?' }],
    ['several groups', 'fleet/api', scale, { code: 'target-kind-ambiguous', what: 'the cluster has several kinds fleet: fleets.one.dev, fleets.two.dev', next: 'name it as fleet.one.dev/api' }],
    ['no scale', 'widget/api', scale, { code: 'target-without-scale', what: 'widgets.one.dev has no scale subresource' }],
    ['no namespace', 'planet/api', scale, { code: 'target-without-scale', what: 'planets.one.dev are not in a namespace' }],
    ['no right', 'rollout/api', forbidden, { code: 'target-scale-forbidden', what: 'you may not get rollouts.argoproj.io/scale in namespace shop', next: forbidden.facts.next }],
    ['nothing of that name', 'rollout/api', missing, { code: 'target-not-found', what: 'there is no rollout api in namespace shop', why: 'namespace shop has no rollouts at all' }],
    ['no selector', 'rollout/api', { spec: {} }, { code: 'target-unsupported', what: 'the scale of rollout api tells no selector' }],
    ['no pods', 'rollout/api', { spec: { replicas: 0 }, status: { replicas: 0, selector: 'app=none' } }, { code: 'target-without-pods', next: 'kubectl scale rollouts.argoproj.io/api -n shop --replicas=1' }],
  ])('refused: %s', async (_, target, answer, facts) => {
    expect(await failureOf(ask(clusterOf(answer, pod({ app: 'api' })), target))).toMatchObject(facts);
  });

  test('a group counts in its preferred version', () => {
    const fleets = { resource: 'fleets', responseKind: { kind: 'Fleet' }, scope: 'Namespaced', singularResource: 'fleet' };
    expect(kindsOf({ items: [{ metadata: { name: 'one.dev' }, versions: [{ version: 'v1', resources: [{ ...fleets, subresources: [{ subresource: 'scale' }] }] }, { version: 'v1beta1', resources: [fleets, { resource: 'gone', scope: 'Namespaced' }] }] }] }))
      .toEqual([{ apiVersion: 'one.dev/v1', kind: 'Fleet', plural: 'fleets', namespaced: true, singular: 'fleet', shortNames: [], scales: true }]);
  });
});
