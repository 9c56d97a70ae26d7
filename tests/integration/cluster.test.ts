/** What podbridge takes for granted of a cluster, checked on the one that the tests run on. */
import { createSocket } from 'node:dgram';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { execa, type Result } from 'execa';
import { ensureBusyboxImage, ensureCluster, kubectlFor, loadImages, silent, type Cluster } from '../cluster/index.ts';
import { until } from '../support/wait.ts';
import { ensureEchoImage } from '../workloads/echo-image.ts';
import { echoContainer, echoPorts } from '../workloads/manifests.ts';

const namespace = `smoke-${process.pid}`;
const setUpLimitMs = 20 * 60_000;
const testLimitMs = 120_000;
const soonMs = 20_000;

let cluster: Cluster;
let kubectlPath: string;

const kubectl = (args: string[], options: { input?: string; reject?: boolean; timeout?: number } = {}): Promise<Result> =>
  execa(kubectlPath, ['--kubeconfig', cluster.kubeconfigPath, '--namespace', namespace, ...args], options);
const kubectlText = async (...args: string[]): Promise<string> => (await kubectl(args)).stdout as string;
const execIn = (pod: string, ...command: string[]): Promise<Result> => kubectl(['exec', pod, '--', ...command], { reject: false, timeout: soonMs });
/** The page a pod gets from a URL; undefined as long as it gets none. */
const fetchIn = async (pod: string, url: string): Promise<string | undefined> => {
  const got = await execIn(pod, 'wget', '-q', '-T', '2', '-O', '-', url);
  return got.failed ? undefined : (got.stdout as string).trim();
};

/** Two pods with a web server, on two nodes where there are two. */
const manifests = (images: { busybox: string; echo: string }): object[] => [
  { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'page' }, data: { text: 'first' } },
  {
    apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name: 'web' },
    spec: {
      replicas: 2, serviceName: 'web-pods', podManagementPolicy: 'Parallel', selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: {
          terminationGracePeriodSeconds: 0,
          topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'DoNotSchedule', labelSelector: { matchLabels: { app: 'web' } } }],
          containers: [{
            name: 'web', image: images.busybox, imagePullPolicy: 'Never',
            command: ['sh', '-c', 'mkdir /www && hostname >/www/index.html && echo "serving as $(hostname)" && exec httpd -f -p 8080 -h /www'],
            readinessProbe: { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 },
            volumeMounts: [{ name: 'page', mountPath: '/page' }, { name: 'host', mountPath: '/host' }],
          }],
          volumes: [{ name: 'page', configMap: { name: 'page' } }, { name: 'host', hostPath: { path: `/var/tmp/${namespace}`, type: 'DirectoryOrCreate' } }],
        },
      },
    },
  },
  { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] } },
  { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web-pods' }, spec: { clusterIP: 'None', selector: { app: 'web' }, ports: [{ port: 8080 }] } },
  {
    apiVersion: 'v1', kind: 'Pod', metadata: { name: 'echo', labels: { app: 'echo' } },
    spec: { terminationGracePeriodSeconds: 0, containers: [echoContainer({ name: 'echo', namespace, image: images.echo })] },
  },
  { apiVersion: 'v1', kind: 'Service', metadata: { name: 'echo' }, spec: { type: 'NodePort', selector: { app: 'echo' }, ports: [{ port: 9001, targetPort: echoPorts.udp, protocol: 'UDP' }] } },
];

beforeAll(async () => {
  cluster = await ensureCluster();
  kubectlPath = await kubectlFor(cluster);
  const images = { busybox: await ensureBusyboxImage(), echo: await ensureEchoImage() };
  await loadImages(cluster, Object.values(images));
  await execa(kubectlPath, ['--kubeconfig', cluster.kubeconfigPath, 'create', 'namespace', namespace]);
  const items = manifests(images);
  await kubectl(['apply', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) });
  await kubectl(['rollout', 'status', 'statefulset/web', '--timeout=90s']);
  await kubectl(['wait', '--for=condition=Ready', 'pod/echo', '--timeout=60s']);
}, setUpLimitMs);

