/** A bridge without rules: all traffic of all replicas, any protocol, and back, without a trace on the workload. */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { deployment, echoPorts, service } from '../workloads/manifests.ts';
import { setUpLimitMs, startSuite, testLimitMs, type Suite } from './support/suite.ts';

jest.setTimeout(testLimitMs);
const namespace = 'e2e-all-traffic';
const name = 'e2e-all';
let suite: Suite;
let before: string;
let address: string;

beforeAll(async () => {
  suite = await startSuite(namespace, (image) => [deployment({ name: 'web', namespace, image, replicas: 3 }), service({ name: 'web', namespace })]);
  address = await suite.addressOf('web');
}, setUpLimitMs);
afterAll(() => suite?.end());

const http = (...more: string[]) => suite.prober.run('http', '--url', `http://${address}/`, ...more);

describe('a bridge without rules over three replicas on two nodes', () => {
  test('before, the originals answer', async () => {
    const report = await http('--count', '300');
    expect(report.byWho).toEqual({ original: 300 });
    before = await suite.state();
  });

  test('while it stands, the container answers 300 of 300 requests', async () => {
    const summary = await suite.run(name, 'local', ['--target', 'deploy/web']);
    expect(summary.pods).toHaveLength(3);
    expect(new Set(summary.pods.map(({ node }) => node)).size).toBe(Math.min(2, suite.cluster.nodes.length));
    const report = await http('--count', '300');
    expect(report).toMatchObject({ failed: 0, byWho: { local: 300 } });
    expect(report.byWho).toEqual({ local: 300 });
  });

  test.each(Object.keys(echoPorts).filter((port) => port !== 'http'))('%s arrives byte for byte', async (port) => {
    const at = `${address}:${echoPorts[port as keyof typeof echoPorts]}`;
    const probes: Record<string, string[]> = {
      grpc: ['grpc', '--address', at, '--count', '50'],
      tls: ['http', '--url', `https://${at}/`, '--count', '50'],
      banner: ['tcp', '--banner', '--address', at, '--count', '50'],
      tcp: ['tcp', '--address', at, '--bytes', '5000', '--count', '50'],
      udp: ['udp', '--new', '--address', at, '--count', '50'],
    };
    const report = await suite.prober.run(...probes[port]!);
    expect(report).toMatchObject({ total: 50, failed: 0 });
    expect(report.byWho).toEqual({ local: 50 });
  });

  test('a server that speaks first is heard at once', async () => {
    const report = await suite.prober.run('tcp', '--banner', '--address', `${address}:${echoPorts.banner}`, '--count', '100');
    expect(report.byWho).toEqual({ local: 100 });
    expect(report.lines).toContain('220 local ready');
    expect(report.p99Ms).toBeLessThan(500);
  });

  test('bodies of some megabytes go through, both ways', async () => {
    const up = await http('--method', 'POST', '--body-bytes', '5000000', '--count', '5');
    const down = await suite.prober.run('http', '--url', `http://${address}/download?bytes=20000000`, '--count', '5', '--timeout', '20s');
    expect([up.byWho, down.byWho]).toEqual([{ local: 5 }, { local: 5 }]);
  });

  test('Deployment, ReplicaSet and Pods are byte for byte what they were', async () => {
    expect(await suite.state()).toBe(before);
  });

  test('after the stop, the originals answer 300 of 300 requests, and nothing was touched', async () => {
    await suite.stop(name);
    const report = await http('--count', '300');
    expect(report.failed).toBe(0);
    expect(report.byWho).toEqual({ original: 300 });
    expect(await suite.state()).toBe(before);
  });

  test('starting and stopping loses no request', async () => {
    const fresh = await suite.prober.start('http', '--url', `http://${address}/`, '--rate', '100', '--duration', '120s');
    const kept = await suite.prober.start('http', '--url', `http://${address}/`, '--rate', '100', '--connections', '10', '--duration', '120s');
    for (let round = 0; round < 2; round++) {
      await suite.run(name, 'local', ['--target', 'deploy/web']);
      await suite.stop(name);
    }
    const [one, other] = [await fresh.stop(), await kept.stop()];
    expect({ failed: one.failed, errors: one.errors, first: one.firstError }).toEqual({ failed: 0, errors: {}, first: undefined });
    expect({ failed: other.failed, errors: other.errors, first: other.firstError }).toEqual({ failed: 0, errors: {}, first: undefined });
    expect(one.byWho.local).toBeGreaterThan(0);
  });
});
