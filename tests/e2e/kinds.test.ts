/** Pods that are not one web server: several containers, odd ports, jobs; and those that cannot be bridged at all. */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { execa } from 'execa';
import { resources, type KubeObject } from '../../cli/adapters/cluster/index.ts';
import { until } from '../support/wait.ts';
import { deployment, echoContainer, pod, service, type EchoOptions, type Manifest } from '../workloads/manifests.ts';
import { setUpLimitMs, startSuite, testLimitMs, type Suite } from './support/suite.ts';

jest.setTimeout(testLimitMs);
const namespace = 'e2e-kinds';
const name = 'e2e-kinds';
const limitMs = 60_000;
/** TCP and UDP under one number, as DNS has it. */
const shared = 9100;
const undeclared = 9200;
let suite: Suite;

/** An echo container that answers as `who`, at these ports and no others. */
const member = (image: string, who: string, ports: { http?: number; tcp?: number; udp?: number }, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  name: who, image, imagePullPolicy: 'IfNotPresent',
  env: [{ name: 'WHO', value: who }, { name: 'HTTP_PORT', value: String(ports.http ?? '') }, { name: 'TCP_PORT', value: String(ports.tcp ?? '') }, { name: 'UDP_PORT', value: String(ports.udp ?? '') }, { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } }],
  ...more,
});
const open = (...numbers: [string, number, ('TCP' | 'UDP')?][]) => ({ ports: numbers.map(([portName, containerPort, protocol = 'TCP']) => ({ name: portName, containerPort, protocol })) });
/** @param web what stands behind port 80 */
const ports = (web: number, ...numbers: [string, number, ('TCP' | 'UDP')?][]) => ({
  ports: [{ name: 'web', port: 80, targetPort: web, protocol: 'TCP' }, ...numbers.map(([portName, port, protocol = 'TCP']) => ({ name: portName, port, protocol }))],
});

function workloads(image: string): Manifest[] {
  const at = (of: string): EchoOptions => ({ name: of, namespace, image });
  return [
    // Two containers, a native sidecar, an init container.
    deployment({
      ...at('team'),
      pod: {
        initContainers: [
          { name: 'first', image, imagePullPolicy: 'IfNotPresent', command: ['/echo', 'certificate', 'first'] },
          member(image, 'sidecar', { http: 8300 }, { restartPolicy: 'Always', ...open(['sidecar', 8300]) }),
        ],
        containers: [member(image, 'one', { http: 8100 }, open(['one', 8100])), member(image, 'two', { http: 8200 }, open(['two', 8200]))],
      },
    }),
    service(at('team'), ports(8100, ['one', 8100], ['two', 8200], ['sidecar', 8300])),
    // Listens at the pod's address and nowhere else; one port under two protocols, and one that is declared nowhere.
    deployment({
      ...at('odd'),
      pod: { containers: [member(image, 'original', { http: undeclared, tcp: shared, udp: shared }, { command: ['/echo'], ...open(['lines', shared], ['datagrams', shared, 'UDP']) })].map((container) => ({ ...container, env: [...container['env'] as object[], { name: 'BIND', value: '$(POD_IP)' }] })) },
    }),
    service(at('odd'), ports(undeclared, ['lines', shared], ['datagrams', shared, 'UDP'], ['undeclared', undeclared])),
    {
      apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'task', namespace },
      spec: { backoffLimit: 0, template: { metadata: { labels: { app: 'task' } }, spec: { restartPolicy: 'Never', terminationGracePeriodSeconds: 1, containers: [echoContainer({ ...at('task'), env: [] })] } } },
    },
    service(at('task'), ports(8080, ['http', 8080])),
    pod({ ...at('on-node'), pod: { hostNetwork: true, containers: [member(image, 'on-node', { http: 18_765 })] } }),
    pod({ ...at('over'), pod: { restartPolicy: 'Never', containers: [{ name: 'echo', image, imagePullPolicy: 'IfNotPresent', command: ['/echo', 'certificate', 'over'] }] } }),
    deployment({ ...at('windows'), replicas: 1, pod: { nodeSelector: { 'kubernetes.io/os': 'windows' } } }),
  ];
}

beforeAll(async () => {
  suite = await startSuite(namespace, (image) => workloads(image).filter(({ metadata }) => !['over', 'windows'].includes(metadata.name)));
  for (const manifest of workloads(suite.image).filter(({ metadata }) => ['over', 'windows'].includes(metadata.name))) await suite.kube.apply(manifest as never, { fieldManager: 'podbridge-test' });
  await until('the end of one pod', async () => ((await suite.kube.get<KubeObject & { status: { phase: string } }>(resources.Pod, 'over', namespace)).status.phase === 'Succeeded' ? true : undefined), limitMs);
}, setUpLimitMs);
afterAll(() => suite?.end());

