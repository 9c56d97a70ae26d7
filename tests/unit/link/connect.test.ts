import { describe, expect, test } from '@jest/globals';
import { labels, systemNamespace } from '../../../protocol/names.ts';
import type { LinkConfig } from '../../../protocol/control.ts';
import type { Client } from '../../../protocol/objects.ts';
import type { KubeObject } from '../../../cli/adapters/cluster/index.ts';
import { connectLink, findLinkName } from '../../../cli/link/connect-link.ts';
import { bridgesOfLink, disconnectHere, disconnectLink } from '../../../cli/link/disconnect-link.ts';
import { listLinks } from '../../../cli/link/list-links.ts';
import { findWays } from '../../../cli/link/transport.ts';
import { clusterError, fakeCluster, type FakeClusterOptions } from '../support/fake-cluster.ts';
import { fakeDocker, type CargoAnswers } from '../support/fake-docker.ts';

/** Plays controller and hub: everything that a Client waits for. */
function serve(ranges: string[] = ['10.244.0.0/16']) {
  return (object: KubeObject): void => {
    if (object.kind !== 'Client') return;
    (object as Client).status = {
      address: '100.96.0.7', cluster: { ranges, dns: { server: '10.96.0.10', domain: 'cluster.local' }, endpoints: [{ kind: 'node', host: '172.18.0.2', port: 31820 }, { kind: 'node', host: '172.18.0.3', port: 31820 }], version: '0.1.0' },
      hub: { publicKey: 'HUB', address: '100.96.0.1', pool: '100.96.0.0/16' },
    };
  };
}

const alive = { transport: 'docker', endpoint: '172.18.0.2:31820', handshakeAgeMs: 1, echoAgeMs: 5, rttMs: [1], rxBytes: 1, txBytes: 1, mtu: 1420, forwards: [] };

/** Lives from its configuration on, as the real one. */
function living(): CargoAnswers {
  let config: LinkConfig | undefined;
  return {
    configure: (given) => { config = given; return {}; },
    status: () => {
      if (config === undefined) throw Object.assign(new Error('not configured yet'), { code: 'usage' });
      return { ...alive, transport: config.transport };
    },
  };
}

function setup(answers: CargoAnswers = living(), options: FakeClusterOptions = {}) {
  const docker = fakeDocker(answers);
  const cluster = fakeCluster({ onWrite: serve(), ...options });
  const connect = (changes = {}) => connectLink({ docker, cluster, cargoImage: Promise.resolve('podbridge/cargo:1'), ...changes });
  return { docker, cluster, connect };
}

async function withNodes(docker: ReturnType<typeof fakeDocker>): Promise<void> {
  await docker.networks.create({ name: 'kind', labels: {}, subnet: '172.18.0.0/16', gateway: '172.18.0.1' });
  docker.state.images.set('node', 'sha256:node');
  for (const [index, name] of ['kind-control-plane', 'kind-worker'].entries()) {
    const id = await docker.containers.create({ name, image: 'node', labels: {}, networks: [{ network: 'kind' }] });
    await docker.containers.start(id);
    docker.state.containers.get(id)!.addresses = { kind: `172.18.0.${index + 2}` };
  }
}

