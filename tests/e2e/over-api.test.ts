/** Links where UDP does not get through: over the API server, by themselves and back; through a proxy; with a kubeconfig whose credentials a plugin makes. */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { parse, stringify } from 'yaml';
import { names, systemNamespace } from '../../protocol/names.ts';
import type { Listed } from '../../cli/bridge/list.ts';
import type { ListedLink } from '../../cli/link/link-state.ts';
import { bridge, bridgeOk, type BridgeOptions } from '../support/bridge-command.ts';
import { startConnectProxy, type ConnectProxy } from '../support/connect-proxy.ts';
import { grant, makeUser, type User } from '../support/user.ts';
import { until } from '../support/wait.ts';
import { deployment, service } from '../workloads/manifests.ts';
import { setUpLimitMs, startSuite, testLimitMs, type Suite } from './support/suite.ts';

jest.setTimeout(testLimitMs);
const namespace = 'e2e-over-api';
const healLimitMs = 90_000;
let suite: Suite;
let ann: User;
let address: string;
let folder: string;
let proxy: ConnectProxy;

const as = (user: User): BridgeOptions => ({ kubeconfig: user.kubeconfigPath, context: user.context });
const linkOf = async (options: BridgeOptions = as(ann)): Promise<ListedLink | undefined> => {
  const { stdout } = await bridgeOk(['list', '-n', namespace, '-o', 'json'], options);
  return (JSON.parse(stdout) as Listed).links.find(({ owner }) => owner === ann.username);
};
const untilLink = (what: string, test: (link: ListedLink) => boolean, options?: BridgeOptions): Promise<ListedLink> => until(what, async () => {
  const link = await linkOf(options);
  return link !== undefined && test(link) ? link : undefined;
}, healLimitMs);
const cargo = async (...command: string[]): Promise<string> => (await execa('docker', ['exec', `podbridge-${(await linkOf())?.link}`, ...command])).stdout;
/** Until ten requests in a row come to ann's container. A link that went down several times must first be steady again. */
const untilAnns = (): Promise<true> => until('requests at the container', async () => {
  const { byWho } = await suite.prober.run('http', '--url', `http://${address}/`, '--connections', '1', '--count', '10', '--header', 'baggage: bridge=ann');
  return byWho.ann === 10 ? true : undefined;
}, 2 * healLimitMs);

beforeAll(async () => {
  suite = await startSuite(namespace, (image) => [deployment({ name: 'web', namespace, image }), service({ name: 'web', namespace })]);
  address = await suite.addressOf('web');
  folder = await mkdtemp(join(tmpdir(), 'podbridge-over-api-'));
  proxy = await startConnectProxy('ann', 'proxy-secret');
  ann = await makeUser(suite.kube, suite.cluster, namespace, 'ann');
  await Promise.all([namespace, systemNamespace].map((place) => grant(suite.kube, ann, names.userRole, place)));
}, setUpLimitMs);
afterAll(async () => {
  if (ann !== undefined) {
    await bridge(['down'], as(ann));
    await ann.dispose();
  }
  await proxy?.close();
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  await suite?.end();
});

