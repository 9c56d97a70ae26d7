import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { guestAccount, guestExpiresAnnotation, guestUser } from '../../../protocol/guests.ts';
import { labels, managedBy, names, systemNamespace, unclaimedAnnotation } from '../../../protocol/names.ts';
import type { Bridge, Client } from '../../../protocol/objects.ts';
import type { Preview } from '../../../protocol/preview.ts';
import { agentManager, agentPodName } from '../../../stowaway-image/src/agent-names.ts';
import { Controller } from '../../../stowaway-image/src/controller/controller.ts';
import { bridgeGarbage } from '../../../stowaway-image/src/controller/garbage.ts';
import { ensurePool } from '../../../stowaway-image/src/controller/pool-config.ts';
import { KubeError, resources, type KubeObject } from '../../../stowaway-image/src/kube/index.ts';
import { FakeKube } from '../../support/fake-kube.ts';
import { bridge, client } from './objects.ts';

beforeEach(() => { jest.useFakeTimers({ now: 1_800_000_000_000 }); });
afterEach(() => { jest.useRealTimers(); });
const settle = async (ms = 50): Promise<void> => { await jest.advanceTimersByTimeAsync(ms); };

const ours = (component: string) => ({ [labels.managedBy]: managedBy, [labels.component]: component, [labels.version]: '0.1.0' });
const image = 'podbridge/stowaway:1';

/** A cluster with two nodes, a hub that runs, a Deployment of three pods and a client that is online. */
function cluster(): FakeKube {
  const kube = new FakeKube();
  for (const [name, address] of [['n1', '172.30.0.2'], ['n2', '172.30.0.3']] as const) {
    kube.seed(resources.nodes, { metadata: { name }, spec: { podCIDR: `10.244.${name === 'n1' ? 0 : 1}.0/24` }, status: { addresses: [{ type: 'InternalIP', address }], conditions: [{ type: 'Ready', status: 'True' }] } } as KubeObject);
  }
  kube.seed(resources.services, { metadata: { namespace: systemNamespace, name: names.hub }, spec: { ports: [{ port: 51820, nodePort: 31820 }] } } as KubeObject);
  hub(kube, '10.244.0.8');
  kube.seed(resources.deployments, { metadata: { namespace: 'demo', name: 'web' }, spec: { selector: { matchLabels: { app: 'web' } } } } as KubeObject);
  for (const [name, node] of [['web-1', 'n1'], ['web-2', 'n2'], ['web-3', 'n2']] as const) webPod(kube, name, node);
  kube.seed(resources.clients, client('ann-1', { status: { phase: 'Online' } }));
  return kube;
}

function hub(kube: FakeKube, podIP: string, ready = true): void {
  kube.seed(resources.pods, { metadata: { namespace: systemNamespace, name: names.hubPod, labels: ours('hub') }, spec: { nodeName: 'n1', containers: [{ image }] }, status: { phase: 'Running', podIP, containerStatuses: [{ ready }] } } as KubeObject);
}

function webPod(kube: FakeKube, name: string, nodeName: string | undefined, more: { phase?: string; hostNetwork?: boolean } = {}): void {
  kube.seed(resources.pods, { metadata: { namespace: 'demo', name, labels: { app: 'web' } }, spec: { ...(nodeName === undefined ? {} : { nodeName }), hostNetwork: more.hostNetwork }, status: { phase: more.phase ?? 'Running' } } as KubeObject);
}

/** What kubelet and agent do: the pod runs, and says that it has attached its pods. */
function agentRuns(kube: FakeKube, node: string, podIP: string): void {
  const ref = { namespace: systemNamespace, name: agentPodName(node) };
  const pod = kube.peek<KubeObject>(resources.pods, ref);
  kube.seed(resources.pods, { ...pod!, status: { phase: 'Running', podIP, containerStatuses: [{ ready: true }] } } as KubeObject);
}

async function agentAttaches(kube: FakeKube, name: string, node: string, podIP: string, pods: string[]): Promise<void> {
  const entries = pods.map((pod) => ({ name: pod, node, ready: true, since: '2027-01-15T08:00:00Z', agent: `${podIP}:7080` }));
  await kube.apply(resources.bridges, { metadata: { namespace: 'demo', name }, status: { pods: entries } }, { manager: agentManager(node), subresource: 'status' });
}