const answers = async (at: string): Promise<string[]> => Object.keys((await suite.prober.run('http', '--url', `http://${at}/`, '--count', '10')).byWho);

describe('a pod with two containers, a native sidecar and an init container', () => {
  test('each container has a bridge of its own; the others answer for themselves, and nothing is restarted', async () => {
    const address = await suite.addressOf('team');
    const before = await suite.state();
    const here = (of: string, port: number) => suite.run(`${name}-${of}`, `local-${of}`, ['--target', 'deploy/team', '--container', of, '-e', `HTTP_PORT=${port}`]);
    await here('one', 8100);
    expect([await answers(`${address}:8100`), await answers(`${address}:8200`), await answers(`${address}:8300`)]).toEqual([['local-one'], ['two'], ['sidecar']]);
    await here('two', 8200);
    expect([await answers(`${address}:8100`), await answers(`${address}:8200`), await answers(`${address}:8300`)]).toEqual([['local-one'], ['local-two'], ['sidecar']]);
    await suite.stop(`${name}-one`);
    expect([await answers(`${address}:8100`), await answers(`${address}:8200`)]).toEqual([['one'], ['local-two']]);
    // The sidecar is a container like the others.
    await here('sidecar', 8300);
    expect([await answers(`${address}:8200`), await answers(`${address}:8300`)]).toEqual([['local-two'], ['local-sidecar']]);
    await suite.stop(`${name}-two`);
    await suite.stop(`${name}-sidecar`);
    expect(await suite.state()).toBe(before);
  });
});

describe('ports', () => {
  const probe = async (address: string) => ({
    tcp: (await suite.prober.run('tcp', '--address', `${address}:${shared}`, '--count', '10')).byWho,
    udp: (await suite.prober.run('udp', '--new', '--address', `${address}:${shared}`, '--count', '10')).byWho,
    undeclared: (await suite.prober.run('http', '--url', `http://${address}:${undeclared}/`, '--count', '10')).byWho,
  });
  const all = (who: string) => ({ tcp: { [who]: 10 }, udp: { [who]: 10 }, undeclared: { [who]: 10 } });

  test('one number under TCP and UDP, one that is declared nowhere, of a program that listens at the pod\'s address only', async () => {
    const address = await suite.addressOf('odd');
    expect(await probe(address)).toEqual(all('original'));
    // The environment has BIND, an address that is not the container's.
    await suite.run(name, 'local', ['--target', 'deploy/odd', '--port', 'lines', '--port', 'datagrams', '--port', String(undeclared), '-e', 'BIND=']);
    expect(await probe(address)).toEqual(all('local'));
    await suite.stop(name);
    expect(await probe(address)).toEqual(all('original'));
  });

  test('with a rule, the others still reach the program at the pod\'s address', async () => {
    await suite.run(name, 'local', ['--target', 'deploy/odd', '--port', String(undeclared), '-e', 'BIND=', '--header', 'x-bridge=me']);
    const report = await suite.prober.run('http', '--url', `http://${await suite.addressOf('odd')}:${undeclared}/`, '--alternate', 'x-bridge: me', '--count', '20');
    expect(report.byKind).toEqual({ plain: { original: 10 }, alternate: { local: 10 } });
    await suite.stop(name);
  });
});

test('a Job', async () => {
  const address = await suite.addressOf('task');
  await suite.run(name, 'local', ['--target', 'job/task', '--port', 'http']);
  expect(await answers(`${address}:8080`)).toEqual(['local']);
  await suite.stop(name);
  expect(await answers(`${address}:8080`)).toEqual(['original']);
});

describe('what cannot be bridged is refused with the reason, before anything is made', () => {
  test.each([
    ['pod/on-node', /use their node's network \(hostNetwork\)/], ['pod/over', /has ended \(Succeeded\)/], ['deploy/windows', /run on windows/],
  ])('%s', async (target, reason) => {
    const { exitCode, stderr } = await suite.bridge(['run', '-d', '--name', name, '--image', suite.image, '--target', target, '--port', '8080', '--egress', 'pod']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: expect.stringMatching(reason) });
    expect((await execa('docker', ['ps', '--all', '--quiet', '--filter', `name=^${name}$`])).stdout).toBe('');
  });
});