describe('when UDP stops getting through', () => {
  beforeAll(async () => {
    await suite.run('e2e-api', 'ann', ['--target', 'deploy/web', '--port', 'http', '--mark', 'ann'], as(ann));
  }, testLimitMs);

  test('the link goes over the API server by itself, and the bridge works over it', async () => {
    expect((await linkOf())?.transport).toBe('docker');
    await cargo('nft', 'add table ip test; add chain ip test out { type filter hook output priority -300; }; add chain ip test in { type filter hook input priority -300; }; '
      + 'add rule ip test out oifname "eth*" udp dport 30000-32767 drop; add rule ip test in iifname "eth*" udp sport 30000-32767 drop');
    const link = await untilLink('the link over the API server', ({ transport, condition }) => transport === 'api' && condition === 'up');
    expect(link.attention).toBeNull();
    await untilAnns();
    // Whole frames: there is no path whose packets would be too small.
    expect(await cargo('cat', '/sys/class/net/wg0/mtu')).toBe('1500');
    const { items } = await suite.kube.list<never>({ apiVersion: 'podbridge.dev/v1alpha1', kind: 'Client', plural: 'clients', namespaced: true }, { namespace: systemNamespace });
    expect((items as { metadata: { name: string }; status: { transport: string } }[]).find(({ metadata }) => metadata.name === link.link)?.status.transport).toBe('api');
  });

  test('the container reaches the cluster over it, with packets of full size', async () => {
    const { stdout } = await execa('docker', ['exec', 'e2e-api', '/echo', 'client', 'http', '--url', `http://${address}/`, '--count', '20', '--connections', '1'], { reject: false });
    expect((JSON.parse(stdout) as { failed: number; total: number })).toMatchObject({ failed: 0, total: 20 });
  });

  test.each([['cut', 'reject with tcp reset'], ['swallowed without a word', 'drop']])('a connection to the API server that is %s is opened again', async (_, verdict) => {
    const before = await cargo('sh', '-c', 'cat /sys/class/net/wg0/statistics/rx_bytes');
    await cargo('nft', `add chain ip test api { type filter hook output priority -299; }; add rule ip test api oifname "eth*" tcp dport 6443 ${verdict}`);
    await untilLink('the loss of the connection', ({ condition }) => condition !== 'up');
    await cargo('nft', 'delete chain ip test api');
    await untilLink('the link over the API server', ({ transport, condition }) => transport === 'api' && condition === 'up');
    await untilAnns();
    expect(Number(await cargo('sh', '-c', 'cat /sys/class/net/wg0/statistics/rx_bytes'))).toBeGreaterThan(Number(before));
  });

  test('a token that the API server does not take any more is made anew by the next command', async () => {
    // As after its end: the account is another one, so its tokens are void. What is open stays open.
    const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: names.linkAccount, namespace: systemNamespace } };
    const type = { apiVersion: 'v1', kind: 'ServiceAccount', plural: 'serviceaccounts', namespaced: true };
    const old = await suite.kube.get<never>(type, names.linkAccount, systemNamespace) as { metadata: { labels?: Record<string, string> } };
    await suite.kube.delete(type, names.linkAccount, { namespace: systemNamespace });
    await suite.kube.apply({ ...account, metadata: { ...account.metadata, labels: old.metadata.labels } } as never);
    const closings = async (): Promise<number> => (await execa('docker', ['logs', `podbridge-${(await linkOf())?.link}`], { all: true })).all.split('relay-closed').length;
    const closedBefore = await closings();
    await untilLink('the link, as before', ({ transport, condition }) => transport === 'api' && condition === 'up');
    expect(await closings()).toBe(closedBefore);
    await cargo('nft', 'add chain ip test api { type filter hook output priority -299; }; add rule ip test api oifname "eth*" tcp dport 6443 reject with tcp reset');
    await until('the loss of the connection', async () => (await closings() > closedBefore ? true : undefined), healLimitMs);
    await cargo('nft', 'delete chain ip test api');
    await untilLink('the link over the API server', ({ transport, condition }) => transport === 'api' && condition === 'up');
    await untilAnns();
  });

  test('and goes straight again when UDP gets through again', async () => {
    await cargo('nft', 'delete table ip test');
    const link = await until('the straight way', async () => {
      const now = await linkOf();
      return now?.transport === 'docker' && now.condition === 'up' ? now : undefined;
    }, testLimitMs - 30_000);
    expect(link.attention).toBeNull();
    expect(await cargo('cat', '/sys/class/net/wg0/mtu')).toBe('1420');
    await untilAnns();
    await suite.stop('e2e-api', as(ann));
  });
});