async function controller(kube: FakeKube, more: { image?: string } = {}) {
  const stop = new AbortController();
  const events: string[] = [];
  const made = new Controller({
    kube, signal: stop.signal, agentIdleMs: 60_000, dns: { server: '10.96.0.10', domain: 'cluster.local' }, serviceCidrs: () => ['10.96.0.0/16'], apiService: '10.96.0.1', podAddress: '10.244.0.3',
    agent: { image: more.image ?? image, version: '0.1.0', priorityClassName: 'podbridge', owner: { name: names.controller, uid: 'deployment-uid' } },
    pool: (ranges) => ensurePool(kube, ranges),
    log: (event, facts) => events.push(`${event} ${JSON.stringify(facts ?? {})}`),
  });
  await made.start();
  await settle();
  return { stop: () => stop.abort(), events };
}

const see = (kube: FakeKube, name = 'web-ann'): Bridge => kube.peek<Bridge>(resources.bridges, { namespace: 'demo', name })!;
const readiness = (kube: FakeKube, name?: string) => {
  const { reason, message, status } = see(kube, name).status!.conditions!.find(({ type }) => type === 'Ready')!;
  return { phase: see(kube, name).status!.phase, reason, message, status };
};
const agentsOf = (kube: FakeKube): string[] => kube.all<KubeObject & { spec: { nodeName: string } }>(resources.pods).filter(({ metadata }) => metadata.labels?.[labels.component] === 'agent').map(({ spec }) => spec.nodeName).sort();

async function attachAll(kube: FakeKube): Promise<void> {
  agentRuns(kube, 'n1', '10.244.0.9');
  agentRuns(kube, 'n2', '10.244.1.9');
  await agentAttaches(kube, 'web-ann', 'n1', '10.244.0.9', ['web-1']);
  await agentAttaches(kube, 'web-ann', 'n2', '10.244.1.9', ['web-2', 'web-3']);
  await settle();
}

describe('a client', () => {
  test('gets an address of a pool that is written down, and the facts of the cluster', async () => {
    const kube = cluster();
    await controller(kube);
    expect(kube.peek<{ data: unknown }>(resources.configMaps, { namespace: systemNamespace, name: names.network })?.data).toEqual({ pool: '100.96.0.0/16' });
    expect(kube.peek<Client>(resources.clients, { namespace: systemNamespace, name: 'ann-1' })?.status).toMatchObject({
      address: '100.96.0.2',
      cluster: {
        ranges: ['10.244.0.0/24', '10.244.1.0/24', '10.96.0.0/16', '172.30.0.2/32', '172.30.0.3/32'],
        dns: { server: '10.96.0.10', domain: 'cluster.local' }, version: '0.1.0',
        endpoints: [{ kind: 'node', host: '172.30.0.2', port: 31820 }, { kind: 'node', host: '172.30.0.3', port: 31820 }],
      },
    });
  });

  test('keeps its address when the controller starts anew, and no other gets it', async () => {
    const kube = cluster();
    const first = await controller(kube);
    kube.seed(resources.clients, client('bob-1', { owner: 'bob' }));
    await settle();
    first.stop();
    const before = kube.all<Client>(resources.clients).map(({ status }) => status?.address).sort();
    expect(before).toEqual(['100.96.0.2', '100.96.0.3']);
    const writes = kube.calls.length;
    await controller(kube);
    kube.seed(resources.clients, client('eve-1', { owner: 'eve' }));
    await settle();
    expect(kube.all<Client>(resources.clients).map(({ status }) => status?.address).sort()).toEqual([...before, '100.96.0.4']);
    expect(kube.calls.slice(writes).filter(({ verb }) => verb === 'apply').map(({ name }) => name)).toEqual(['eve-1']);
  });
});

