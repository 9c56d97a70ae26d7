import { describe, expect, test } from '@jest/globals';
import type { Bridge } from '../../../protocol/objects.ts';
import { BridgeError } from '../../../cli/errors.ts';
import { StatusCollector } from '../../../cli/status/collector.ts';
import { changes } from '../../../cli/status/events.ts';
import { RequestTotals } from '../../../cli/status/request-totals.ts';
import type { Cluster } from '../../../cli/adapters/cluster/index.ts';
import { cargoName } from '../../../cli/link/link-name.ts';
import { fakeDocker, type CargoAnswers } from '../support/fake-docker.ts';
import { bridge, container, snapshot } from './fixtures.ts';

describe('requests over several agents', () => {
  const counts = (local: number) => ({ local, original: 10 * local, failed: 0 });
  test('rates need two looks; totals outlive an agent', () => {
    const totals = new RequestTotals();
    const both = new Set(['a:1', 'b:1']);
    expect(totals.take(both, [], 0)).toBeNull();
    expect(totals.take(both, [{ agent: 'a:1', epoch: 'x', counters: counts(5) }, { agent: 'b:1', epoch: 'y', counters: counts(1) }], 1000)).toEqual({ ...counts(6), perSecond: null });
    expect(totals.take(both, [{ agent: 'a:1', epoch: 'x', counters: counts(9) }, { agent: 'b:1', epoch: 'y', counters: counts(1) }], 3000)).toEqual({ ...counts(10), perSecond: { local: 2, original: 20, failed: 0 } });
    // Replaced: it counts from zero, and what came before is not lost.
    expect(totals.take(both, [{ agent: 'a:1', epoch: 'z', counters: counts(2) }], 4000)).toEqual({ ...counts(12), perSecond: null });
    expect(totals.take(new Set(['a:1']), [{ agent: 'a:1', epoch: 'z', counters: counts(3) }], 5000)).toEqual({ ...counts(13), perSecond: counts(1) });
  });
});

describe('events', () => {
  const words = (before: Parameters<typeof changes>[0], now: Parameters<typeof changes>[1]) => changes(before, now).map(({ severity, subject, text }) => `${severity} ${subject}: ${text}`);
  test('what began, changed and ended', () => {
    const none = snapshot({ bridges: [], containers: [] });
    expect(words(none, snapshot())).toEqual(['info bridge shop/api-ann: Ready: 2 of 2 pods attached.', 'info container api-ann: running']);
    expect(words(snapshot(), none)).toEqual(['info bridge shop/api-ann: ended', 'info container api-ann: removed']);
    expect(words(snapshot(), snapshot())).toEqual([]);
    expect(words(snapshot(), snapshot({ bridges: [bridge({ serving: false })], containers: [container({ state: 'exited' })] }))).toEqual([
      'warning bridge shop/api-ann: the container does not answer: requests go to the pods', 'warning container api-ann: exited',
    ]);
    expect(words(snapshot(), snapshot({ bridges: [bridge({ desiredPods: 3 })], containers: [container({ id: 'c2' })] }))).toEqual(['info bridge shop/api-ann: 2 of 3 pods attached', 'info container api-ann: replaced: running']);
    expect(words(snapshot(), snapshot({ bridges: [bridge({ phase: 'Failed', message: 'why' })], link: { ...snapshot().link, state: 'silent' } }))).toEqual(['warning link: the cluster does not answer: requests go to the pods', 'error bridge shop/api-ann: Failed: why']);
  });
});