describe('behind a proxy, with credentials that a plugin makes', () => {
  let options: BridgeOptions;
  let token: string;

  beforeAll(async () => {
    await bridgeOk(['down'], as(ann));
    const kubeconfig = parse(await readFile(ann.kubeconfigPath, 'utf8')) as { users: { user: Record<string, unknown> }[] };
    token = String(kubeconfig.users[0]?.user.token);
    const plugin = join(folder, 'credentials');
    await writeFile(join(folder, 'answer.json'), JSON.stringify({ apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status: { token } }), { mode: 0o600 });
    await writeFile(plugin, `#!/bin/sh\nexec cat ${join(folder, 'answer.json')}\n`);
    await chmod(plugin, 0o700);
    kubeconfig.users[0]!.user = { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: plugin, interactiveMode: 'Never' } };
    await writeFile(join(folder, 'kubeconfig'), stringify(kubeconfig), { mode: 0o600 });
    // An address of this machine that containers reach too: on the cluster's network, since Docker's default one counts as down while nobody is on it.
    const { stdout: network } = await execa('docker', ['network', 'inspect', suite.cluster.dockerNetwork!, '--format', '{{.Id}}']);
    const host = networkInterfaces()[`br-${network.slice(0, 12)}`]?.find(({ family }) => family === 'IPv4')?.address;
    if (host === undefined) throw new Error('this machine has no address on the network of the cluster');
    options = { kubeconfig: join(folder, 'kubeconfig'), context: ann.context, env: { HTTPS_PROXY: `http://ann:proxy-secret@${host}:${proxy.port}` } };
  }, testLimitMs);

  test('the link over the API server comes up through the proxy', async () => {
    const { stdout } = await bridgeOk(['up', '--transport', 'api', '-o', 'json'], options);
    expect(JSON.parse(stdout)).toMatchObject({ transport: 'api', owner: ann.username, rttMs: expect.any(Number) });
    // The command and cargo, by different addresses.
    expect(new Set(proxy.asked.map((line) => line.split(' ')[0])).size).toBeGreaterThan(1);
    expect(proxy.refused).toBe(0);
  });

  test('cargo has neither the user\'s token nor the plugin, and no secret where others see it', async () => {
    const container = `podbridge-${(await linkOf(options))?.link}`;
    const [{ stdout: inspect }, { stdout: log }, { stdout: inside }] = await Promise.all([
      execa('docker', ['inspect', container]), execa('docker', ['logs', container], { all: true }).then(({ all }) => ({ stdout: all ?? '' })),
      execa('docker', ['exec', container, 'sh', '-c', 'cat /var/lib/podbridge/state.json; cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr "\\0" "\\n"']),
    ]);
    expect(inside).not.toContain(token);
    const { relay } = JSON.parse(inside.split('\n')[0]!.replace(/\}[^}]*$/, '}')) as { relay: { token: string } };
    expect(relay.token).not.toBe(token);
    for (const seen of [inspect, log, inside.slice(inside.indexOf('\n'))]) {
      expect(seen).not.toContain('proxy-secret');
      expect(seen).not.toContain(relay.token);
    }
  });

  test('the token opens a port-forward to the hub and nothing else', async () => {
    const { stdout } = await execa('docker', ['exec', `podbridge-${(await linkOf(options))?.link}`, 'cat', '/var/lib/podbridge/state.json']);
    const { relay } = JSON.parse(stdout) as { relay: { token: string; server: string } };
    const allowed = async (verb: string, resource: string, subresource: string, name: string, place: string): Promise<boolean> => {
      const review = await suite.kube.request<{ status: { allowed: boolean } }>('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', {
        apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview',
        spec: { user: `system:serviceaccount:${systemNamespace}:${names.linkAccount}`, groups: ['system:serviceaccounts', `system:serviceaccounts:${systemNamespace}`, 'system:authenticated'], resourceAttributes: { verb, resource, subresource, name, namespace: place } },
      });
      return review.status.allowed;
    };
    expect(relay.token.split('.')).toHaveLength(3);
    expect(await Promise.all([
      allowed('create', 'pods', 'portforward', names.hubPod, systemNamespace), allowed('create', 'pods', 'portforward', 'other', systemNamespace), allowed('create', 'pods', 'exec', names.hubPod, systemNamespace),
      allowed('get', 'pods', '', names.hubPod, systemNamespace), allowed('get', 'secrets', '', names.hubKeySecret, systemNamespace), allowed('create', 'pods', 'portforward', names.hubPod, namespace),
    ])).toEqual([true, false, false, false, false, false]);
  });
});