afterAll(async () => {
  if (kubectlPath) await execa(kubectlPath, ['--kubeconfig', cluster.kubeconfigPath, 'delete', 'namespace', namespace, '--ignore-not-found']);
}, testLimitMs);

describe('the cluster', () => {
  test('has ready nodes, and spreads pods over them', async () => {
    const nodes = (await kubectlText('get', 'nodes', '--output', 'jsonpath={range .items[*]}{.metadata.name}={.status.conditions[?(@.type=="Ready")].status} {end}')).trim().split(' ');
    expect(nodes.sort()).toEqual(cluster.nodes.map((node) => `${node}=True`).sort());
    const used = new Set((await kubectlText('get', 'pods', '--selector', 'app=web', '--output', 'jsonpath={.items[*].spec.nodeName}')).split(' '));
    expect(used.size).toBe(Math.min(2, cluster.nodes.length));
  }, testLimitMs);

  test('offers the kinds that podbridge builds on', async () => {
    const kinds = await kubectlText('api-resources', '--output', 'name');
    for (const kind of ['validatingadmissionpolicies.admissionregistration.k8s.io', 'servicecidrs.networking.k8s.io', 'customresourcedefinitions.apiextensions.k8s.io', 'leases.coordination.k8s.io']) {
      expect(kinds.split('\n')).toContain(kind);
    }
  }, testLimitMs);

  test('connects pods of every node with each other by address', async () => {
    const addresses = (await kubectlText('get', 'pods', '--selector', 'app=web', '--output', 'jsonpath={range .items[*]}{.metadata.name}={.status.podIP} {end}')).trim().split(' ').map((pair) => pair.split('='));
    for (const from of ['web-0', 'web-1']) {
      for (const [name, address] of addresses) expect(await fetchIn(from, `http://${address}:8080/`)).toBe(name);
    }
  }, testLimitMs);

  test('connects pods with Services by address, over both endpoints', async () => {
    const address = await kubectlText('get', 'service', 'web', '--output', 'jsonpath={.spec.clusterIP}');
    for (const from of ['web-0', 'web-1']) {
      const answered = new Set<string>();
      await until(`answers of both pods to ${from}`, async () => {
        const page = await fetchIn(from, `http://${address}/`);
        if (page !== undefined) answered.add(page);
        return answered.size === 2 || undefined;
      }, soonMs);
      expect([...answered].sort()).toEqual(['web-0', 'web-1']);
    }
  }, testLimitMs);

  test.each([
    ['a service', 'web'],
    ['a service and its namespace', `web.${namespace}`],
    ['a full service name', `web.${namespace}.svc.cluster.local`],
    ['a pod of a headless service', 'web-1.web-pods:8080'],
    ['the full name of such a pod', `web-1.web-pods.${namespace}.svc.cluster.local:8080`],
  ])('resolves %s', async (_what, host) => {
    for (const from of ['web-0', 'web-1']) {
      const page = await until(`${host} from ${from}`, () => fetchIn(from, `http://${host}/`), soonMs);
      if (host.startsWith('web-1')) expect(page).toBe('web-1');
      else expect(['web-0', 'web-1']).toContain(page);
    }
  }, testLimitMs);

  test('answers quickly for public names, whether or not this machine has a resolver', async () => {
    for (const name of ['no-such-name.invalid', 'no-such-host.podbridge.dev']) {
      const start = performance.now();
      const asked = await execIn('web-0', 'nslookup', `${name}.`);
      expect(`${asked.stdout as string}${asked.stderr as string}`).toMatch(/NXDOMAIN|SERVFAIL|REFUSED|No answer|Non-authoritative/);
      expect(performance.now() - start).toBeLessThan(3_000);
    }
  }, testLimitMs);

  test('runs commands in pods, with their input, output and exit code', async () => {
    const ran = await kubectl(['exec', '--stdin', 'web-0', '--', 'sh', '-c', 'cat; echo two >&2; exit 7'], { input: 'one', reject: false });
    expect(ran.stdout).toBe('one');
    expect(ran.stderr).toContain('two');
    expect(ran.exitCode).toBe(7);
  }, testLimitMs);

  test('gives the logs of pods on every node', async () => {
    for (const pod of ['web-0', 'web-1']) expect(await kubectlText('logs', pod)).toBe(`serving as ${pod}`);
  }, testLimitMs);

  test.each(['web-0', 'web-1'])('forwards a port to %s', async (pod) => {
    const forward = execa(kubectlPath, ['--kubeconfig', cluster.kubeconfigPath, '--namespace', namespace, 'port-forward', `pod/${pod}`, ':8080'], { reject: false });
    try {
      const port = await forwardedPort(forward.stdout);
      const answer = await fetch(`http://127.0.0.1:${port}/`);
      expect((await answer.text()).trim()).toBe(pod);
    } finally {
      forward.kill();
      await forward;
    }
  }, testLimitMs);

  test('lets a changed ConfigMap reach pods that run', async () => {
    const read = async (pod: string): Promise<string> => (await execIn(pod, 'cat', '/page/text')).stdout as string;
    expect(await read('web-0')).toBe('first');
    await kubectl(['patch', 'configmap', 'page', '--patch', '{"data":{"text":"second"}}']);
    for (const pod of ['web-0', 'web-1']) {
      await until(`the new text in ${pod}`, async () => await read(pod) === 'second' || undefined, 100_000);
    }
  }, testLimitMs);

  test('has volumes on the node', async () => {
    await execIn('web-0', 'sh', '-c', 'echo kept >/host/file');
    await kubectl(['delete', 'pod', 'web-0']);
    await kubectl(['rollout', 'status', 'statefulset/web', '--timeout=60s']);
    const [before, after] = [await kubectlText('get', 'pod', 'web-0', '--output', 'jsonpath={.spec.nodeName}'), await execIn('web-0', 'cat', '/host/file')];
    expect(before).not.toBe('');
    expect(after.stdout).toBe('kept');
  }, testLimitMs);

  test('carries UDP through a NodePort of every node', async () => {
    const port = Number(await kubectlText('get', 'service', 'echo', '--output', 'jsonpath={.spec.ports[0].nodePort}'));
    const addresses = (await kubectlText('get', 'nodes', '--output', 'jsonpath={.items[*].status.addresses[?(@.type=="InternalIP")].address}')).split(' ');
    expect(addresses).toHaveLength(cluster.nodes.length);
    for (const address of addresses) {
      await until(`an answer from ${address}:${port}`, () => askByUdp(address, port, 'ping'), soonMs);
    }
  }, testLimitMs);

  test('is found again by the next one who needs it', async () => {
    const again = await ensureCluster({ progress: silent });
    expect(again).toEqual(cluster);
  }, testLimitMs);
});

/** The port that `kubectl port-forward` says it listens on. */
function forwardedPort(stdout: Readable): Promise<string> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('kubectl port-forward did not say that it forwards')), soonMs);
    createInterface(stdout).on('line', (line) => {
      const port = /^Forwarding from 127\.0\.0\.1:(\d+)/.exec(line)?.[1];
      if (port === undefined) return;
      clearTimeout(timer);
      resolve(port);
    });
  });
}

/** The answer to one datagram; undefined if none comes. */
function askByUdp(address: string, port: number, text: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    const finish = (answer: string | undefined): void => {
      clearTimeout(timer);
      socket.close();
      resolve(answer);
    };
    const timer = setTimeout(() => finish(undefined), 1_000);
    socket.once('message', (message) => finish(message.toString()));
    socket.once('error', () => finish(undefined));
    socket.send(text, port, address);
  });
}