describe('connecting', () => {
  test('makes network, cargo and Client, and tells cargo everything', async () => {
    const { docker, cluster, connect } = setup();
    const link = await connect();
    link.control.close();
    expect(link).toMatchObject({ created: true, transport: 'udp', address: '100.96.0.7', domain: 'cluster.local', owner: 'ann' });
    const config = docker.asked.find(({ method }) => method === 'configure')?.params as LinkConfig;
    expect(config).toEqual({
      address: '100.96.0.7', hub: { publicKey: 'HUB', address: '100.96.0.1', endpoints: [{ host: '172.18.0.2', port: 31820 }, { host: '172.18.0.3', port: 31820 }] },
      transport: 'udp', fallBack: true, mtu: 1420, dns: { server: '10.96.0.10', domain: 'cluster.local' }, network: { subnet: link.subnet, address: link.gateway, gateway: link.gateway.replace(/2$/, '1') },
    });
    const client = cluster.objects.get(`Client ${systemNamespace}/${link.client}`) as Client;
    expect(client.spec).toEqual({ owner: 'ann', publicKey: `key of ${link.cargoId}` });
    expect(await listLinks(docker)).toEqual([expect.objectContaining({ link: link.client, context: 'test', owner: 'ann', state: 'running', containers: 0 })]);
  });

  test('ten at once end with the same link, nothing twice', async () => {
    const { docker, cluster, connect } = setup();
    const links = await Promise.all(Array.from({ length: 10 }, () => connect()));
    for (const { control } of links) control.close();
    expect(new Set(links.map(({ cargoId, network, client }) => `${cargoId} ${network} ${client}`)).size).toBe(1);
    expect([docker.state.containers.size, docker.state.networks.size, cluster.objects.size]).toEqual([1, 1, 1]);
  });

  test('again: nothing is made', async () => {
    const { docker, cluster, connect } = setup();
    (await connect()).control.close();
    cluster.writes.length = 0;
    docker.calls.length = 0;
    const link = await connect();
    link.control.close();
    expect(link.created).toBe(false);
    expect(cluster.writes).toEqual([]);
    expect(docker.calls).toEqual([]);
    expect(docker.asked.filter(({ method }) => method === 'configure')).toHaveLength(1);
  });

  test('again, by another transport: the link is led that way', async () => {
    const { docker, connect } = setup();
    await withNodes(docker);
    const [first, second] = [await connect(), await connect({ transport: 'udp' })];
    first.control.close();
    second.control.close();
    expect([first.transport, second.transport]).toEqual(['docker', 'udp']);
    expect(second).toMatchObject({ created: false, cargoId: first.cargoId });
  });

  test('again, with a tunnel that is silent: configured anew', async () => {
    const answers = living();
    let silent = false;
    const { docker, connect } = setup({ configure: (config) => { silent = false; return answers.configure?.(config); }, status: (params) => ({ ...(answers.status?.(params) as object), ...(silent ? { echoAgeMs: 60_000 } : {}) }) });
    (await connect()).control.close();
    silent = true;
    (await connect()).control.close();
    expect(docker.asked.filter(({ method }) => method === 'configure')).toHaveLength(2);
  });

  test('a new cargo has a new key, and the Client learns it', async () => {
    const { docker, cluster, connect } = setup();
    const first = await connect();
    first.control.close();
    await docker.containers.remove(first.cargoId);
    const second = await connect();
    second.control.close();
    expect((cluster.objects.get(`Client ${systemNamespace}/${second.client}`) as Client).spec.publicKey).toBe(`key of ${second.cargoId}`);
  });

  test('two clusters and two users have links side by side', async () => {
    const docker = fakeDocker(living());
    const clusters = [fakeCluster({ onWrite: serve() }), fakeCluster({ onWrite: serve(), server: 'https://10.0.0.2:6443' }), fakeCluster({ onWrite: serve(), username: 'ben' })];
    const links = await Promise.all(clusters.map((cluster) => connectLink({ docker, cluster, cargoImage: Promise.resolve('podbridge/cargo:1') })));
    for (const { control } of links) control.close();
    expect(new Set(links.map(({ client }) => client)).size).toBe(3);
    expect(new Set(links.map(({ subnet }) => subnet)).size).toBe(3);
  });

  test('a network that turns out to overlap with the cluster is made anew elsewhere', async () => {
    const { docker, connect } = setup(living(), { onWrite: serve(['10.87.0.0/16']) });
    const link = await connect();
    link.control.close();
    expect(link.subnet).not.toMatch(/^10\.87\./);
    expect(docker.state.networks.size).toBe(1);
  });

  test.each([
    ['the kind is missing', 'cluster-kind-missing', 'not-installed'], ['the namespace is missing', 'cluster-not-found', 'not-installed'], ['not allowed', 'cluster-forbidden', 'cluster-forbidden'],
  ])('%s: says so and leaves nothing', async (_, thrown, code) => {
    const { docker, connect } = setup(living(), { fail: (verb) => { if (verb === 'create') throw clusterError(thrown); } });
    await expect(connect()).rejects.toMatchObject({ facts: { code } });
    expect([docker.state.containers.size, docker.state.networks.size]).toEqual([0, 0]);
  });

  test('controller or hub do not answer: says what it waited for and leaves nothing', async () => {
    const { docker, cluster, connect } = setup(living(), { onWrite: () => undefined });
    await expect(connect()).rejects.toMatchObject({ facts: { kind: 'timeout', code: 'link-not-served', what: expect.stringContaining('the controller to give the link an address') } });
    expect([docker.state.containers.size, docker.state.networks.size, cluster.objects.size]).toEqual([0, 0, 0]);
  });

  test('a Client of that name that belongs to somebody else is not touched', async () => {
    const { docker, cluster, connect } = setup();
    const { name } = await findLinkName(docker, cluster);
    await cluster.create({ apiVersion: '', kind: 'Client', metadata: { name, namespace: systemNamespace }, spec: { owner: 'eve', publicKey: 'E' } } as KubeObject);
    await expect(connect()).rejects.toMatchObject({ facts: { kind: 'refused', code: 'client-of-another' } });
    expect((cluster.objects.get(`Client ${systemNamespace}/${name}`) as Client).spec).toEqual({ owner: 'eve', publicKey: 'E' });
  });
});

