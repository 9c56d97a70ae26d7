/** Objects that are refused, and hub, controller and agents that end in the middle of the work. */
import { get } from 'node:https';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { execa } from 'execa';
import { groupVersion, labels, managedBy, names, systemNamespace } from '../../protocol/names.ts';
import type { Bridge, Client } from '../../protocol/objects.ts';
import { resources, type KubeObject } from '../../cli/adapters/cluster/index.ts';
import { bridgeOk } from '../support/bridge-command.ts';
import { until } from '../support/wait.ts';
import { deployment, service } from '../workloads/manifests.ts';
import { setUpLimitMs, startSuite, testLimitMs, type Suite } from './support/suite.ts';

jest.setTimeout(testLimitMs);
const namespace = 'e2e-cluster-side';
const name = 'e2e-steady';
const recoveryLimitMs = 60_000;
let suite: Suite;
/** The administrator, who makes the objects of the tests without `bridge`. */
let administrator: string;

beforeAll(async () => {
  suite = await startSuite(namespace, (image) => [deployment({ name: 'web', namespace, image, replicas: 3 }), service({ name: 'web', namespace })]);
  const review = await suite.kube.request<{ status: { userInfo: { username: string } } }>('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' });
  administrator = review.status.userInfo.username;
}, setUpLimitMs);
afterAll(() => suite?.end());

interface Pod extends KubeObject {
  spec: { containers: { image: string }[]; nodeName: string };
  status: { podIP?: string; containerStatuses?: { ready: boolean; restartCount: number }[] };
}

async function podsOf(component: string): Promise<Pod[]> {
  return (await suite.kube.list<Pod>(resources.Pod, { namespace: systemNamespace, labelSelector: `${labels.managedBy}=${managedBy},${labels.component}=${component}` })).items;
}
const podPath = (pod: string): string => `/api/v1/namespaces/${systemNamespace}/pods/${pod}`;
const bridgeNow = async (): Promise<Bridge> => suite.kube.request<Bridge>('GET', `/apis/${groupVersion}/namespaces/${namespace}/bridges/${name}`);

describe('the API server refuses', () => {
  const bridgeSpec = (): Record<string, unknown> => ({ owner: administrator, client: 'none', target: { kind: 'Deployment', name: 'web', container: 'web' }, ports: [{ port: 80, protocol: 'TCP', local: 80 }] });
  const clientSpec = (): Record<string, unknown> => ({ owner: administrator, publicKey: `${'m'.repeat(42)}A=` });
  const tryBridge = (spec: Record<string, unknown>, metadata: object = {}): Promise<unknown> => suite.kube.request('POST', `/apis/${groupVersion}/namespaces/${namespace}/bridges?dryRun=All`, { apiVersion: groupVersion, kind: 'Bridge', metadata: { name: 'try', ...metadata }, spec: { ...bridgeSpec(), ...spec } });
  const tryClient = (spec: Record<string, unknown>): Promise<unknown> => suite.kube.request('POST', `/apis/${groupVersion}/namespaces/${systemNamespace}/clients?dryRun=All`, { apiVersion: groupVersion, kind: 'Client', metadata: { name: 'try' }, spec: { ...clientSpec(), ...spec } });
  const port = { port: 80, protocol: 'TCP', local: 80 };
  const header = (headerName: string, value: string): Record<string, unknown> => ({ rules: [{ headers: [{ name: headerName, match: 'exact', value }] }] });

  test('nothing that is right', async () => {
    await tryBridge({});
    await tryBridge({ ports: [] });
    await tryBridge({ ports: [port, { ...port, protocol: 'UDP' }, { ...port, port: 81 }], state: 'Draining' });
    await tryBridge({ rules: [{ mark: 'demo' }, { headers: [{ name: 'x-user', match: 'regex', value: '^(ann|bob)$' }], path: { match: 'prefix', value: '/api' }, methods: ['GET', 'POST'] }] });
    await tryClient({});
    await tryClient({ ttl: '1h30m' });
  });

  const wrongBridges: [string, Record<string, unknown>, RegExp][] = [
    ['an unknown kind of target', { target: { kind: 'CronJob', name: 'x', container: 'x' } }, /needs its resource/],
    ['a resource that leads elsewhere', { target: { kind: 'Rollout', name: 'x', container: 'x', resource: 'rollouts.v1.x/../y' } }, /should match/],
    ['a port 0', { ports: [{ ...port, port: 0 }] }, /greater than or equal to 1/],
    ['one port twice', { ports: [port, port] }, /Duplicate value/],
    ['rules with UDP', { ports: [{ ...port, protocol: 'UDP' }], rules: [{ mark: 'x' }] }, /TCP ports only/],
    ['a rule without a condition', { rules: [{}] }, /at least one condition/],
    ['a mark that would need escaping', { rules: [{ mark: 'a b' }] }, /should match/],
    ['a line break in a value', header('x', 'a\nb'), /should match/],
    ['a header name that is none', header('x y', 'a'), /should match/],
    ['another state', { state: 'Paused' }, /Unsupported value/],
    ['another owner', { owner: 'somebody-else' }, /spec.owner must be the user/],
  ];
  test.each(wrongBridges)('a bridge with %s', async (_, spec, reason) => {
    await expect(tryBridge(spec)).rejects.toThrow(reason);
  });

  test.each(['a.b', 'a'.repeat(64)])('a bridge named %s', async (wrong) => {
    await expect(tryBridge({}, { name: wrong })).rejects.toThrow(/at most 63 characters/);
  });

  const wrongClients: [string, Record<string, unknown>, RegExp][] = [
    ['a key that is none', { publicKey: 'x' }, /should match/],
    ['a key with too many bits', { publicKey: `${'m'.repeat(42)}B=` }, /should match/],
    ['a ttl in days', { ttl: '1d' }, /should match/],
    ['no time to live', { ttl: '0s' }, /at least one second/],
  ];
  test.each(wrongClients)('a client with %s', async (_, spec, reason) => {
    await expect(tryClient(spec)).rejects.toThrow(reason);
  });
});

