/** People without credentials of the cluster: invited, at work, seen by others, and out again. */
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { guestAccount, guestExpiresAnnotation } from '../../protocol/guests.ts';
import { systemNamespace } from '../../protocol/names.ts';
import { resources, type KubeObject } from '../../cli/adapters/cluster/index.ts';
import type { ListedClient } from '../../cli/clients/list.ts';
import { bridge, bridgeOk, startBridge, type BridgeOptions } from '../support/bridge-command.ts';
import { until } from '../support/wait.ts';
import { deployment, service } from '../workloads/manifests.ts';
import { setUpLimitMs, startSuite, testLimitMs, type Suite } from './support/suite.ts';

jest.setTimeout(testLimitMs);
const namespace = 'e2e-clients';
const name = 'e2e-clients';
const guestName = 'e2e-guest';
const limitMs = 90_000;
/** More than what the hub waits for before it writes. */
const muchBytes = 4 * 1024 * 1024;
let suite: Suite;
let folder: string;
let file: string;

interface EventObject extends KubeObject { reason: string; message: string; involvedObject: { kind: string; name: string; uid: string } }
const events = async () => (await suite.kube.list<EventObject>(resources.Event, { namespace })).items.filter(({ involvedObject }) => involvedObject.name === 'web' && involvedObject.kind === 'Deployment');
const asGuest = (): BridgeOptions => ({ kubeconfig: file });
const listed = async (options: BridgeOptions): Promise<ListedClient[]> => (JSON.parse((await bridgeOk(['clients', 'list', '-o', 'json'], options)).stdout) as { clients: ListedClient[] }).clients;
const code = async (args: string[], options: BridgeOptions) => {
  const run = await bridge([...args, '-o', 'json'], options);
  return [run.exitCode, (JSON.parse(run.stdout) as { error: { code: string } }).error.code];
};

beforeAll(async () => {
  suite = await startSuite(namespace, (image) => [deployment({ name: 'web', namespace, image }), service({ name: 'web', namespace })]);
  folder = await mkdtemp(join(tmpdir(), 'podbridge-invite-'));
  file = join(folder, 'guest.yaml');
  await bridge(['clients', 'revoke', guestName], suite.admin);
}, setUpLimitMs);
afterAll(async () => {
  await bridge(['down'], { kubeconfig: file });
  await bridge(['clients', 'revoke', guestName], suite.admin);
  await rm(folder, { recursive: true, force: true });
  await suite?.end();
});

test('an invitation is a file that nobody else reads, for named namespaces, with an end; who has not the rights cannot make one', async () => {
  expect(await code(['clients', 'invite', guestName, '-n', namespace, '--out', file], suite.user)).toEqual([4, 'cluster-forbidden']);
  const { stdout, stderr } = await bridgeOk(['clients', 'invite', guestName, '-n', namespace, '--expires', '2h', '--out', file, '-o', 'json'], suite.admin);
  const { expiresAt } = JSON.parse(stdout) as { expiresAt: string };
  expect(Math.abs(Date.parse(expiresAt) - Date.now() - 2 * 3_600_000)).toBeLessThan(300_000);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  const [, token = ''] = /token: (\S+)/.exec(await readFile(file, 'utf8')) ?? [];
  expect(token).toMatch(/^ey/);
  expect(stdout + stderr).not.toContain(token);
  expect(await code(['clients', 'invite', guestName, '-n', namespace, '--out', join(folder, 'second.yaml')], suite.admin)).toEqual([4, 'guest-exists']);
  expect(await code(['clients', 'invite', 'other', '-n', namespace, '--out', file], suite.admin)).toEqual([2, 'invite-unwritable']);
  expect(await code(['clients', 'invite', 'Other', '-n', namespace, '--out', join(folder, 'x')], suite.admin)).toEqual([2, 'guest-malformed']);
  expect(await code(['clients', 'revoke', 'nobody-there'], suite.admin)).toEqual([2, 'guest-not-found']);
  const garbage = join(folder, 'garbage.yaml');
  await writeFile(garbage, 'no: invitation\n');
  for (const wrong of [garbage, join(folder, 'nowhere.yaml')]) expect(await code(['up', '--invite', wrong], suite.user)).toEqual([2, 'invite-unreadable']);
});

const runAsGuest = () => bridgeOk(['run', '-d', '--name', name, '--image', suite.image, '-e', 'WHO=guest', '--target', 'deploy/web', '--port', 'http', '--mark', 'guest', '-n', namespace], asGuest());

