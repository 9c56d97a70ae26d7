/** Links with a real Docker: ten at once, again, replaced, removed. The cluster is played by a fake and the fake hub. */
import { homedir } from 'node:os';
import { Readable } from 'node:stream';
import { pack } from 'tar-stream';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { connectDocker, type Docker } from '../../cli/adapters/docker/index.ts';
import { ensureImage } from '../../cli/image/build.ts';
import { connectLink, type Link } from '../../cli/link/connect-link.ts';
import { disconnectLink } from '../../cli/link/disconnect-link.ts';
import { listLinks } from '../../cli/link/list-links.ts';
import { takeDownLink } from '../../cli/link/take-down.ts';
import { labels, systemNamespace } from '../../protocol/names.ts';
import type { Client } from '../../protocol/objects.ts';
import { clientAddress, dnsAddress, hubAddress, hubPort, startHub, type FakeHub } from '../support/fake-hub/hub.ts';
import { fakeCluster, type FakeCluster } from '../unit/support/fake-cluster.ts';

const limitMs = 120_000;
const username = `link-test-${Math.floor(Math.random() * 0xffff).toString(16)}`;
const bridge = { namespace: 'shop', name: 'api' };
const forwards = [{ hubPort: 20000, protocol: 'TCP' as const, address: '10.87.0.99', port: 80 }];
const hubLink = `of-${username}`;

let docker: Docker;
let cluster: FakeCluster;
let image: string;
let newerImage: string | undefined;
let hub: FakeHub | undefined;

beforeAll(async () => {
  docker = await connectDocker({ env: process.env, homeDir: homedir() });
  image = (await ensureImage('cargo', { docker, host: { env: process.env, homeDir: homedir() }, waiting: () => undefined, signal: new AbortController().signal })).reference;
  cluster = fakeCluster({
    username, untilEveryMs: 50, untilTurns: 600,
    // Controller and hub: the first key starts the hub, a later one replaces the peer.
    async onWrite(object) {
      if (object.kind !== 'Client') return;
      const client = object as Client;
      if (hub === undefined) hub = await startHub(docker, { link: hubLink, image, clientKey: client.spec.publicKey });
      else await docker.containers.exec(hub.container, ['wg', 'set', 'wg0', 'peer', client.spec.publicKey, 'allowed-ips', `${clientAddress}/32`]);
      client.status = {
        address: clientAddress, hub: { publicKey: hub.publicKey, address: hubAddress, pool: '100.96.0.0/16' },
        cluster: { ranges: ['10.244.0.0/16', '10.96.0.0/16'], dns: { server: dnsAddress, domain: 'cluster.local' }, endpoints: [{ kind: 'node', host: hub.host, port: hubPort }], version: '0' },
      };
    },
  });
}, 600_000);

afterAll(async () => {
  const name = [...cluster.objects.values()].find(({ kind }) => kind === 'Client')?.metadata.name;
  for (const link of [hubLink, ...(name === undefined ? [] : [name])]) await takeDownLink({ docker, link });
  if (newerImage !== undefined) await docker.images.remove(newerImage, { force: true });
}, limitMs);

async function connect(changes: Partial<Parameters<typeof connectLink>[0]> = {}): Promise<Link> {
  const link = await connectLink({ docker, cluster, cargoImage: Promise.resolve(image), ...changes });
  link.control.close();
  return link;
}

async function counts(link: string): Promise<number[]> {
  const [containers, networks] = await Promise.all([docker.containers.list({ [labels.link]: link }), docker.networks.list({ [labels.link]: link })]);
  return [containers.length, networks.length, [...cluster.objects.values()].filter(({ metadata }) => metadata.name === link).length];
}

test('ten at once end with one link, over the network that the nodes are on', async () => {
  const links = await Promise.all(Array.from({ length: 10 }, () => connect()));
  expect(new Set(links.map(({ cargoId, client, subnet }) => `${cargoId} ${client} ${subnet}`)).size).toBe(1);
  expect(await counts(links[0]!.client)).toEqual([1, 1, 1]);
  expect(links[0]).toMatchObject({ transport: 'docker', endpoint: `${hub?.host}:${hubPort}`, owner: username });
  expect((await listLinks(docker)).filter(({ owner }) => owner === username)).toEqual([expect.objectContaining({ state: 'running', context: 'test' })]);
}, limitMs);

