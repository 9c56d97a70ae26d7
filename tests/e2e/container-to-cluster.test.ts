/** What the container sees of the cluster: names, Services, pods, and the world outside. */
import { lookup } from 'node:dns/promises';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { execa } from 'execa';
import { resources, type KubeObject } from '../../cli/adapters/cluster/index.ts';
import type { Report } from '../support/prober.ts';
import { deployment, echoPorts, service, statefulSet } from '../workloads/manifests.ts';
import { setUpLimitMs, startSuite, testLimitMs, type Suite } from './support/suite.ts';

jest.setTimeout(testLimitMs);
const namespace = 'e2e-outbound';
const name = 'e2e-outbound';
let suite: Suite;
let podAddress: string;

beforeAll(async () => {
  suite = await startSuite(namespace, (image) => [
    deployment({ name: 'web', namespace, image }), service({ name: 'web', namespace }),
    deployment({ name: 'other', namespace, image, env: [{ name: 'WHO', value: 'other' }, { name: 'BANNER_PORT', value: '2525' }, { name: 'TCP_PORT', value: '9000' }, { name: 'UDP_PORT', value: '9001' }, { name: 'GRPC_PORT', value: '50051' }] }),
    service({ name: 'other', namespace }),
    ...statefulSet({ name: 'set', namespace, image, replicas: 2 }),
  ]);
  const pods = await suite.kube.list<KubeObject & { status: { podIP: string } }>(resources.Pod, { namespace, labelSelector: 'app=other' });
  podAddress = pods.items[0]!.status.podIP;
  await suite.run(name, 'local', ['--target', 'deploy/web']);
}, setUpLimitMs);
afterAll(() => suite?.end());

/** Runs the client of the container's own image inside the container. */
async function inside(...args: string[]): Promise<Report> {
  const { stdout } = await execa('docker', ['exec', name, '/echo', 'client', ...args]);
  return JSON.parse(stdout) as Report;
}

const resolved = ({ lines }: Report): string[] => (lines ?? []).flatMap((line) => line.split(' ').slice(1).filter((address) => /^[0-9.]+$/.test(address)));

describe('from the container', () => {
  test.each(['other', `other.${namespace}`, `other.${namespace}.svc`, `other.${namespace}.svc.cluster.local`, `other.${namespace}.svc.cluster.local.`])('%s resolves', async (host) => {
    const report = await inside('dns', host);
    expect(report.failed).toBe(0);
    expect(resolved(report)).toEqual([await suite.addressOf('other')]);
  });

  test('kubernetes.default and names of the pods of a headless Service resolve', async () => {
    const report = await inside('dns', 'kubernetes.default', 'set-0.set', `set-1.set.${namespace}`);
    expect(report.failed).toBe(0);
    expect(new Set(resolved(report)).size).toBe(3);
  });

  test('public names resolve as on this machine, and fast', async () => {
    const host = 'deb.debian.org';
    const here = await lookup(host, { family: 4, all: true });
    const report = await inside('dns', host);
    expect(report).toMatchObject({ failed: 0 });
    expect(here.map(({ address }) => address)).toEqual(expect.arrayContaining(resolved(report).slice(0, 1)));
    expect(report.maxMs).toBeLessThan(2000);
  });

  test('a name that does not exist is told so at once', async () => {
    const report = await inside('dns', 'no-such-service');
    expect(report).toMatchObject({ total: 1, failed: 1 });
    expect(report.firstError).toMatch(/no such host/);
    expect(report.errors.timeout).toBeUndefined();
  });

  test('Services answer: HTTP, gRPC, a server that speaks first', async () => {
    const http = await inside('http', '--url', 'http://other/', '--count', '200');
    const grpc = await inside('grpc', '--address', `other:${echoPorts.grpc}`, '--count', '50');
    const banner = await inside('tcp', '--banner', '--address', `other:${echoPorts.banner}`, '--count', '20');
    expect([http.byWho, grpc.byWho, banner.byWho]).toEqual([{ other: 200 }, { other: 50 }, { other: 20 }]);
  });

  test('pods answer at their own addresses: TCP and UDP', async () => {
    const tcp = await inside('tcp', '--address', `${podAddress}:${echoPorts.tcp}`, '--count', '20');
    const udp = await inside('udp', '--address', `${podAddress}:${echoPorts.udp}`, '--count', '50');
    expect([tcp.byWho, udp.byWho]).toEqual([{ other: 20 }, { other: 50 }]);
  });

  test('UDP reaches Services', async () => {
    const udp = await inside('udp', '--new', '--address', `${await suite.addressOf('other')}:${echoPorts.udp}`, '--count', '50');
    expect(udp.byWho).toEqual({ other: 50 });
  });

  test('large downloads and uploads go through', async () => {
    const down = await inside('http', '--url', 'http://other/download?bytes=50000000', '--count', '2', '--timeout', '30s');
    const up = await inside('http', '--url', 'http://other/', '--method', 'POST', '--body-bytes', '10000000', '--count', '2', '--timeout', '30s');
    expect([down.byWho, up.byWho]).toEqual([{ other: 2 }, { other: 2 }]);
  });
});

test('a container without a target stands in the cluster network with the DNS of its namespace', async () => {
  const alone = 'e2e-outbound-alone';
  const summary = await suite.run(alone, 'alone', []);
  expect(summary).toMatchObject({ bridge: null, target: null });
  const { stdout } = await execa('docker', ['exec', alone, '/echo', 'client', 'http', '--url', 'http://other/', '--count', '10']);
  expect((JSON.parse(stdout) as Report).byWho).toEqual({ other: 10 });
  await suite.stop(alone);
});