describe('transports', () => {
  const endpoints = [{ kind: 'node' as const, host: '172.18.0.2', port: 31820 }, { kind: 'node' as const, host: '172.18.0.3', port: 31820 }, { kind: 'loadBalancer' as const, host: 'hub.example', port: 51820 }];

  test('nodes in this Docker: their network first, then from outside', async () => {
    const docker = fakeDocker();
    await withNodes(docker);
    expect(await findWays(docker, endpoints, 'auto', '00-own')).toEqual([
      { transport: 'docker', network: 'kind', endpoints: [{ host: '172.18.0.2', port: 31820 }, { host: '172.18.0.3', port: 31820 }] },
      { transport: 'udp', endpoints: [{ host: '172.18.0.2', port: 31820 }, { host: '172.18.0.3', port: 31820 }, { host: 'hub.example', port: 51820 }] },
    ]);
    expect((await findWays(docker, endpoints, 'udp', '00-own')).map(({ transport }) => transport)).toEqual(['udp']);
  });

  test('nodes elsewhere: from outside only, and docker cannot be forced', async () => {
    const docker = fakeDocker();
    expect((await findWays(docker, endpoints, 'auto', '00-own')).map(({ transport }) => transport)).toEqual(['udp']);
    await expect(findWays(docker, endpoints, 'docker', '00-own')).rejects.toMatchObject({ facts: { code: 'transport-unavailable' } });
    await expect(findWays(docker, [], 'udp', '00-own')).rejects.toMatchObject({ facts: { code: 'hub-no-endpoint' } });
  });

  test('over the API server: when it is forced, and when the cluster names no address', async () => {
    const docker = fakeDocker();
    expect(await findWays(docker, endpoints, 'api', '00-own')).toEqual([{ transport: 'api', endpoints: [] }]);
    expect(await findWays(docker, [], 'auto', '00-own')).toEqual([{ transport: 'api', endpoints: [] }]);
  });

  test('cargo gets a token for it, but not where another way is forced', async () => {
    const { docker, connect } = setup();
    (await connect({ transport: 'udp' })).control.close();
    expect(docker.asked.map(({ method }) => method)).not.toContain('relay');
    expect(docker.asked.find(({ method }) => method === 'configure')?.params).toMatchObject({ fallBack: false });
    (await connect({ transport: 'api' })).control.close();
    expect(docker.asked.find(({ method }) => method === 'relay')?.params).toMatchObject({ token: 'TOKEN', addresses: [{ host: '10.0.0.1', port: 6443 }] });
    expect(docker.asked.filter(({ method }) => method === 'configure').at(-1)?.params).toMatchObject({ transport: 'api', fallBack: false });
  });

  test('cargo joins the nodes\' network; a container there that is no node is left again', async () => {
    let transport = '';
    const { docker, connect } = setup({ configure: (config) => { transport = config.transport; return {}; }, status: () => ({ ...alive, transport, echoAgeMs: transport === 'udp' ? 5 : null }) });
    await withNodes(docker);
    const link = await connect();
    link.control.close();
    expect(link.transport).toBe('udp');
    expect(docker.calls).toContain('connect kind');
    expect(docker.calls).toContain(`disconnect kind ${link.cargoId}`);
  }, 15_000);
});