test('again: the same, and at once', async () => {
  const { created, cargoId } = await connect();
  const startedAt = performance.now();
  expect(await connect()).toMatchObject({ created: false, cargoId });
  expect(created).toBe(false);
  expect(performance.now() - startedAt).toBeLessThan(5000);
}, limitMs);

test('from outside, when that is wanted, and back', async () => {
  expect((await connect({ transport: 'udp' })).transport).toBe('udp');
  expect((await connect({ transport: 'docker' })).transport).toBe('docker');
}, limitMs);

test('a stopped cargo is started, with its key', async () => {
  const { cargoId } = await connect();
  const { publicKey } = (cluster.objects.get(`Client ${systemNamespace}/${(await connect()).client}`) as Client).spec;
  await docker.containers.stop(cargoId, 2);
  expect(await connect()).toMatchObject({ cargoId, created: false });
  expect((cluster.objects.get(`Client ${systemNamespace}/${(await connect()).client}`) as Client).spec.publicKey).toBe(publicKey);
}, limitMs);

test('a newer image takes over, with a new key and the old one\'s forwards', async () => {
  const link = await connectLink({ docker, cluster, cargoImage: Promise.resolve(image) });
  await link.control.call('forward', { bridge, forwards });
  link.control.close();
  const context = pack();
  context.entry({ name: 'Dockerfile' }, `FROM ${image}\nLABEL newer=${username}\n`);
  context.finalize();
  newerImage = `podbridge-test/newer-cargo:${username}`;
  await docker.images.build(Readable.from(context), { tag: newerImage, labels: {} });
  const mac = async (id: string): Promise<string> => (await docker.containers.exec(id, ['cat', '/sys/class/net/eth0/address'])).stdout;
  const before = await mac(link.cargoId);
  const newer = await connectLink({ docker, cluster, cargoImage: Promise.resolve(newerImage) });
  // Containers remember the MAC of their gateway.
  expect(await mac(newer.cargoId)).toBe(before);
  expect(newer.cargoId).not.toBe(link.cargoId);
  expect((await newer.control.call('status', {})).forwards).toEqual([{ bridge, forwards }]);
  newer.control.close();
  expect(await counts(link.client)).toEqual([1, 1, 1]);
}, limitMs);

test('a session goes on through a restart of cargo', async () => {
  const link = await connectLink({ docker, cluster, cargoImage: Promise.resolve(image) });
  await link.control.call('forward', { bridge, forwards });
  await link.control.call('lifeline', { bridge });
  await docker.containers.restart(link.cargoId, 2);
  expect((await link.control.call('status', {})).forwards).toEqual([{ bridge, forwards }]);
  // Longer than sessions have to come back.
  await new Promise((resolve) => setTimeout(resolve, 11_000));
  expect((await link.control.call('status', {})).forwards).toEqual([{ bridge, forwards }]);
  await link.control.call('unforward', { bridge });
  await link.control.call('release', { bridge });
  link.control.close();
}, limitMs);

test('a cargo that was removed by hand is made anew', async () => {
  const link = await connect();
  await docker.containers.remove(link.cargoId, { force: true });
  expect((await connect()).cargoId).not.toBe(link.cargoId);
}, limitMs);

test('removed: nothing is left, and removing again finds nothing', async () => {
  const { client } = await connect();
  expect(await disconnectLink({ docker, cluster, link: client })).toMatchObject({ client: true, bridges: [] });
  expect(await counts(client)).toEqual([0, 0, 0]);
  expect(await disconnectLink({ docker, cluster, link: client })).toEqual({ bridges: [], containers: [], networks: [], volumes: [], client: false });
}, limitMs);

test('a failure leaves nothing behind', async () => {
  const refusing = fakeCluster({ username: `${username}-x`, fail: (verb) => { if (verb === 'create') throw new Error('no'); } });
  await expect(connectLink({ docker, cluster: refusing, cargoImage: Promise.resolve(image) })).rejects.toThrow('no');
  expect((await listLinks(docker)).filter(({ owner }) => owner === `${username}-x`)).toEqual([]);
  expect((await docker.networks.list({ [labels.owner]: `${username}-x` }))).toEqual([]);
}, limitMs);