describe('a bridge', () => {
  test('leads to its pods: selector, hub ports, an agent on each of their nodes, Ready when all are attached', async () => {
    const kube = cluster();
    await controller(kube);
    kube.seed(resources.bridges, bridge('web-ann'));
    await settle();
    expect(agentsOf(kube)).toEqual(['n1', 'n2']);
    expect(see(kube).status).toMatchObject({
      phase: 'Attaching', desiredPods: 3, podSelector: { labels: 'app=web' }, hubAddress: '10.244.0.8', observedGeneration: 1,
      summary: { target: 'deploy/web', pods: '0/3', ports: '8080:3000', match: 'all' },
    });
    expect(see(kube).status!.ports![0]).toMatchObject({ port: 8080, protocol: 'TCP', local: 3000 });
    expect(readiness(kube).message).toBe('0 of 3 pods attached. Waiting for web-1: agent on n1 is starting; web-2, web-3: agent on n2 is starting.');
    await attachAll(kube);
    expect(readiness(kube)).toEqual({ phase: 'Ready', status: 'True', reason: 'PodsAttached', message: '3 of 3 pods attached.' });
    expect(see(kube).status!.summary!.pods).toBe('3/3');
  });

  test('whose ports and rules do not fit into a line is served all the same', async () => {
    const kube = cluster();
    await controller(kube);
    const many = bridge('web-ann');
    many.spec.ports = Array.from({ length: 64 }, (_, index) => ({ port: 10_000 + index, local: 20_000 + index, protocol: 'TCP' as const }));
    many.spec.rules = Array.from({ length: 16 }, (_, index) => ({ headers: [{ name: `x-${index}`, match: 'exact' as const, value: 'v'.repeat(1024) }] }));
    kube.seed(resources.bridges, many);
    await settle();
    const { phase, summary } = see(kube).status!;
    expect({ phase, ports: summary!.ports.length, match: summary!.match.length, end: summary!.ports.at(-1) }).toEqual({ phase: 'Attaching', ports: 512, match: 4096, end: '…' });
  });

  test('of a custom kind leads to the pods of its scale, and follows their selector', async () => {
    const kube = cluster();
    const rollouts = { apiVersion: 'argoproj.io/v1alpha1', kind: 'Rollout', plural: 'rollouts', namespaced: true };
    const scaled = (selector: string) => kube.seed(rollouts, { metadata: { namespace: 'demo', name: 'api' }, status: { selector } } as KubeObject);
    await controller(kube);
    kube.seed(resources.bridges, bridge('web-ann', { target: { kind: 'Rollout', name: 'api', container: 'web', resource: 'rollouts.v1alpha1.argoproj.io' } }));
    await settle();
    expect(readiness(kube)).toMatchObject({ phase: 'Failed', reason: 'TargetNotFound', message: 'rollout.argoproj.io/api does not exist in namespace demo.' });
    scaled('app=web');
    await settle(3000);
    expect(see(kube).status).toMatchObject({ desiredPods: 3, podSelector: { labels: 'app=web' }, summary: { target: 'rollout.argoproj.io/api' } });
    scaled('app=web,tier=new');
    await settle(31_000);
    expect(see(kube).status).toMatchObject({ desiredPods: 0, podSelector: { labels: 'app=web,tier=new' } });
    scaled('');
    await settle(31_000);
    expect(readiness(kube)).toMatchObject({ phase: 'Failed', reason: 'TargetWithoutPods' });
  });

  test('the agent\'s pod names every capability and nothing of the node', async () => {
    const kube = cluster();
    await controller(kube);
    kube.seed(resources.bridges, bridge('web-ann'));
    await settle();
    const pod = kube.peek<KubeObject & { spec: { hostNetwork?: boolean; hostPID: boolean; volumes: object[]; containers: { securityContext: object }[] } }>(resources.pods, { namespace: systemNamespace, name: agentPodName('n1') })!;
    expect(pod.spec.containers[0]!.securityContext).toMatchObject({ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'], add: ['SYS_ADMIN', 'SYS_PTRACE', 'DAC_READ_SEARCH', 'NET_ADMIN', 'SYS_CHROOT', 'SETUID', 'SETGID', 'CHOWN', 'DAC_OVERRIDE', 'FOWNER'] } });
    expect(pod.spec).toMatchObject({ hostPID: true, nodeName: 'n1', tolerations: [{ operator: 'Exists' }], securityContext: { seccompProfile: { type: 'RuntimeDefault' } } });
    expect(pod.spec.hostNetwork).toBeUndefined();
    expect(JSON.stringify(pod.spec.volumes)).not.toContain('hostPath');
    expect(pod.metadata.ownerReferences).toMatchObject([{ kind: 'Deployment', name: names.controller, uid: 'deployment-uid' }]);
  });

  test('writes nothing when nothing is new', async () => {
    const kube = cluster();
    await controller(kube);
    kube.seed(resources.bridges, bridge('web-ann'));
    await settle();
    await attachAll(kube);
    const before = kube.calls.length;
    await settle(25_000);
    expect(kube.calls.slice(before).filter(({ verb }) => !['get', 'list'].includes(verb))).toEqual([]);
  });

  test('pods that come later are wanted too, and bring their node an agent; completed ones are not', async () => {
    const kube = cluster();
    kube.remove(resources.pods, { namespace: 'demo', name: 'web-2' });
    kube.remove(resources.pods, { namespace: 'demo', name: 'web-3' });
    await controller(kube);
    kube.seed(resources.bridges, bridge('web-ann'));
    await settle();
    expect(agentsOf(kube)).toEqual(['n1']);
    webPod(kube, 'web-2', undefined);
    webPod(kube, 'web-done', 'n2', { phase: 'Succeeded' });
    await settle();
    expect(see(kube).status!.desiredPods).toBe(1);
    webPod(kube, 'web-2', 'n2');
    await settle();
    expect(agentsOf(kube)).toEqual(['n1', 'n2']);
    expect(see(kube).status!.desiredPods).toBe(2);
  });

  test('whose target does not exist says so, and works as soon as it does', async () => {
    const kube = cluster();
    kube.remove(resources.deployments, { namespace: 'demo', name: 'web' });
    await controller(kube);
    kube.seed(resources.bridges, bridge('web-ann'));
    await settle();
    expect(readiness(kube)).toMatchObject({ phase: 'Failed', reason: 'TargetNotFound', message: 'deploy/web does not exist in namespace demo.' });
    expect(agentsOf(kube)).toEqual([]);
    kube.seed(resources.deployments, { metadata: { namespace: 'demo', name: 'web' }, spec: { selector: { matchLabels: { app: 'web' } } } } as KubeObject);
    await settle(3_000);
    expect(readiness(kube).phase).toBe('Attaching');
  });

  test('on a Service goes to the pods that it selects; on one without selector it says why not', async () => {
    const kube = cluster();
    kube.seed(resources.services, { metadata: { namespace: 'demo', name: 'web' }, spec: { selector: { app: 'web' } } } as KubeObject);
    kube.seed(resources.services, { metadata: { namespace: 'demo', name: 'outside' }, spec: { type: 'ExternalName' } } as KubeObject);
    await controller(kube);
    kube.seed(resources.bridges, bridge('web-ann', { target: { kind: 'Service', name: 'web', container: 'web' } }));
    kube.seed(resources.bridges, bridge('out', { target: { kind: 'Service', name: 'outside', container: 'web' } }));
    await settle();
    expect(see(kube).status).toMatchObject({ phase: 'Attaching', podSelector: { labels: 'app=web' }, summary: { target: 'svc/web' } });
    expect(readiness(kube, 'out')).toMatchObject({ phase: 'Failed', reason: 'TargetWithoutPods' });
  });

  test('says which of its previews the gateway does not show, and works as ever', async () => {
    const kube = cluster();
    await controller(kube);
    const made = bridge('web-ann', { rules: [{ mark: 'ann' }] });
    const preview: Preview = { name: 'shop', entry: 'svc/web:80', routes: [{ path: '/', match: 'prefix', service: 'web', port: 80 }], link: '1'.repeat(64), access: '1'.repeat(64), expiresAt: '9999-01-01T00:00:00Z' };
    kube.seed(resources.bridges, { ...made, spec: { ...made.spec, previews: [preview, { ...preview, name: 'odd', routes: [{ ...preview.routes[0]!, path: `/${"'".repeat(300)}` }] }] } } as KubeObject);
    await settle();
    await attachAll(kube);
    expect([see(kube).status!.conditions!.find(({ type }) => type === 'PreviewsServed')?.message, readiness(kube).phase]).toEqual(['The gateway does not show these previews. odd: more than 1024 bytes cannot be matched.', 'Ready']);
  });

  test('to another owner\'s client fails and gets no agent', async () => {
    const kube = cluster();
    await controller(kube);
    kube.seed(resources.bridges, bridge('web-ann', { owner: 'bob' }));
    await settle();
    expect(readiness(kube)).toMatchObject({ phase: 'Failed', reason: 'ClientOfAnotherOwner' });
    expect(agentsOf(kube)).toEqual([]);
  });

  test('to pods on their node\'s network fails', async () => {
    const kube = cluster();
    for (const name of ['web-1', 'web-2', 'web-3']) webPod(kube, name, 'n1', { hostNetwork: true });
    await controller(kube);
    kube.seed(resources.bridges, bridge('web-ann'));
    await settle();
    expect(readiness(kube)).toMatchObject({ phase: 'Failed', reason: 'HostNetwork' });
    expect(agentsOf(kube)).toEqual([]);
  });

  test('is Suspended while the hub does not run or the client is silent, with the reason', async () => {
    const kube = cluster();
    await controller(kube);
    kube.seed(resources.bridges, bridge('web-ann'));
    await settle();
    await attachAll(kube);
    hub(kube, '10.244.0.8', false);
    await settle();
    expect(readiness(kube)).toMatchObject({ phase: 'Suspended', reason: 'HubNotRunning' });
    hub(kube, '10.244.0.99');
    await settle();
    expect(see(kube).status).toMatchObject({ phase: 'Ready', hubAddress: '10.244.0.99' });
    await kube.apply(resources.clients, { metadata: { namespace: systemNamespace, name: 'ann-1' }, status: { phase: 'Suspended' } }, { manager: 'podbridge-hub', subresource: 'status' });
    await settle();
    expect(readiness(kube)).toMatchObject({ phase: 'Suspended', reason: 'ClientSuspended' });
  });

  test('does not believe the entries of an agent that is not there any more', async () => {
    const kube = cluster();
    await controller(kube);
    kube.seed(resources.bridges, bridge('web-ann'));
    await settle();
    await attachAll(kube);
    kube.remove(resources.pods, { namespace: systemNamespace, name: agentPodName('n2') });
    await settle();
    expect(readiness(kube)).toMatchObject({ phase: 'Attaching', reason: 'AttachingPods' });
    expect(see(kube).status!.summary!.pods).toBe('1/3');
    expect(agentsOf(kube)).toEqual(['n1', 'n2']);
  });

  test('loses the entries of a node that is gone, so that nobody waits for its agent', async () => {
    const kube = cluster();
    await controller(kube);
    kube.seed(resources.bridges, bridge('web-ann'));
    await settle();
    await attachAll(kube);
    kube.remove(resources.nodes, { name: 'n2' });
    for (const name of ['web-2', 'web-3']) kube.remove(resources.pods, { namespace: 'demo', name });
    await settle();
    expect(see(kube).status!.pods!.map(({ name }) => name)).toEqual(['web-1']);
    expect(agentsOf(kube)).toEqual(['n1']);
    expect(readiness(kube).phase).toBe('Ready');
  });

  test('Draining says how far it is', async () => {
    const kube = cluster();
    await controller(kube);
    kube.seed(resources.bridges, bridge('web-ann'));
    await settle();
    await attachAll(kube);
    const { metadata, spec, status } = see(kube);
    kube.seed(resources.bridges, { ...see(kube), metadata, spec: { ...spec, state: 'Draining' }, status } as KubeObject);
    await settle();
    expect(readiness(kube)).toMatchObject({ phase: 'Draining', message: 'Open requests end in 3 pods.' });
  });

  test('that cannot work takes no hub port from those that can: no target, a client of another owner, none at all, a namespace of the system', async () => {
    const kube = cluster();
    await controller(kube);
    // Every number would be gone.
    const most = Array.from({ length: 10_000 }, (_, index) => ({ port: index + 1, protocol: 'TCP' as const, local: index + 1 }));
    kube.seed(resources.bridges, bridge('no-target', { ports: most, age: 60, target: { kind: 'Deployment', name: 'nothing', container: 'web' } }));
    kube.seed(resources.bridges, bridge('stolen', { ports: most, age: 60, owner: 'bob' }));
    kube.seed(resources.bridges, bridge('orphan', { ports: most, age: 60, link: 'nobody-1' }));
    kube.seed(resources.bridges, bridge('system', { ports: most, age: 60, namespace: 'kube-system' }));
    kube.seed(resources.bridges, bridge('web-ann'));
    await settle();
    expect(see(kube).status).toMatchObject({ phase: 'Attaching', ports: [{ port: 8080 }] });
    expect(['no-target', 'stolen', 'orphan'].map((name) => [see(kube, name).status?.ports, readiness(kube, name).reason])).toEqual([[undefined, 'TargetNotFound'], [undefined, 'ClientOfAnotherOwner'], [undefined, 'ClientNotFound']]);
    expect(kube.peek<Bridge>(resources.bridges, { namespace: 'kube-system', name: 'system' })?.status?.ports).toBeUndefined();
  });

  test('whose target is away for a moment keeps its hub port', async () => {
    const kube = cluster();
    await controller(kube);
    kube.seed(resources.bridges, bridge('web-ann'));
    await settle();
    const { ports: before } = see(kube).status!;
    const target = kube.peek<KubeObject>(resources.deployments, { namespace: 'demo', name: 'web' })!;
    kube.remove(resources.deployments, { namespace: 'demo', name: 'web' });
    await settle(31_000);
    expect(readiness(kube)).toMatchObject({ reason: 'TargetNotFound' });
    expect(see(kube).status!.ports).toEqual(before);
    kube.seed(resources.deployments, target);
    await settle(3_000);
    expect(see(kube).status).toMatchObject({ phase: 'Attaching', ports: before });
  });

  test('is Pending, and not without a port, before the first word of its target', async () => {
    const kube = cluster();
    await controller(kube);
    let answer: () => void = () => undefined;
    const answered = new Promise<void>((resolve) => { answer = resolve; });
    const get = kube.get.bind(kube);
    kube.get = async <T extends KubeObject>(...args: Parameters<typeof kube.get>) => { await answered; return await get<T>(...args); };
    kube.seed(resources.bridges, bridge('web-ann'));
    await settle();
    expect(readiness(kube)).toMatchObject({ phase: 'Pending', reason: 'Resolving' });
    answer();
    await settle();
    expect(see(kube).status).toMatchObject({ phase: 'Attaching', ports: [{ port: 8080 }] });
  });

  test('keeps its hub port over a restart of the controller, and another gets another', async () => {
    const kube = cluster();
    const first = await controller(kube);
    kube.seed(resources.bridges, bridge('web-ann', { age: 60 }));
    await settle();
    await attachAll(kube);
    first.stop();
    const { ports: before, podSelector } = see(kube).status!;
    const selectors: unknown[] = [];
    const apply = kube.apply.bind(kube);
    kube.apply = async (resource, object, options) => {
      if (object.metadata.name === 'web-ann') selectors.push((object['status'] as Bridge['status'])?.podSelector);
      return await apply(resource, object, options);
    };
    await controller(kube);
    // Without the selector, even for a moment, agents would let go.
    expect(selectors.filter((selector) => JSON.stringify(selector) !== JSON.stringify(podSelector))).toEqual([]);
    expect(readiness(kube).phase).toBe('Ready');
    kube.seed(resources.bridges, bridge('web-two'));
    await settle();
    expect(see(kube).status!.ports).toEqual(before);
    expect(see(kube, 'web-two').status!.ports![0]!.hubPort).not.toBe(before![0]!.hubPort);
  });

  test('that nobody claims in time is garbage; a claimed one is not', () => {
    const ann = client('ann-1');
    const made = bridge('web');
    const now = Date.parse(made.metadata.creationTimestamp ?? '');
    const garbage = (annotations: Record<string, string> | undefined, afterMs: number) => bridgeGarbage({ bridges: [{ ...made, metadata: { ...made.metadata, ...(annotations === undefined ? {} : { annotations }) } }], client: () => ann, missingSince: new Map(), now: now + afterMs });
    const unclaimed = { [unclaimedAnnotation]: '60' };
    expect(garbage(unclaimed, 59_000)).toMatchObject({ remove: [], nextAt: now + 60_000 });
    expect(garbage(unclaimed, 60_000).remove).toHaveLength(1);
    expect(garbage({ [unclaimedAnnotation]: 'soon' }, 0).remove).toHaveLength(1);
    expect(garbage(undefined, 1_000_000)).toMatchObject({ remove: [], nextAt: Infinity });
  });

  test('is removed when its lifetime is over', () => {
    const now = 1_800_000_000_000;
    const made = bridge('web-ann');
    const short = { ...made, spec: { ...made.spec, lifetime: '1m30s' } };
    const at = (afterMs: number) => bridgeGarbage({ bridges: [short], client: () => client('ann-1'), missingSince: new Map(), now: now + afterMs });
    expect(at(89_000)).toMatchObject({ remove: [], nextAt: now + 90_000 });
    expect(at(90_000).remove).toMatchObject([{ why: 'its lifetime of 1m30s is over' }]);
  });

  test('leaves Events on its target, once each: who, what, and that it has ended', async () => {
    const kube = cluster();
    await controller(kube);
    kube.seed(resources.bridges, bridge('web-ann', { rules: [{ mark: 'ann' }] }));
    await settle();
    for (const [node, podIP] of [['n1', '10.244.0.9'], ['n2', '10.244.1.9']] as const) agentRuns(kube, node, podIP);
    await agentAttaches(kube, 'web-ann', 'n1', '10.244.0.9', ['web-1']);
    await agentAttaches(kube, 'web-ann', 'n2', '10.244.1.9', ['web-2', 'web-3']);
    await settle();
    const events = async () => (await kube.list<KubeObject & { reason: string; message: string }>(resources.events)).items.map(({ reason, message }) => `${reason}: ${message}`);
    expect(await events()).toEqual(['Bridged: ann bridges deploy/web, port 8080:3000: mark ann (bridge web-ann).']);
    await kube.delete(resources.bridges, { namespace: 'demo', name: 'web-ann' });
    await settle();
    expect((await events())[1]).toBe('BridgeEnded: Bridge web-ann of ann has ended, port 8080:3000: mark ann.');
  });

  test('is removed when its client is Gone, and some seconds after its client has vanished', async () => {
    const kube = cluster();
    await controller(kube);
    kube.seed(resources.bridges, bridge('web-ann'));
    kube.seed(resources.bridges, bridge('lost', { link: 'nobody' }));
    await settle();
    expect(readiness(kube, 'lost')).toMatchObject({ phase: 'Failed', reason: 'ClientNotFound' });
    await settle(11_000);
    expect(see(kube, 'lost')).toBeUndefined();
    expect(see(kube)).toBeDefined();
    await kube.apply(resources.clients, { metadata: { namespace: systemNamespace, name: 'ann-1' }, status: { phase: 'Gone' } }, { manager: 'podbridge-hub', subresource: 'status' });
    await settle();
    expect(see(kube)).toBeUndefined();
    expect(kube.peek(resources.clients, { namespace: systemNamespace, name: 'ann-1' })).toBeDefined();
  });
});

describe('a link of a guest', () => {
  const owner = guestUser('bob');
  const account = (annotations?: Record<string, string>): KubeObject => ({ metadata: { namespace: systemNamespace, name: guestAccount('bob'), ...(annotations === undefined ? {} : { annotations }) } });
  const link = (kube: FakeKube): unknown => kube.peek(resources.clients, { namespace: systemNamespace, name: 'bob-1' });

  test('ends with the invitation, in time, and its bridges with it', async () => {
    const kube = cluster();
    kube.seed(resources.serviceAccounts, account({ [guestExpiresAnnotation]: new Date(Date.now() + 60_000).toISOString() }));
    kube.seed(resources.clients, client('bob-1', { owner, status: { phase: 'Online' } }));
    await controller(kube);
    kube.seed(resources.bridges, bridge('web-bob', { link: 'bob-1', owner }));
    await settle(59_000);
    expect([link(kube) !== undefined, see(kube, 'web-bob') !== undefined]).toEqual([true, true]);
    await settle(2_000);
    expect(link(kube)).toBeUndefined();
    await settle(12_000);
    expect(see(kube, 'web-bob')).toBeUndefined();
    expect(kube.peek(resources.clients, { namespace: systemNamespace, name: 'ann-1' })).toBeDefined();
  });

  test('ends when the account is gone; one whose account says no end stays', async () => {
    const kube = cluster();
    kube.seed(resources.serviceAccounts, account());
    kube.seed(resources.clients, client('bob-1', { owner, status: { phase: 'Online' } }));
    await controller(kube);
    await settle(40_000);
    expect(link(kube)).toBeDefined();
    await kube.delete(resources.serviceAccounts, { namespace: systemNamespace, name: guestAccount('bob') });
    await settle();
    expect(link(kube)).toBeUndefined();
  });
});

describe('agents', () => {
  test('are removed after a minute without work, not sooner, and not when work comes back', async () => {
    const kube = cluster();
    await controller(kube);
    kube.seed(resources.bridges, bridge('web-ann'));
    await settle();
    kube.remove(resources.bridges, { namespace: 'demo', name: 'web-ann' });
    await settle(50_000);
    expect(agentsOf(kube)).toEqual(['n1', 'n2']);
    kube.seed(resources.bridges, bridge('web-ann'));
    await settle(30_000);
    kube.remove(resources.bridges, { namespace: 'demo', name: 'web-ann' });
    await settle(50_000);
    expect(agentsOf(kube)).toEqual(['n1', 'n2']);
    await settle(11_000);
    expect(agentsOf(kube)).toEqual([]);
  });

  test('of another image are replaced; one that has failed is made anew', async () => {
    const kube = cluster();
    const first = await controller(kube);
    kube.seed(resources.bridges, bridge('web-ann'));
    await settle();
    first.stop();
    await controller(kube, { image: 'podbridge/stowaway:2' });
    await settle();
    const pod = (): KubeObject & { spec: { containers: { image: string }[] }; status?: unknown } => kube.peek(resources.pods, { namespace: systemNamespace, name: agentPodName('n1') })!;
    expect(pod().spec.containers[0]!.image).toBe('podbridge/stowaway:2');
    const { uid } = pod().metadata;
    kube.seed(resources.pods, { ...pod(), status: { phase: 'Failed', reason: 'Evicted' } } as KubeObject);
    await settle();
    expect(pod().metadata.uid).not.toBe(uid);
  });

  test('that the API refuses are tried again, and the rest of the work is done meanwhile', async () => {
    const kube = cluster();
    const { events } = await controller(kube);
    kube.failNext.set('create Pod', new KubeError(403, 'Forbidden', 'exceeded quota'));
    kube.seed(resources.bridges, bridge('web-ann'));
    await settle(20);
    expect(see(kube).status!.ports).toHaveLength(1);
    await settle(2_000);
    expect(agentsOf(kube)).toEqual(['n1', 'n2']);
    expect(events.join('\n')).toContain('exceeded quota');
  });

  test('that the cluster forbids are named in the bridge with the policy\'s own words, which fails at once and recovers by itself', async () => {
    const kube = cluster();
    await controller(kube);
    const create = kube.create.bind(kube);
    const forbid = jest.spyOn(kube, 'create').mockImplementation(async (resource, object) => {
      if (resource === resources.pods) throw new KubeError(403, 'Forbidden', 'create pod: pods "stowaway-agent-x" is forbidden: violates PodSecurity "baseline:latest": host namespaces (hostPID=true)');
      return await create(resource, object);
    });
    kube.seed(resources.bridges, bridge('web-ann'));
    await settle(2_000);
    expect(readiness(kube)).toMatchObject({ phase: 'Failed', status: 'False', reason: 'AgentForbidden' });
    expect(readiness(kube).message).toMatch(/forbids podbridge's agent on n1, n2, .*: violates PodSecurity "baseline:latest": host namespaces \(hostPID=true\)\..*exempt namespace bridge-system/);
    forbid.mockRestore();
    await settle(40_000);
    await attachAll(kube);
    expect(readiness(kube)).toMatchObject({ phase: 'Ready' });
  });

  test('an agent that was killed serves nobody until it is there again; one whose probes fail does', async () => {
    const kube = cluster();
    await controller(kube);
    kube.seed(resources.bridges, bridge('web-ann'));
    await settle(2_000);
    await attachAll(kube);
    const container = async (status: object): Promise<unknown> => {
      const pod = kube.peek<KubeObject & { status: object }>(resources.pods, { namespace: systemNamespace, name: agentPodName('n1') })!;
      kube.seed(resources.pods, { ...pod, status: { ...pod.status, containerStatuses: [status] } } as KubeObject);
      await settle();
      return readiness(kube).phase;
    };
    expect(await container({ ready: false, state: { running: {} } })).toBe('Ready');
    expect(await container({ ready: false, state: { terminated: { exitCode: 137 } } })).toBe('Attaching');
    expect(readiness(kube).message).toContain('agent on n1 is starting');
    expect(await container({ ready: false, state: { waiting: { reason: 'CrashLoopBackOff' } } })).toBe('Attaching');
    expect(await container({ ready: true, state: { running: {} } })).toBe('Ready');
  });

  test('say in the bridge why they do not start', async () => {
    const kube = cluster();
    await controller(kube);
    kube.seed(resources.bridges, bridge('web-ann'));
    await settle();
    const pod = kube.peek<KubeObject>(resources.pods, { namespace: systemNamespace, name: agentPodName('n1') })!;
    kube.seed(resources.pods, { ...pod, status: { phase: 'Pending', containerStatuses: [{ ready: false, state: { waiting: { reason: 'ImagePullBackOff', message: 'no such image' } } }] } } as KubeObject);
    await settle();
    expect(readiness(kube).message).toContain('agent on n1: ImagePullBackOff: no such image');
  });
});
