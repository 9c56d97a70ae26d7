/** Faults that cannot be planted on the machine and the cluster of the tests: other Dockers, other versions, agents that are half there. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { Docker, DockerInfo } from '../../../cli/adapters/docker/index.ts';
import { bridgesCheck } from '../../../cli/doctor/checks/bridges.ts';
import { versionCheck } from '../../../cli/doctor/checks/cluster-side.ts';
import { diskCheck } from '../../../cli/doctor/checks/disk.ts';
import { dockerCheck } from '../../../cli/doctor/checks/docker.ts';
import { limitsCheck } from '../../../cli/doctor/checks/limits.ts';
import { overlapCheck } from '../../../cli/doctor/checks/overlap.ts';
import { mtuFinding } from '../../../cli/doctor/checks/path.ts';
import { BridgeError } from '../../../cli/errors.ts';
import type { DoctorContext } from '../../../cli/doctor/check.ts';
import type { Finding } from '../../../cli/doctor/finding.ts';
import { networkName } from '../../../cli/link/link-name.ts';
import type { StatusBridge } from '../../../cli/status/snapshot.ts';
import { fakeHost } from '../cli/fake-host.ts';
import { fakeCluster } from '../support/fake-cluster.ts';
import { fakeDocker } from '../support/fake-docker.ts';

const codes = (findings: Finding[]): string[] => findings.map(({ code, severity }) => `${code} ${severity}`);
const context = (parts: object): DoctorContext => ({ host: fakeHost(), ...parts }) as unknown as DoctorContext;

describe('Docker', () => {
  const docker = (info: Partial<DockerInfo>, url = 'unix:///var/run/docker.sock') => {
    const fake = fakeDocker();
    return context({ docker: async () => Object.assign(fake, { endpoint: { url, source: 'default' }, info: async () => ({ ...await fakeDocker().info(), ...info }) }) as Docker });
  };
  test.each([
    [{ operatingSystem: 'Docker Desktop' }, undefined, 'docker-desktop info'], [{}, 'unix:///home/ann/.colima/default/docker.sock', 'docker-colima info'], [{ rootless: true }, undefined, 'docker-rootless info'],
    [{}, 'tcp://10.0.0.9:2376', 'docker-remote warning'], [{}, 'ssh://ann@build', 'docker-remote warning'],
  ])('%j at %s', async (info, url, expected) => {
    expect(codes(await dockerCheck.run(docker(info, url)))).toEqual(['docker-answers ok', expected]);
  });
  test('too old', async () => expect(codes(await dockerCheck.run(docker({ serverVersion: '19.03.15' })))).toEqual(['docker-too-old error']));
  // A file system without a free block.
  test('a full disk', async () => expect(codes(await diskCheck.run(docker({ rootDirectory: '/proc' })))).toEqual(['disk-low error']));
});

test('packets of an interface', () => {
  expect(codes([mtuFinding('eth0', 1500), mtuFinding('eth0', 1400)])).toEqual(['mtu ok', 'mtu-small info']);
  expect(mtuFinding('eth0', 1400)).toMatchObject({ what: 'the interface eth0, over which this machine reaches others, takes packets of at most 1400 bytes', fix: expect.stringMatching(/^nothing, as long as packets of full size pass/) });
});

test('a cluster that is too old', async () => {
  const cluster = Object.assign(fakeCluster(), { serverVersion: async () => 'v1.29.9' });
  expect(codes(await versionCheck.run(context({ cluster: async () => cluster })))).toEqual(['kubernetes-too-old error']);
});

test('limits of the namespace are those that a refused dry run tells', async () => {
  const told = (why?: string) => limitsCheck.run(context({
    namespace: async () => 'shop', cluster: async () => fakeCluster({ onWrite: () => { if (why !== undefined) throw new BridgeError({ kind: 'refused', code: 'cluster-denied', what: 'no', why, next: '' }); } }),
  }));
  expect([codes(await told()), codes(await told('policy-probe 0a: ')), codes(await told('another policy'))]).toEqual([[], [], []]);
  const findings = await told('policy-probe 0a: require-rule=true | forbidden-targets=deploy/we*');
  expect(codes(findings)).toEqual(['namespace-policy ok', 'policy-unreadable error']);
  expect(findings.map(({ what }) => what)).toEqual(['limits of namespace shop: podbridge.dev/require-rule=true; podbridge.dev/forbidden-targets=deploy/we*', 'namespace shop has the annotation podbridge.dev/forbidden-targets=deploy/we*, which is not understood']);
});

test("ranges that the cluster got after the link's network was made", async () => {
  const docker = fakeDocker();
  await docker.networks.create({ name: networkName('ann-1'), labels: {}, subnet: '10.87.200.0/24', gateway: '10.87.200.1' });
  const client = async () => ({ status: { cluster: { ranges: ['10.87.0.0/16'] } } });
  expect(codes(await overlapCheck.run(context({ docker: async () => docker, link: async () => ({ name: 'ann-1' }), client })))).toContain('link-overlaps-cluster error');
});

describe('a bridge', () => {
  const bridge = (changes: Partial<StatusBridge>): StatusBridge => ({
    namespace: 'shop', name: 'api-ann', target: { kind: 'Deployment', name: 'api', container: 'api' }, ports: [{ port: 8080, protocol: 'TCP', local: 8080 }], rules: [], mode: 'steal', delayMs: null, fault: null, phase: 'Ready', reason: 'PodsAttached', message: 'm',
    pods: [{ name: 'api-1', node: 'n', ready: true, serving: true, message: null }], desiredPods: 1, serving: true, requests: null, container: null, created: null, curl: null, ...changes,
  });
  const examine = (changes: Partial<StatusBridge>, more: object = {}) => bridgesCheck.run(context({ docker: async () => fakeDocker(), status: async () => ({ link: { state: 'silent' }, bridges: [bridge(changes)] }), bridges: async () => [], ...more }));

  test.each([
    [{ phase: 'Failed' }, 'bridge-failed error'], [{ phase: 'Suspended' }, 'bridge-suspended error'], [{ desiredPods: 0, pods: [] }, 'bridge-no-pods warning'],
    [{ pods: [{ name: 'api-1', node: 'n', ready: false, serving: null, message: 'no nft_tproxy' }] }, 'pod-not-attached error'],
    [{ rules: [{ mark: 'ann' }], requests: { local: 0, original: 30, failed: 0, perSecond: null }, curl: "curl -H 'baggage: bridge=ann' http://" }, 'no-request-matched info'],
  ])('%j', async (changes, expected) => expect(codes(await examine(changes))).toEqual([expected]));

  test.each([[{ entered: false, ports: [] }, 'rules-missing error'], [{ entered: true, ports: [{ port: 8080, protocol: 'TCP', rule: true, listener: false }] }, 'listener-missing error']])('whose agent says %j', async (answer, expected) => {
    const object = { metadata: { namespace: 'shop', name: 'api-ann' }, spec: { ports: [{}] }, status: { pods: [{ name: 'api-1', ready: true, agent: '10.1.1.1' }] } };
    const control = async () => ({ call: async () => ({ pods: [{ pod: 'api-1', ...answer }] }) });
    expect(codes(await examine({}, { status: async () => ({ link: { state: 'up' }, bridges: [bridge({})] }), bridges: async () => [object], control }))).toEqual([expected]);
  });
});

test('every code that a check can give is in a test', () => {
  const root = join(import.meta.dirname, '..', '..', '..');
  const read = (pattern: string): string => globSync(pattern, { cwd: root }).map((file) => readFileSync(join(root, file), 'utf8')).join('\n');
  const source = read('cli/doctor/{checks/*,doctor}.ts');
  const given = new Set([...source.matchAll(/code: (?:\w+(?:\.\w+)*(?:\(\w+\))? \? )?'([a-z-]+)'(?: : '([a-z-]+)')?|\bok\((?:[^'()]* \? )?'([a-z-]+)'(?: : '([a-z-]+)')?/g)].flatMap(([, ...found]) => found.filter((code) => code !== undefined)));
  expect(given.size).toBeGreaterThan(50);
  const tests = read('tests/{unit/doctor,e2e}/*.ts');
  expect([...given].filter((code) => !new RegExp(`['" ]${code}['" ]`).test(tests))).toEqual([]);
});