describe('the collector', () => {
  const object: Bridge = {
    apiVersion: 'podbridge.dev/v1alpha1', kind: 'Bridge', metadata: { name: 'api-ann', namespace: 'shop', uid: 'u1', creationTimestamp: '2026-11-25T10:00:00Z' },
    spec: { owner: 'ann', client: 'ann-3f9c1a', target: { kind: 'Deployment', name: 'api', container: 'api' }, ports: [{ port: 8080, protocol: 'TCP', local: 3000 }], rules: [{ mark: 'ann' }] },
    status: { phase: 'Ready', desiredPods: 1, pods: [{ name: 'api-1', node: 'n1', ready: true, since: '2026-11-25T10:00:01Z', agent: '10.0.0.9:7080', serving: true }], conditions: [{ type: 'Ready', status: 'True', reason: 'PodsAttached', message: '1 of 1 pods attached.', lastTransitionTime: '2026-11-25T10:00:02Z' }] },
  };
  const labels = { 'podbridge.dev/role': 'app', 'podbridge.dev/link': 'ann-3f9c1a', 'podbridge.dev/bridge': 'api-ann', 'podbridge.dev/namespace': 'shop', 'podbridge.dev/bridge-uid': 'u1' };
  let fails = false;
  const cluster = { context: { name: 'lab', server: 'https://x', namespace: 'default' }, list: async (_type: unknown, { namespace }: { namespace: string }) => { if (fails) throw new Error('no answer'); return { items: namespace === 'shop' ? [object, { ...object, metadata: { ...object.metadata, name: 'bob' }, spec: { ...object.spec, client: 'bob-1' } }] : [] }; } } as unknown as Cluster;

  async function make(answers: CargoAnswers) {
    const docker = fakeDocker(answers);
    const app = await docker.networks.create({ name: 'n', labels: {}, subnet: '10.1.0.0/24', gateway: '10.1.0.1' }).then(() => docker.containers.create({ name: 'api-ann', image: 'podbridge/cargo:1', labels, networks: [{ network: 'n' }] }));
    const cargo = await docker.containers.create({ name: cargoName('ann-3f9c1a'), image: 'podbridge/cargo:1', labels: {}, networks: [{ network: 'n' }] });
    await docker.containers.start(app);
    await docker.containers.start(cargo);
    let clock = 0;
    return { docker, cargo, collector: new StatusCollector({ docker, cluster, link: 'ann-3f9c1a', owner: 'ann', allNamespaces: false, now: () => (clock += 1000) }) };
  }

  test('two looks: rates of requests and of the tunnel, and only what is ours', async () => {
    let look = 0;
    const { collector } = await make({
      status: () => ({ transport: 'docker', endpoint: '10.9.9.9:1', handshakeAgeMs: 5, echoAgeMs: 100, rttMs: [1, 3, 2], rxBytes: 1000 * ++look, txBytes: 0, mtu: 1420, forwards: [] }),
      counters: () => ({ epoch: 'e', counters: { local: 10 * look, original: 0, failed: 0 } }),
    });
    const first = await collector.sample();
    expect(first).toMatchObject({ link: { state: 'up', latencyMs: 2, receivedPerSecond: null }, bridges: [{ name: 'api-ann', container: 'api-ann', curl: "curl -H 'baggage: bridge=ann' http://" }], containers: [{ name: 'api-ann', bridge: 'shop/api-ann', cpuPercent: null, memoryBytes: 52_428_800 }] });
    expect(first.events.map(({ text }) => text)).toEqual(['created', 'pod api-1 attached on n1', 'Ready: 1 of 1 pods attached.']);
    const second = await collector.sample();
    expect(second.link.receivedPerSecond).toBeGreaterThan(0);
    expect(second.bridges[0]!.requests).toMatchObject({ local: 20, perSecond: { original: 0 } });
    expect(second.bridges[0]!.requests!.perSecond!.local).toBeGreaterThan(0);
    collector.close();
  });

  test('an older cargo or agent: no numbers, everything else', async () => {
    const { collector } = await make({
      status: () => ({ transport: 'docker', endpoint: 'e', handshakeAgeMs: null, echoAgeMs: null, rttMs: [], rxBytes: 0, txBytes: 0, mtu: 1420, forwards: [] }),
      counters: () => { throw Object.assign(new Error('no method'), { code: 'usage', message: 'no method "counters"' }); },
    });
    expect(await collector.sample()).toMatchObject({ link: { state: 'silent', latencyMs: null }, bridges: [{ requests: null }] });
    collector.close();
  });

  test('no link; a cluster that stops to answer is a problem, not the end', async () => {
    const { docker, cargo, collector } = await make({});
    await docker.containers.remove(cargo);
    expect((await collector.sample()).link.state).toBe('down');
    fails = true;
    const later = await collector.sample();
    fails = false;
    expect(later).toMatchObject({ problems: ['no answer'], bridgesKnown: false });
    expect(later.bridges.map(({ name }) => name)).toEqual(['api-ann']);
    collector.close();
  });

  test('a cluster that is out of reach from the beginning: this machine\'s side, and the rest as soon as it answers', async () => {
    const { docker } = await make({ status: () => ({ transport: 'docker', endpoint: '10.9.9.9:1', handshakeAgeMs: 5, echoAgeMs: 100, rttMs: [1], rxBytes: 0, txBytes: 0, mtu: 1420, forwards: [] }), counters: () => { throw new Error('an older one'); } });
    const unreachable = new BridgeError({ kind: 'environment', code: 'cluster-unreachable', what: 'no way to it' });
    const collector = new StatusCollector({ docker, cluster, link: 'ann-3f9c1a', owner: 'ann', allNamespaces: false, now: () => 0, unreachable });
    const first = await collector.sample();
    expect(first).toMatchObject({ bridges: [], bridgesKnown: false, containers: [{ name: 'api-ann' }] });
    expect(first.problems).toContain('no way to it');
    expect(await collector.sample()).toMatchObject({ bridges: [{ name: 'api-ann' }], bridgesKnown: true });
    collector.close();
  });
});