test('the guest links with the file alone and bridges there, not elsewhere; events of the target tell who, what and when', async () => {
  await bridgeOk(['up', '--invite', file], { kubeconfig: '/nowhere' });
  await runAsGuest();
  const address = await suite.addressOf('web');
  await until('the guest serves', async () => ((await suite.prober.run('http', '--url', `http://${address}/`, '--count', '5', '--header', 'baggage: bridge=guest')).byWho.guest === 5 ? true : undefined), limitMs);
  expect(await code(['list', '-n', 'kube-system'], asGuest())).toEqual([4, 'cluster-forbidden']);

  const begun = await until('the event', async () => (await events()).find(({ reason }) => reason === 'Bridged'), limitMs);
  const { metadata: { uid } } = await suite.kube.get(resources.Deployment, 'web', namespace);
  expect(begun.message).toBe(`system:serviceaccount:${systemNamespace}:guest-${guestName} bridges deploy/web, port 8080: mark guest (bridge ${name}).`);
  expect(begun.involvedObject.uid).toBe(uid);
  await bridgeOk(['env', 'deploy/web', '-n', namespace], asGuest());
  await until('the event of the environment', async () => (await events()).find(({ reason }) => reason === 'IdentityTaken'), limitMs);
});

test('who has a link: whose, since when, last seen, traffic, until when', async () => {
  const address = await suite.addressOf('web');
  await suite.prober.fetch(`http://${address}/download?bytes=${muchBytes}`, { baggage: 'bridge=guest' });
  const mine = await until('the traffic', async () => (await listed(suite.admin)).find(({ guest, sent }) => guest === guestName && (sent ?? 0) >= muchBytes), 2 * limitMs);
  expect(mine).toMatchObject({ phase: 'Online', lastSeen: null, bridges: [`${namespace}/${name}`], expiresAt: expect.stringMatching(/Z$/) });
  expect((await bridgeOk(['clients', 'list'], suite.admin)).stdout).toMatch(new RegExp(`${guestName} \\(guest\\) .* Online +now`));
  // A user sees links as well, but not everybody's bridges.
  expect((await listed(suite.user)).some(({ link }) => link === mine.link)).toBe(true);
});

test('when the time of the invitation is over, link and bridges end without anybody, and a run in the foreground says so', async () => {
  const running = startBridge(['run', '--progress', 'plain', '--name', `${name}-2`, '--image', suite.image, '-e', 'WHO=guest2', '--target', 'deploy/web', '--port', 'http', '--mark', 'guest2', '-n', namespace], asGuest());
  const address = await suite.addressOf('web');
  await until('the second one serves', async () => ((await suite.prober.run('http', '--url', `http://${address}/`, '--count', '5', '--header', 'baggage: bridge=guest2')).byWho.guest2 === 5 ? true : undefined), limitMs);
  // Kubernetes gives no token for less than ten minutes; the end that the controller goes by is the account's.
  const ends = async (at: number): Promise<unknown> => await suite.kube.patch(resources.ServiceAccount, guestAccount(guestName), { metadata: { annotations: { [guestExpiresAnnotation]: new Date(at).toISOString() } } }, { namespace: systemNamespace });
  await ends(Date.now() + 2000);
  await until('the link has ended', async () => ((await listed(suite.admin)).find(({ guest }) => guest === guestName)?.link === null ? true : undefined), limitMs);
  await until('the bridge is gone', async () => (await suite.kube.find(resources.Bridge, name, namespace) === undefined ? true : undefined), limitMs);
  const { exitCode, all } = await running;
  expect({ exitCode, all }).toMatchObject({ exitCode: 4, all: expect.stringContaining(`bridge ${name}-2 in ${namespace} was ended by somebody else`) });
  // Invited anew, all works as before.
  await ends(Date.now() + 3_600_000);
  await bridge(['down'], asGuest());
  await bridgeOk(['up', '--invite', file], { kubeconfig: '/nowhere' });
  await runAsGuest();
});

test('revoked: the token is void, link and bridge end, and the target says so', async () => {
  const { stdout } = await bridgeOk(['clients', 'revoke', guestName, '-o', 'json'], suite.admin);
  expect(JSON.parse(stdout)).toMatchObject({ guest: guestName, clients: [expect.any(String)] });
  await until('the token is void', async () => ((await code(['list'], asGuest()))[1] === 'cluster-unauthorized' ? true : undefined), limitMs);
  await until('the bridge is gone', async () => (await suite.kube.find(resources.Bridge, name, namespace) === undefined ? true : undefined), limitMs);
  await until('the event', async () => (await events()).find(({ reason, message }) => reason === 'BridgeEnded' && message.includes(name)), limitMs);
  expect((await suite.kube.list(resources.RoleBinding, { labelSelector: `podbridge.dev/guest=${guestName}` })).items).toEqual([]);
});
