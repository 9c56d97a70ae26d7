/** Namespaces where everything is denied that no NetworkPolicy allows: the shipped policies are enough for bridges, and what is documented is enough for the rest. */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { execa } from 'execa';
import { systemNamespace } from '../../protocol/names.ts';
import { resourceFor } from '../../cli/adapters/cluster/index.ts';
import { enforcePolicies, type Enforcement } from '../support/network-policies.ts';
import { runningPods } from '../support/nodes.ts';
import { until } from '../support/wait.ts';
import { deployment, pod, service, type Manifest } from '../workloads/manifests.ts';
import { setUpLimitMs, startSuite, testLimitMs, type Suite } from './support/suite.ts';

jest.setTimeout(testLimitMs);
const namespace = 'e2e-network-policy';
const name = 'e2e-policed';
const inForceLimitMs = 30_000;
let suite: Suite;
let enforcement: Enforcement;
let address: string;

const policy = (policyName: string, spec: object): Manifest => ({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name: policyName, namespace }, spec });
/** What such a namespace has of its own: only the prober may speak, and only to web. */
const own: Manifest[] = [
  policy('default-deny', { podSelector: {}, policyTypes: ['Ingress', 'Egress'] }),
  policy('to-web', { podSelector: { matchLabels: { app: 'web' } }, policyTypes: ['Ingress'], ingress: [{ from: [{ podSelector: { matchLabels: { app: 'prober' } } }] }] }),
  policy('from-prober', { podSelector: { matchLabels: { app: 'prober' } }, policyTypes: ['Egress'], egress: [{}] }),
];
/** As docs/security.md says. */
const documented: Manifest[] = [
  policy('podbridge-udp', { podSelector: {}, policyTypes: ['Egress'], egress: [{ to: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': systemNamespace } } }], ports: [{ protocol: 'UDP', port: 20_000, endPort: 29_999 }] }] }),
  policy('podbridge-container', { podSelector: {}, policyTypes: ['Ingress'], ingress: [{ from: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': systemNamespace } }, podSelector: { matchLabels: { 'app.kubernetes.io/component': 'hub' } } }] }] }),
];
const apply = async (manifests: Manifest[]): Promise<void> => { for (const manifest of manifests) await suite.kube.apply(manifest, { fieldManager: 'podbridge-test' }); };

beforeAll(async () => {
  suite = await startSuite(namespace, (image) => [deployment({ name: 'web', namespace, image, replicas: 2 }), service({ name: 'web', namespace }), pod({ name: 'stranger', namespace, image })]);
  address = await suite.addressOf('web');

  await apply(own);
  enforcement = await enforcePolicies(suite.kube, [namespace, systemNamespace], suite.cluster.nodes);
}, setUpLimitMs);
afterAll(async () => {
  await suite?.bridge(['stop', name]);
  await enforcement?.stop();
  await suite?.end();
}, setUpLimitMs);

/** From a pod that no policy allows anything. */
async function fromContainer(url: string): Promise<string> {
  const { stdout } = await execa('docker', ['exec', name, '/echo', 'client', 'http', '--url', url, '--count', '1', '--timeout', '3s'], { reject: false });
  return stdout;
}

test('the policies are in force: who is not allowed to is not answered', async () => {
  const [hub] = await runningPods(suite.kube, systemNamespace, 'app.kubernetes.io/component=hub');
  const answered = await suite.prober.run('http', '--url', `http://${address}/`, '--count', '10');
  expect(answered.byWho).toEqual({ original: 10 });
  const [stranger] = await runningPods(suite.kube, namespace, 'app=stranger');
  for (const url of [`http://${stranger!.status.podIP}:8080/`, `http://${hub!.status.podIP}:7081/healthz`]) {
    expect((await suite.prober.run('http', '--url', url, '--count', '1', '--timeout', '2s')).errors).toEqual({ timeout: 1 });
  }
});

test.each([['without rules', []], ['with a rule', ['--path-prefix', '/']]])('a bridge %s takes every request, with the environment of the pod', async (_, rule) => {
  await suite.run(name, 'local', ['--target', 'deploy/web', '--port', 'http', ...rule]);
  await until('the container answers', async () => ((await suite.prober.run('http', '--url', `http://${address}/`, '--count', '30')).byWho.local === 30 ? true : undefined), inForceLimitMs);
  expect((await suite.prober.run('http', '--url', `http://${address}/`, '--rate', '50', '--count', '200'))).toMatchObject({ failed: 0, byWho: { local: 200 } });
  expect((await execa('docker', ['inspect', '--format', '{{json .Config.Env}}', name])).stdout).toContain('GRPC_PORT=50051');
  await suite.stop(name);
  expect((await suite.prober.run('http', '--url', `http://${address}/`, '--count', '30')).byWho).toEqual({ original: 30 });
});

test('what the pod itself would have to be allowed is denied, until the documented policies are there: the container\'s own requests, and bridged UDP', async () => {
  await suite.run(name, 'local', ['--target', 'deploy/web', '--port', 'http', '--port', 'udp']);
  const [stranger] = await runningPods(suite.kube, namespace, 'app=stranger');
  const udp = async (): Promise<Record<string, number>> => (await suite.prober.run('udp', '--address', `${address}:9001`, '--count', '5', '--timeout', '1s')).byWho;
  const url = `http://${stranger!.status.podIP}:8080/`;
  expect(await fromContainer(url)).toContain('"timeout":1');
  expect(await udp()).toEqual({});
  await apply(documented);
  await until('the container is answered', async () => ((await fromContainer(url)).includes('"original":1') ? true : undefined), inForceLimitMs);
  await until('UDP arrives', async () => ((await udp()).local === 5 ? true : undefined), inForceLimitMs);
  for (const manifest of documented) await suite.kube.delete(resourceFor(manifest)!, manifest.metadata.name, { namespace });
});