describe('a standing bridge', () => {
  let address: string;
  const isReady = async (): Promise<true | undefined> => ((await bridgeNow()).status?.phase === 'Ready' ? true : undefined);

  beforeAll(async () => {
    address = await suite.addressOf('web');
    await suite.run(name, 'local', ['--target', 'deploy/web']);
  }, testLimitMs);

  test('says on its own what it is', async () => {
    const { spec, status } = await bridgeNow();
    expect(status).toMatchObject({ phase: 'Ready', desiredPods: 3, summary: { target: 'deploy/web', pods: '3/3', match: 'all' }, observedGeneration: 1 });
    expect(status!.conditions!.map(({ type, status: value }) => `${type}=${value}`).sort()).toEqual(['ClientOnline=True', 'HubRunning=True', 'PodsAttached=True', 'Ready=True', 'TargetFound=True']);
    expect(status!.ports!.map(({ port, protocol }) => `${port}/${protocol}`).sort()).toEqual(spec.ports.map(({ port, protocol }) => `${port}/${protocol}`).sort());
    expect(await columns()).toMatchObject({ Target: 'deploy/web', Requests: 'all', Owner: suite.username, Phase: 'Ready', Pods: '3/3', Reason: 'PodsAttached' });
  });

  test('has agents with exactly the capabilities that are documented, and nothing of the node', async () => {
    const agents = await podsOf('agent');
    expect(agents.map(({ spec }) => spec.nodeName).sort()).toEqual([...new Set((await bridgeNow()).status!.pods!.map(({ node }) => node))].sort());
    const text = JSON.stringify(agents);
    expect(text).not.toContain('hostPath');
    expect(text).not.toContain('"hostNetwork":true');
    expect(text).not.toContain('"privileged":true');
  });

  test('goes on without the controller, which finds everything as it was', async () => {
    const before = (await bridgeNow()).status!;
    const agents = (await podsOf('agent')).map(({ metadata }) => metadata.uid).sort();
    const [old] = await podsOf('controller');
    const probe = await suite.prober.start('http', '--url', `http://${address}/`, '--rate', '100', '--duration', '120s');
    await suite.kube.request('DELETE', `${podPath(old!.metadata.name)}?gracePeriodSeconds=0`);
    await until('another controller leads', async () => {
      const lease = await suite.kube.request<{ spec: { holderIdentity: string } }>('GET', `/apis/coordination.k8s.io/v1/namespaces/${systemNamespace}/leases/${names.controllerLease}`);
      return lease.spec.holderIdentity !== '' && lease.spec.holderIdentity !== old!.metadata.name ? true : undefined;
    }, recoveryLimitMs);
    // Long enough for whatever a new controller does first.
    await new Promise((resolve) => setTimeout(resolve, 3000));
    const report = await probe.stop();
    expect(report).toMatchObject({ failed: 0 });
    expect(report.byWho).toEqual({ local: report.total });
    const after = (await bridgeNow()).status!;
    expect({ ...after, conditions: [] }).toEqual({ ...before, conditions: [] });
    expect((await podsOf('agent')).map(({ metadata }) => metadata.uid).sort()).toEqual(agents);
  });

  test.each([
    ['ends in order, as in an upgrade', '', 0],
    // Without rules nothing can be repeated: what was under way over the hub is lost with it.
    ['is killed', '?gracePeriodSeconds=0', 5],
  ])('gives its requests to the originals when the hub %s, and takes them back by itself', async (_, query, mostLost) => {
    const key = (await clientOf()).status!.hub!.publicKey;
    const [old] = await podsOf('hub');
    const probe = await suite.prober.start('http', '--url', `http://${address}/`, '--rate', '100', '--duration', '120s');
    await suite.kube.request('DELETE', `${podPath(names.hubPod)}${query}`);
    await until('requests reach the originals', async () => ((await probe.peek()).byWho.original === undefined ? undefined : true), recoveryLimitMs);
    await until('another hub runs', async () => ((await podsOf('hub')).some(({ metadata, status }) => metadata.uid !== old!.metadata.uid && status.containerStatuses?.[0]?.ready === true) ? true : undefined), recoveryLimitMs);
    await until('requests reach the container again', async () => {
      const { byWho } = await suite.prober.run('http', '--url', `http://${address}/`, '--count', '30');
      return byWho.local === 30 ? true : undefined;
    }, recoveryLimitMs);
    const report = await probe.stop();
    expect(Object.keys(report.errors).filter((kind) => kind !== 'closed' && kind !== 'reset')).toEqual([]);
    expect(report.failed).toBeLessThanOrEqual(mostLost);
    expect((await clientOf()).status!.hub!.publicKey).toBe(key);
    await until('the bridge is Ready', isReady, recoveryLimitMs);
  });

  test('gets another agent for one that ends in order, and loses no request meanwhile', async () => {
    const [agent] = await podsOf('agent');
    const probe = await suite.prober.start('http', '--url', `http://${address}/`, '--rate', '100', '--duration', '120s');
    await suite.kube.request('DELETE', podPath(agent!.metadata.name));
    await until('another agent is ready', async () => {
      const now = (await podsOf('agent')).find(({ spec }) => spec.nodeName === agent!.spec.nodeName);
      return now !== undefined && now.metadata.uid !== agent!.metadata.uid && now.status.containerStatuses?.[0]?.ready === true ? true : undefined;
    }, recoveryLimitMs);
    await until('the bridge is Ready', isReady, recoveryLimitMs);
    await until('requests reach the container everywhere', async () => ((await suite.prober.run('http', '--url', `http://${address}/`, '--count', '60')).byWho.local === 60 ? true : undefined), recoveryLimitMs);
    const report = await probe.stop();
    expect({ failed: report.failed, errors: report.errors }).toEqual({ failed: 0, errors: {} });
  });

  test('is served again when the container of an agent was killed (as for want of memory), by the same pod', async () => {
    const [agent] = await podsOf('agent');
    const node = agent!.spec.nodeName;
    await execa('docker', ['exec', node, 'sh', '-c', 'kill -9 $(pgrep -f "stowaway.cjs [a]gent")']);
    await until('its container runs again', async () => {
      const now = (await podsOf('agent')).find(({ metadata }) => metadata.uid === agent!.metadata.uid);
      const [container] = now?.status.containerStatuses ?? [];
      return (container?.restartCount ?? 0) > 0 && container?.ready === true ? true : undefined;
    }, recoveryLimitMs);
    await until('requests reach the container everywhere', async () => ((await suite.prober.run('http', '--url', `http://${address}/`, '--count', '60')).byWho.local === 60 ? true : undefined), recoveryLimitMs);
    await until('the bridge is Ready', isReady, recoveryLimitMs);
  });

  test('goes when its client goes', async () => {
    const { metadata } = await clientOf();
    await suite.stop(name);
    await bridgeOk(['down'], suite.user);
    await until('the client is gone', async () => ((await suite.kube.list<Client>(resources.Client, { namespace: systemNamespace })).items.some(({ metadata: { uid } }) => uid === metadata.uid) ? undefined : true), recoveryLimitMs);
    await suite.kube.request('POST', `/apis/${groupVersion}/namespaces/${namespace}/bridges`, { apiVersion: groupVersion, kind: 'Bridge', metadata: { name: 'orphan' }, spec: { owner: administrator, client: metadata.name, target: { kind: 'Deployment', name: 'web', container: 'web' }, ports: [] } });
    await until('the controller has said why', async () => {
      const { status } = await suite.kube.request<Bridge>('GET', `/apis/${groupVersion}/namespaces/${namespace}/bridges/orphan`);
      return status?.conditions?.some(({ reason }) => reason === 'ClientNotFound') === true ? true : undefined;
    }, recoveryLimitMs);
    await until('the bridge is removed', async () => ((await suite.kube.list<Bridge>(resources.Bridge, { namespace })).items.length === 0 ? true : undefined), recoveryLimitMs);
  });

  async function clientOf(): Promise<Client> {
    const { spec } = await bridgeNow();
    return await suite.kube.request<Client>('GET', `/apis/${groupVersion}/namespaces/${systemNamespace}/clients/${spec.client}`);
  }

  /** What `kubectl get bridges` shows, by column: the API server itself makes that table. */
  async function columns(): Promise<Record<string, unknown>> {
    const { server, headers, ...tls } = await suite.kube.credentials();
    const url = new URL(`/apis/${groupVersion}/namespaces/${namespace}/bridges/${name}`, server);
    const text = await new Promise<string>((resolve, reject) => {
      get(url, { ...tls, headers: { ...headers, accept: 'application/json;as=Table;g=meta.k8s.io;v=v1' } }, (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (chunk: string) => { body += chunk; }).on('end', () => resolve(body)).on('error', reject);
      }).on('error', reject);
    });
    const { columnDefinitions, rows } = JSON.parse(text) as { columnDefinitions: { name: string }[]; rows: { cells: unknown[] }[] };
    return Object.fromEntries(columnDefinitions.map(({ name: column }, index) => [column, rows[0]?.cells[index]]));
  }
});