describe('disconnecting', () => {
  const bridge = (name: string, client: string, namespace = 'shop'): KubeObject => ({ apiVersion: '', kind: 'Bridge', metadata: { name, namespace }, spec: { client } } as KubeObject);

  test('ends the link\'s bridges and removes all that is its own, and nothing else', async () => {
    const { docker, cluster, connect } = setup();
    const link = await connect();
    link.control.close();
    await cluster.create(bridge('mine', link.client));
    await cluster.create(bridge('theirs', 'ben-000001'));
    docker.state.images.set('app', 'sha256:app');
    await docker.containers.create({ name: 'api-ann', image: 'app', labels: { [labels.link]: link.client, [labels.role]: 'app' }, networks: [{ network: link.network }] });
    const stranger = await docker.containers.create({ name: 'stranger', image: 'app', labels: {}, networks: [{ network: link.network }] });
    await docker.networks.connect(link.network, stranger);
    await docker.volumes.create('own', { [labels.link]: link.client });
    await docker.volumes.create('other', { [labels.link]: 'ben-000001' });
    const removed = await disconnectLink({ docker, cluster, link: link.client });
    expect(removed).toEqual({ bridges: [{ namespace: 'shop', name: 'mine' }], containers: ['api-ann', link.cargo], networks: [link.network], volumes: [`podbridge-${link.client}-tickets`, 'own'], client: true });
    expect([...docker.state.containers.values()].map(({ name }) => name)).toEqual(['stranger']);
    expect([...cluster.objects.keys()]).toEqual(['Bridge shop/theirs']);
    expect([...docker.state.volumes.keys()]).toEqual(['other']);
    expect(cluster.writes.indexOf('patch Bridge shop/mine')).toBeLessThan(cluster.writes.indexOf('delete Bridge shop/mine'));
    expect(cluster.writes.indexOf('delete Bridge shop/mine')).toBeLessThan(cluster.writes.indexOf(`delete Client ${systemNamespace}/${link.client}`));
    expect(await disconnectLink({ docker, cluster, link: link.client })).toEqual({ bridges: [], containers: [], networks: [], volumes: [], client: false });
  });

  test('who may not list everywhere lists where the link\'s containers belong', async () => {
    const { docker, cluster, connect } = setup(living(), { fail: (verb, kind, namespace) => { if (verb === 'list' && kind === 'Bridge' && namespace !== 'shop') throw clusterError('cluster-forbidden'); } });
    const link = await connect();
    link.control.close();
    docker.state.images.set('app', 'sha256:app');
    await docker.containers.create({ name: 'api-ann', image: 'app', labels: { [labels.link]: link.client, [labels.role]: 'app', [labels.namespace]: 'shop' } });
    await cluster.create(bridge('mine', link.client));
    expect(await bridgesOfLink(docker, cluster, link.client)).toEqual([{ namespace: 'shop', name: 'mine' }]);
  });

  test('and where cargo knows of bridges that have no container, as a tap', async () => {
    const answers = living();
    const status = answers.status as (params: object) => object;
    const { docker, cluster, connect } = setup({ ...answers, status: (params) => ({ ...status(params), sessions: [{ namespace: 'shop', name: 'mine' }] }) }, { fail: (verb, kind, namespace) => { if (verb === 'list' && kind === 'Bridge' && namespace !== 'shop') throw clusterError('cluster-forbidden'); } });
    const link = await connect();
    link.control.close();
    await cluster.create(bridge('mine', link.client));
    expect(await bridgesOfLink(docker, cluster, link.client)).toEqual([{ namespace: 'shop', name: 'mine' }]);
  });

  test('an uninstalled cluster side does not keep a link from going', async () => {
    const { docker, connect } = setup();
    const link = await connect();
    link.control.close();
    const without = fakeCluster({ fail: () => { throw clusterError('cluster-kind-missing'); } });
    expect(await disconnectLink({ docker, cluster: without, link: link.client })).toMatchObject({ containers: [link.cargo], client: false });
  });

  test('a cluster that is gone: the Docker side of its own links goes, others stay', async () => {
    const { docker, cluster, connect } = setup();
    const other = fakeCluster({ onWrite: serve(), server: 'https://10.0.0.2:6443' });
    const [link, stays] = [await connect(), await connectLink({ docker, cluster: other, cargoImage: Promise.resolve('podbridge/cargo:1') })];
    link.control.close();
    stays.control.close();
    const { removed } = await disconnectHere(docker, cluster, clusterError('cluster-unreachable'));
    expect(removed).toEqual([expect.objectContaining({ link: link.client, containers: [link.cargo] })]);
    expect((await listLinks(docker)).map(({ link: name }) => name)).toEqual([stays.client]);
    await expect(disconnectHere(docker, cluster, clusterError('cluster-unreachable'))).rejects.toMatchObject({ facts: { code: 'cluster-unreachable' } });
    await expect(disconnectHere(docker, other, clusterError('cluster-forbidden'))).rejects.toMatchObject({ facts: { code: 'cluster-forbidden' } });
  });
});
