/** `bridge doctor` on the real cluster: faults are planted, and each is named with its repair; then everything is well again. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { execa } from 'execa';
import { resources, type KubeObject } from '../../cli/adapters/cluster/index.ts';
import type { FoundBy } from '../../cli/doctor/finding.ts';
import type { StatusSnapshot } from '../../cli/status/snapshot.ts';
import { names, systemNamespace } from '../../protocol/names.ts';
import type { Client } from '../../protocol/objects.ts';
import { bridge, bridgeOk, type BridgeOptions } from '../support/bridge-command.ts';
import { applyAll } from '../support/namespace.ts';
import { grant, makeUser } from '../support/user.ts';
import { until } from '../support/wait.ts';
import { deployment, service } from '../workloads/manifests.ts';
import { setUpLimitMs, startSuite, testLimitMs, type Suite } from './support/suite.ts';

jest.setTimeout(testLimitMs);
const namespace = 'e2e-doctor';
const name = 'e2e-doctor';
const patienceMs = 60_000;
let suite: Suite;
let cargo: string;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'podbridge-doctor-'));
  suite = await startSuite(namespace, (image) => [deployment({ name: 'web', namespace, image, replicas: 2 }), service({ name: 'web', namespace })]);
  await suite.run(name, 'local', ['--target', 'deploy/web', '--port', 'http', '--header', 'x-developer=ann', '-e', 'API_TOKEN=planted-secret-value'], suite.admin);
  const { link } = JSON.parse((await suite.bridge(['status', '-o', 'json'], suite.admin)).stdout) as StatusSnapshot;
  cargo = `podbridge-${link.name}`;
}, setUpLimitMs);
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await suite?.end();
});

async function doctor(args: string[] = [], options?: Partial<BridgeOptions>): Promise<{ findings: FoundBy[]; exitCode: number | undefined }> {
  const { stdout, stderr, exitCode } = await suite.bridge(['doctor', '-o', 'json', ...args], { ...suite.admin, ...options });
  if (stdout === '') throw new Error(stderr);
  return { findings: (JSON.parse(stdout) as { findings: FoundBy[] }).findings, exitCode };
}
const errors = (findings: FoundBy[]) => findings.filter(({ severity }) => severity === 'error');
const named = (findings: FoundBy[], code: string) => findings.find((finding) => finding.code === code && finding.severity !== 'ok');
const inCargo = (...command: string[]) => execa('docker', ['exec', cargo, ...command]);

test('nothing is wrong when nothing is, and every area was looked at', async () => {
  await suite.prober.fetch(`http://${await suite.addressOf('web')}/`, { 'x-developer': 'ann' });
  const { findings, exitCode } = await doctor();
  expect({ errors: errors(findings), exitCode }).toEqual({ errors: [], exitCode: 0 });
  const fine = findings.filter(({ severity }) => severity === 'ok').map(({ code }) => code);
  expect(fine).toEqual(expect.arrayContaining(['docker-answers', 'addresses-apart', 'cluster-answers', 'installed', 'cluster-side-runs', 'rights', 'pod-security', 'admission-policies', 'node-kernels', 'udp-reaches-hub', 'path-mtu', 'dns', 'rules-present', 'app-answers', 'mark-arrives']));
  expect(findings.map(({ code }) => code)).not.toContain('check-failed');
  // Who has the user role alone sees less, and nothing of that is told as a fault.
  const { findings: seen } = await doctor([], suite.user);
  expect(seen.filter(({ severity, code }) => severity === 'error' || code === 'check-failed')).toEqual([]);
});

describe('planted in the cluster and in pods', () => {
  const plant = 'podbridge-doctor-plant';
  const crashing = `${plant}-crashing`;
  const policy = 'podbridge-bridges-status';
  const webhooks = { apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingWebhookConfiguration', metadata: { name: plant } };
  const level = 'pod-security.kubernetes.io/enforce';
  afterAll(async () => {
    for (const pod of [plant, crashing]) await suite.kube.delete(resources.Pod, pod, { namespace: systemNamespace });
    await suite.kube.delete(resources.ValidatingWebhookConfiguration, plant);
    // What is missing comes again.
    await bridgeOk(['install', '--yes'], suite.admin);
    await suite.kube.patch(resources.Namespace, systemNamespace, { metadata: { labels: { [level]: 'privileged' } } });
  });

  test('rules taken out of a pod, an image that nobody has, a pod that crashes, a namespace that forbids agents, policies of ours that are gone and such of others', async () => {
    const onNodes = (script: string) => Promise.all(suite.cluster.nodes.map((node) => execa('docker', ['exec', node, 'sh', '-c', script])));
    // Who would tell the agents that rules are gone, and they put them back.
    await onNodes('pkill -STOP -f "[w]atch-netns" || true');
    await suite.kube.apply({ apiVersion: 'v1', kind: 'Pod', metadata: { name: plant, namespace: systemNamespace, labels: { 'app.kubernetes.io/component': 'plant' } }, spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'x', image: 'nobody.invalid/has-this:1' }] } } as never, { fieldManager: 'podbridge-test' });
    await suite.kube.apply({ apiVersion: 'v1', kind: 'Pod', metadata: { name: crashing, namespace: systemNamespace, labels: { 'app.kubernetes.io/component': 'crashing' } }, spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'x', image: suite.image, imagePullPolicy: 'Never', args: ['no-such-mode'] }] } } as never, { fieldManager: 'podbridge-test' });
    // About no pod that there is: the label that it asks for is on none.
    await suite.kube.apply({ ...webhooks, webhooks: [{ name: 'plant.podbridge.dev', admissionReviewVersions: ['v1'], sideEffects: 'None', clientConfig: { url: 'https://127.0.0.1:9/' }, objectSelector: { matchLabels: { [plant]: 'yes' } }, rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }] }] } as never, { fieldManager: 'podbridge-test' });
    await suite.kube.delete(resources.ValidatingAdmissionPolicy, policy);
    await suite.kube.patch(resources.Namespace, systemNamespace, { metadata: { labels: { [level]: 'baseline' } } });
    const found = await until('all of them', async () => {
      // Our tables, in every network namespace of the node that has them; once a minute the agents look by themselves.
      await onNodes('for p in $(pgrep -x echo); do for t in $(nsenter -t $p -n nft list tables | sed -n "s/^table ip \\(podbridge_.*_in\\)$/\\1/p"); do nsenter -t $p -n nft delete table ip $t; done; done');
      const { findings, exitCode } = await doctor();
      const all = named(findings, 'image-not-pullable') !== undefined && named(findings, 'cluster-side-pod') !== undefined && findings.filter(({ code }) => code === 'rules-missing').length === 2;
      return all ? { findings, exitCode } : undefined;
    }, patienceMs).finally(() => onNodes('pkill -CONT -f "[w]atch-netns" || true'));
    expect(found.exitCode).toBe(3);
    expect(found.findings.filter(({ code }) => code === 'rules-missing')).toHaveLength(2);
    expect(named(found.findings, 'rules-missing')).toMatchObject({ severity: 'error', area: 'bridges', what: expect.stringContaining('has no rule for port 8080/TCP'), fix: expect.stringContaining('kubectl') });
    expect(named(found.findings, 'image-not-pullable')).toMatchObject({ what: expect.stringContaining(plant), fix: expect.stringContaining('bridge install --registry') });
    expect(named(found.findings, 'cluster-side-pod')).toMatchObject({ severity: 'error', what: expect.stringContaining('crashing does not run'), fix: expect.stringContaining('describe pod') });
    expect(named(found.findings, 'admission-policy-missing')).toMatchObject({ severity: 'error', what: expect.stringContaining(policy), fix: 'bridge install' });
    expect(named(found.findings, 'admission-webhooks')).toMatchObject({ severity: 'info', what: expect.stringContaining(plant) });
    expect(named(found.findings, 'pod-security')).toMatchObject({ severity: 'error', what: expect.stringContaining('baseline'), fix: expect.stringContaining('kubectl') });
  });
});

test('another version of the cluster side, and none', async () => {
  const { data } = await suite.kube.get<KubeObject & { data: { version: string } }>(resources.ConfigMap, names.info, systemNamespace);
  const versioned = async (version: string): Promise<FoundBy[]> => {
    await suite.kube.patch(resources.ConfigMap, names.info, { data: { version } }, { namespace: systemNamespace });
    return (await doctor()).findings;
  };
  try {
    expect(named(await versioned('99.0.0'), 'cli-too-old')).toMatchObject({ severity: 'error', fix: expect.stringContaining('npm install --global podbridge@99.0.0') });
    expect(named(await versioned('0.0.1'), 'cluster-too-old')).toMatchObject({ severity: 'error', fix: 'bridge install' });
  } finally {
    await versioned(data.version);
  }
});

test('a target that was scaled to nothing', async () => {
  const idle = 'e2e-doctor-idle';
  await applyAll(suite.kube, [deployment({ name: 'idle', namespace, image: suite.image })]);
  await suite.bridge(['run', '-d', '--name', idle, '--image', suite.image, '--target', 'deploy/idle', '--port', 'http'], suite.admin);
  try {
    await suite.kube.patch(resources.Deployment, 'idle', { spec: { replicas: 0 } }, { namespace });
    expect(await until('no pods', async () => named((await doctor()).findings, 'bridge-no-pods'), patienceMs)).toMatchObject({ severity: 'warning', what: expect.stringContaining(idle) });
  } finally {
    await suite.stop(idle, suite.admin);
  }
});

describe('planted on the laptop', () => {
  test('a program that does not listen, and one that has ended', async () => {
    const deaf = 'e2e-doctor-deaf';
    await suite.bridge(['run', '-d', '--name', deaf, '--image', suite.image, '--target', 'deploy/web', '--port', 'http', '--header', 'x-developer=deaf', '-e', 'HTTP_PORT=8099'], suite.admin);
    try {
      expect(named((await doctor()).findings, 'app-not-listening')).toMatchObject({ severity: 'error', what: expect.stringContaining('nothing listens on port 8080'), fix: expect.stringContaining('--port') });
      await execa('docker', ['stop', '-t', '0', deaf]);
      expect(named((await doctor()).findings, 'app-not-running')).toMatchObject({ severity: 'error', fix: `bridge logs ${deaf} -n ${namespace}` });
    } finally {
      await suite.stop(deaf, suite.admin);
    }
  });

  test('a program that listens to itself only', async () => {
    const shy = 'e2e-doctor-shy';
    // Cargo's image has Node.
    const { stdout: image } = await execa('docker', ['inspect', '--format', '{{.Config.Image}}', cargo]);
    await suite.bridge(['run', '-d', '--name', shy, '--image', image, '--entrypoint', 'node', '--target', 'deploy/web', '--port', 'http', '--header', 'x-developer=shy', '--', '-e', "require('node:http').createServer().listen(8080, '127.0.0.1')"], suite.admin);
    try {
      expect(await until('the program', async () => named((await doctor()).findings, 'app-on-loopback'), patienceMs)).toMatchObject({ severity: 'error', what: expect.stringContaining('127.0.0.1 only'), fix: expect.stringContaining('0.0.0.0') });
    } finally {
      await suite.stop(shy, suite.admin);
    }
  });

  test('networks of others with addresses of the link and of the cluster, and a VPN', async () => {
    const { stdout: image } = await execa('docker', ['inspect', '--format', '{{.Config.Image}}', cargo]);
    const onHost = (...command: string[]) => execa('docker', ['run', '--rm', '--network', 'host', '--cap-add', 'NET_ADMIN', '--user', '0', '--entrypoint', 'ip', image, ...command]);
    const { stdout: subnet } = await execa('docker', ['network', 'inspect', '--format', '{{(index .IPAM.Config 0).Subnet}}', `00-${cargo}`]);
    const { items: [client] } = await suite.kube.list<Client>(resources.Client, { namespace: systemNamespace });
    const range = client!.status!.cluster!.ranges.find((each) => each.endsWith('/16'))!;
    const [route, network, vpn] = [`${subnet.split('.').slice(0, 3).join('.')}.250/32`, 'e2e-doctor-overlap', 'vpn-e2e'];
    try {
      await onHost('link', 'add', vpn, 'type', 'bridge');
      await onHost('route', 'add', route, 'dev', vpn).catch(async () => { await onHost('link', 'set', vpn, 'up'); await onHost('route', 'add', route, 'dev', vpn); });
      await execa('docker', ['network', 'create', '--subnet', `${range.split('.').slice(0, 2).join('.')}.250.0/24`, network]);
      const { findings } = await doctor();
      expect(named(findings, 'link-overlaps-route')).toMatchObject({ severity: 'error', what: expect.stringContaining(route), fix: 'bridge down && bridge up' });
      expect(named(findings, 'docker-network-overlaps-cluster')).toMatchObject({ severity: 'warning', what: expect.stringContaining(network) });
      expect(named(findings, 'vpn-active')).toMatchObject({ severity: 'info', what: expect.stringContaining(vpn) });
    } finally {
      await execa('docker', ['network', 'rm', network], { reject: false });
      await onHost('link', 'delete', vpn).catch(() => undefined);
    }
  });

  test('full-size packets, DNS and ways to agents that do not pass', async () => {
    await inCargo('nft', 'add table ip plant; add chain ip plant out { type filter hook output priority 0; }; add rule ip plant out oifname wg0 ip length > 1400 drop; add rule ip plant out oifname wg0 udp dport 53 drop; add rule ip plant out oifname wg0 meta l4proto tcp drop');
    try {
      const { findings } = await doctor();
      expect(named(findings, 'path-mtu')).toMatchObject({ severity: 'error', what: 'packets of 1420 bytes do not pass, those of 1280 do' });
      expect(named(findings, 'dns-fails')).toMatchObject({ severity: 'error' });
      expect(named(findings, 'agent-unreachable')).toMatchObject({ severity: 'error', area: 'bridges' });
    } finally {
      await inCargo('nft', 'delete table ip plant');
    }
  });

  test('a link that is silent, one that was never told where the hub is, and one whose container was stopped', async () => {
    await inCargo('nft', 'add table ip plant; add chain ip plant out { type filter hook output priority 0; }; add rule ip plant out oifname wg0 drop');
    const silent = await until('silence', async () => named((await doctor()).findings, 'link-silent'), patienceMs);
    expect(silent).toMatchObject({ severity: 'error', area: 'link', fix: 'bridge down && bridge up' });
    expect(await until('the hub noticing it', async () => named((await doctor()).findings, 'bridge-suspended'), patienceMs)).toMatchObject({ severity: 'error', area: 'bridges' });
    await inCargo('nft', 'delete table ip plant');
    await inCargo('rm', '/var/lib/podbridge/state.json');
    await execa('docker', ['restart', '-t', '1', cargo]);
    expect(await until('a link that knows nothing', async () => named((await doctor()).findings, 'link-not-configured'), patienceMs)).toMatchObject({ severity: 'error', fix: 'bridge up' });
    await execa('docker', ['stop', '-t', '1', cargo]);
    expect(named((await doctor()).findings, 'cargo-stopped')).toMatchObject({ severity: 'error', fix: 'bridge up' });
    await bridgeOk(['up'], suite.admin);
    await until('health', async () => (named((await doctor()).findings, 'cargo-stopped') === undefined ? true : undefined), patienceMs);
  });

  test('no Docker, no cluster: told once, and the rest is not guessed', async () => {
    const { findings, exitCode } = await doctor([], { env: { DOCKER_HOST: 'unix:///nonexistent/docker.sock' } });
    expect(exitCode).toBe(3);
    expect(errors(findings).map(({ code }) => code)).toEqual(['docker-unreachable']);
    const elsewhere = await bridge(['doctor'], { ...suite.admin, context: 'no-such-context' });
    expect(elsewhere.exitCode).toBe(3);
    expect(elsewhere.stdout).toContain('no-such-context');
  });
});

test('a user without rights is told each of them, and what to ask for', async () => {
  const user = await makeUser(suite.kube, suite.cluster, namespace, 'doctor-user');
  try {
    await grant(suite.kube, user, 'podbridge-user', systemNamespace);
    const { findings } = await doctor([], { kubeconfig: user.kubeconfigPath, context: user.context });
    // He has never had a link.
    expect(named(findings, 'link-down')).toMatchObject({ severity: 'info', fix: 'bridge up' });
    const missing = findings.filter(({ code }) => code === 'right-missing');
    expect(missing.map(({ what }) => what)).toEqual(expect.arrayContaining([`${user.username} may not create bridges in ${namespace}`, `${user.username} may not get deployments.apps in ${namespace}`]));
    expect(missing.every(({ what }) => what.endsWith(` in ${namespace}`))).toBe(true);
    expect(missing[0]!.fix).toMatch(/^kubectl create rolebinding .* --clusterrole=podbridge-user --serviceaccount=e2e-doctor:doctor-user --namespace=e2e-doctor$/);
  } finally {
    await user.dispose();
  }
});

test('a bundle has logs and objects, and no secret', async () => {
  const file = join(folder, 'report.tar.gz');
  const run = await suite.bridge(['doctor', '--bundle', file], suite.admin);
  expect(run.stdout).toContain(`Written: ${file}`);
  const content = gunzipSync(await readFile(file)).toString('latin1');
  for (const part of ['findings.json', 'docker/containers.json', 'cluster/bridges.json', 'cluster/stowaway-hub-0.log', `docker/${cargo}.log`, 'status.json']) expect(content).toContain(`podbridge-doctor/${part}`);
  for (const secret of ['planted-secret-value', 'BEGIN ', 'eyJ']) expect(content).not.toContain(secret);
  expect((await suite.bridge(['doctor', '--bundle', file], suite.admin)).stderr).toContain('cannot be written');
});
