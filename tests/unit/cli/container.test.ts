import { describe, expect, test } from '@jest/globals';
import { appContainer, type ContainerFlags } from '../../../cli/bridge/app-container.ts';
import { expandWords, shapeWarnings } from '../../../cli/bridge/as-pod.ts';
import { registryOf } from '../../../cli/bridge/app-image.ts';
import { parseBind } from '../../../cli/bridge/bind.ts';
import { addressesOf, freeAddress } from '../../../cli/bridge/free-address.ts';
import { containerNames, makeContainer } from '../../../cli/bridge/make-container.ts';
import { checkName, defaultBridgeName, defaultContainerName, ownerSlug } from '../../../cli/bridge/owner-slug.ts';
import { parsePublish } from '../../../cli/bridge/publish.ts';
import { sessionOf, sweep } from '../../../cli/bridge/sweep.ts';
import type { Cluster } from '../../../cli/adapters/cluster/index.ts';
import type { ContainerSpec, Docker, ImageInfo } from '../../../cli/adapters/docker/index.ts';
import { BridgeError } from '../../../cli/errors.ts';
import { linkName } from '../../../cli/link/link-name.ts';
import type { Identity } from '../../../protocol/identity.ts';
import { labels } from '../../../protocol/names.ts';

describe('-p', () => {
  test.each([
    ['80', [{ containerPort: 80, protocol: 'tcp' }]], ['8080:80', [{ containerPort: 80, protocol: 'tcp', hostPort: 8080 }]], ['127.0.0.1:8080:80/udp', [{ containerPort: 80, protocol: 'udp', hostIp: '127.0.0.1', hostPort: 8080 }]],
    ['127.0.0.1::80', [{ containerPort: 80, protocol: 'tcp', hostIp: '127.0.0.1' }]], ['[::1]:8080:80', [{ containerPort: 80, protocol: 'tcp', hostIp: '::1', hostPort: 8080 }]],
    ['8000-8001:80-81', [{ containerPort: 80, protocol: 'tcp', hostPort: 8000 }, { containerPort: 81, protocol: 'tcp', hostPort: 8001 }]],
  ])('%s', (flag, ports) => expect(parsePublish(flag)).toEqual(ports));
  test.each(['', ':', '80:', 'x:80', '0:80', '80/sctp', '1:2:3:4', '8000-8002:80-81', '81-80'])('%j is refused', (flag) => expect(() => parsePublish(flag)).toThrow(/is no port to publish/));
});

describe('-v', () => {
  test.each([
    ['/a:/b', '/a:/b'], ['.:/src', '/project:/src'], ['./x:/src:ro', '/project/x:/src:ro'], ['../x:/src', '/x:/src'], ['~/x:/src', '/home/ann/x:/src'], ['~:/src', '/home/ann:/src'], ['data:/var/lib:rw,z', 'data:/var/lib:rw,z'], ['C:\\x:/src', undefined],
  ])('%s', (flag, bind) => bind === undefined ? expect(parseBind(flag, '/project', '/home/ann')).toMatch(/:\/src$/) : expect(parseBind(flag, '/project', '/home/ann')).toBe(bind));
  test.each(['/a', '/a:b', '', ':/b', 'a b:/c', '/a:/b:ro:x'])('%j is refused', (flag) => expect(() => parseBind(flag, '/project', '/home/ann')).toThrow(expect.objectContaining({ facts: expect.objectContaining({ code: 'volume-malformed', what: expect.stringMatching(/is no volume/) }) })));
});

test('names', () => {
  expect(['ann@example.com', 'system:serviceaccount:ci:runner', 'kubernetes-admin', 'Ann O\'Hara', '???', 'x'.repeat(40), 'ci:runner:'].map(ownerSlug)).toEqual(['ann', 'runner', 'kubernetes-admin', 'ann-o-hara', 'user', 'x'.repeat(20), 'user']);
  expect(defaultBridgeName('api', 'ann')).toBe('api-ann');
  expect(defaultBridgeName('web.v1', 'ann')).toBe('web-v1-ann');
  expect(defaultBridgeName('a'.repeat(70), 'ann')).toHaveLength(63);
  expect(defaultContainerName('registry.example/team/My_App:1', 'ann')).toMatch(/^my-app-[0-9a-f]{4}-ann$/);
  expect(() => checkName('Api')).toThrow(expect.objectContaining({ facts: expect.objectContaining({ code: 'name-malformed', what: expect.stringMatching(/cannot be a name/) }) }));
  expect(() => checkName('api-2')).not.toThrow();
  expect(containerNames('api-ann', false, { namespace: 'shop', client: 'ann-3f9c1a' })).toEqual(['api-ann', 'api-ann-shop', 'api-ann-3f9c1a']);
  expect(containerNames('mine', true, { namespace: 'shop', client: 'ann-3f9c1a' })).toEqual(['mine']);
  expect(['redis', 'a/b:1', 'ghcr.io/a/b', 'localhost/b', 'localhost:5000/b'].map(registryOf)).toEqual(['https://index.docker.io/v1/', 'https://index.docker.io/v1/', 'ghcr.io', 'localhost', 'localhost:5000']);
});

const flags: ContainerFlags = { image: 'api:dev', name: 'api-ann', env: [['OWN', '1']], binds: ['/a:/b'], publish: [], interactive: false, tty: false, remove: false, detach: false, retain: false, command: [] };
const image: ImageInfo = { id: 'i', tags: [], labels: {}, env: ['PATH=/usr/bin', 'LEVEL=info'], user: '', workingDir: '', entrypoint: [], command: [], exposedPorts: [], architecture: 'amd64', size: 1 };
const place = { network: '00-podbridge-ann', address: '10.87.0.20', dns: '10.87.0.2', domain: 'cluster.local', client: 'ann-3f9c1a', namespace: 'shop', owner: 'ann', session: 'laptop/4711' };
const identity: Identity = {
  pod: { name: 'api-1', namespace: 'shop', uid: 'u', node: 'n', addresses: [], serviceAccount: 'default' }, container: { name: 'api', image: 'api:1' }, env: [['PATH', '/x'], ['LEVEL', 'debug'], ['MULTI', 'a\nb']],
  workingDir: '/', user: { uid: 1, gid: 1, groups: [] }, hostname: 'api-1', resolv: { nameservers: ['10.96.0.10'], search: ['shop.svc.cluster.local', 'corp.example'], options: ['ndots:5', 'timeout:1'] },
  hosts: [{ ip: '10.1.1.1', names: ['legacy', 'legacy.corp'] }], limits: {}, command: [], loopbackPorts: [5432, 3000],
};

describe('the container', () => {
  test('has the pod\'s environment, DNS and hosts, and is found by its labels', () => {
    const spec = appContainer(flags, image, place, { bridge: 'api-ann', bridgeUid: 'uid-1', identity, podContainer: { name: 'api', env: [{ name: 'LEVEL' }] } });
    expect(spec).toMatchObject({
      env: ['LEVEL=debug', 'MULTI=a\nb', 'OWN=1'], extraHosts: ['legacy:10.1.1.1', 'legacy.corp:10.1.1.1'], networks: [{ network: '00-podbridge-ann', ipv4Address: '10.87.0.20', gatewayPriority: 1000 }],
      dns: { servers: ['10.87.0.2'], search: ['shop.svc.cluster.local', 'corp.example'], options: ['ndots:5', 'timeout:1'] },
      labels: { [labels.role]: 'app', [labels.bridge]: 'api-ann', [labels.bridgeUid]: 'uid-1', [labels.namespace]: 'shop', [labels.link]: 'ann-3f9c1a', [labels.session]: 'laptop/4711' },
    });
    expect(spec).not.toHaveProperty('command');
    expect(spec).not.toHaveProperty('capAdd');
  });

  test('without a target: the namespace\'s DNS, no bridge', () => {
    const spec = appContainer({ ...flags, detach: true, remove: true, entrypoint: '', command: ['sh'] }, image, place, undefined);
    expect(spec).toMatchObject({ env: ['OWN=1'], dns: { search: ['shop.svc.cluster.local', 'svc.cluster.local', 'cluster.local'], options: ['ndots:5'] }, autoRemove: true, entrypoint: [''], command: ['sh'] });
    expect(spec.labels).not.toHaveProperty([labels.bridge]);
    expect(spec.labels).not.toHaveProperty([labels.session]);
  });
});

describe('--egress pod', () => {
  const make = (egress: 'hub' | 'pod') => appContainer({ ...flags, egress, ownPorts: [3000] }, image, place, { bridge: 'api-ann', bridgeUid: 'uid-1', identity, podContainer: { name: 'api' } });

  test('the pod\'s loopback has a name, and ports of its sidecars lead there but where the app listens itself', () => {
    expect(make('pod')).toMatchObject({ extraHosts: ['legacy:10.1.1.1', 'legacy.corp:10.1.1.1', 'pod-localhost:169.254.77.1'], labels: { [labels.loopback]: '5432' } });
    expect(make('hub').extraHosts).toEqual(['legacy:10.1.1.1', 'legacy.corp:10.1.1.1']);
    expect(make('hub').labels).not.toHaveProperty([labels.loopback]);
  });
});

describe('--as-pod and --limits', () => {
  const podContainer = {
    name: 'api', command: ['/server', '--port=$(PORT)', '$$(PORT)', '$(UNKNOWN)'], args: ['--name', '$(NAME)$(NAME)'], workingDir: '/srv',
    securityContext: { capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] }, allowPrivilegeEscalation: false, readOnlyRootFilesystem: true },
  };
  const whole: Identity = { ...identity, env: [['PORT', '8080'], ['NAME', 'a$b']], user: { uid: 1000, gid: 2000, groups: [2000, 3000] }, workingDir: '/elsewhere', limits: { cpuMillis: 1500, memoryBytes: 64 * 2 ** 20 } };
  const make = (more: Partial<ContainerFlags>, container: object = podContainer, cpus = 4) => appContainer({ ...flags, ...more }, image, { ...place, cpus }, { bridge: 'b', bridgeUid: 'u', identity: whole, podContainer: { name: 'api', ...container } });
  const limits = { memoryBytes: 64 * 2 ** 20, memorySwapBytes: 64 * 2 ** 20, nanoCpus: 1.5e9 };

  test('everything', () => {
    expect(make({ asPod: true })).toMatchObject({
      user: '1000:2000', groups: ['3000'], workingDir: '/srv', hostname: 'api-1', entrypoint: ['/server', '--port=8080', '$(PORT)', '$(UNKNOWN)'], command: ['--name', 'a$ba$b'],
      capDrop: ['ALL'], capAdd: ['NET_BIND_SERVICE'], securityOptions: ['no-new-privileges'], readOnly: true, ...limits,
    });
  });

  test('without them, nothing of it', () => {
    const spec = make({});
    for (const field of ['user', 'groups', 'workingDir', 'hostname', 'entrypoint', 'command', 'capDrop', 'securityOptions', 'readOnly', 'memoryBytes', 'nanoCpus']) expect(spec).not.toHaveProperty([field]);
  });

  test('limits alone', () => {
    const spec = make({ limits: true });
    expect(spec).toMatchObject(limits);
    expect(spec).not.toHaveProperty('user');
  });

  test('a limit beyond this machine, or below what Docker takes', () => {
    expect(make({ limits: true }, {}, 1).nanoCpus).toBe(1e9);
    const tiny = appContainer({ ...flags, limits: true }, image, place, { bridge: 'b', bridgeUid: 'u', identity: { ...whole, limits: { cpuMillis: 1, memoryBytes: 1000 } }, podContainer });
    expect([tiny.nanoCpus, tiny.memoryBytes]).toEqual([1e7, 6 * 2 ** 20]);
    expect(shapeWarnings({ limits: true }, { identity: whole, podContainer }, { cpus: 1 }).map(({ code }) => code)).toEqual(['fewer-cpus']);
    expect(shapeWarnings({ limits: true }, { identity, podContainer }, { cpus: 1 }).map(({ code }) => code)).toEqual(['no-limits']);
    expect(shapeWarnings({ asPod: true }, { identity, podContainer: { name: 'api', securityContext: { privileged: true } } }, { cpus: 1 }).map(({ code }) => code)).toEqual(['not-privileged']);
  });

  test('the user\'s own words win, each over its own part', () => {
    expect(make({ asPod: true, user: '0', workdir: '/mine', command: ['bash'] })).toMatchObject({ user: '0', workingDir: '/mine', command: ['bash'], hostname: 'api-1' });
    expect(make({ asPod: true, command: ['bash'] })).not.toHaveProperty('entrypoint');
    expect(make({ asPod: true, entrypoint: 'sh' })).toMatchObject({ entrypoint: ['sh'] });
    expect(make({ asPod: true, entrypoint: 'sh' })).not.toHaveProperty('command');
  });

  test('args alone keep the image\'s entrypoint; the process\'s directory where none is declared', () => {
    const spec = make({ asPod: true }, { args: ['serve'] });
    expect(spec).toMatchObject({ command: ['serve'], workingDir: '/elsewhere' });
    expect(spec).not.toHaveProperty('entrypoint');
  });

  test('$(NAME)', () => {
    expect(expandWords(['$(A)', '$$(A)', '$$$(A)', '$A', '$(A', '$()', '$$$$'], [['A', '$(B)'], ['B', 'x']])).toEqual(['$(B)', '$(A)', '$$(B)', '$A', '$(A', '$()', '$$']);
  });
});

/** Docker that remembers containers; names and addresses in use are refused as the daemon does. */
function fakeDocker(existing: { name: string; labels?: Record<string, string>; address?: string; state?: 'running' | 'exited' }[] = []) {
  const containers = existing.map((container, index) => ({ id: `old-${index}`, image: '', imageId: '', state: 'running', addresses: {}, labels: {}, ...container }));
  const removed: string[] = [];
  const docker = {
    networks: { find: async () => ({ subnets: ['10.87.0.0/24'], gateway: '10.87.0.1', auxiliary: { DefaultGatewayIPv4: '10.87.0.2' }, containers: containers.filter(({ state }) => state === 'running').map(({ name, address }) => ({ name, ipv4Address: address ?? '' })) }) },
    containers: {
      list: async (wanted: Record<string, string>) => containers.filter((container) => Object.entries(wanted).every(([key, value]) => (value === '' ? key in container.labels : container.labels[key] === value))),
      find: async (id: string) => containers.find((container) => container.id === id) && { networks: { net: { requested: containers.find((container) => container.id === id)!.address } } },
      create: async (spec: ContainerSpec) => {
        if (containers.some((container) => container.name === spec.name)) throw new BridgeError({ kind: 'refused', code: 'name-conflict', what: 'taken' });
        containers.push({ id: `new-${containers.length}`, name: spec.name, image: spec.image, imageId: '', state: 'running', addresses: {}, labels: spec.labels, address: spec.networks![0]!.ipv4Address! });
        return containers.at(-1)!.id;
      },
      remove: async (id: string) => {
        removed.push(id);
        const index = containers.findIndex((container) => container.id === id);
        if (index !== -1) containers.splice(index, 1);
        return index !== -1;
      },
    },
    info: async () => ({ id: 'docker-1' }),
    volumes: { list: async () => [] },
  };
  return { docker: docker as unknown as Docker, containers, removed };
}

describe('a fixed address', () => {
  test('beginning at the name\'s own place, beside what is taken; every usable one once', async () => {
    const all = [...addressesOf('10.87.0.0/24', 'api-ann')];
    expect(new Set(all).size).toBe(239);
    expect(all.every((address) => { const last = Number(address.split('.')[3]); return last >= 16 && last < 255; })).toBe(true);
    expect([...addressesOf('10.87.0.0/24', 'api-ann')][0]).toBe(all[0]);
    const { docker } = fakeDocker([{ name: 'x', address: all[0]! }, { name: 'y', address: all[1]!, state: 'exited', labels: { [labels.link]: 'l' } }]);
    expect(await freeAddress(docker, 'net', 'l', 'api-ann', new Set([all[2]!]))).toBe(all[3]);
  });

  test('refused at the start: removed, and the next one is tried', async () => {
    const { docker, removed } = fakeDocker();
    const started: string[] = [];
    const made = await makeContainer({
      docker, client: 'l', network: 'net', names: ['api-ann'], onMade: () => undefined, describe: (name, address) => ({ name, image: 'x', labels: {}, networks: [{ network: 'net', ipv4Address: address }] }),
      start: async ({ address }) => {
        started.push(address);
        if (started.length === 1) throw new BridgeError({ kind: 'environment', code: 'address-in-use', what: 'taken' });
      },
    });
    expect(started).toHaveLength(2);
    expect(made.address).toBe(started[1]);
    expect(removed).toEqual(['new-0']);
  });

  test('a taken name: the next one, or the error', async () => {
    const { docker } = fakeDocker([{ name: 'api-ann' }]);
    const make = (names: string[]) => makeContainer({ docker, client: 'l', network: 'net', names, onMade: () => undefined, start: async () => undefined, describe: (name, address) => ({ name, image: 'x', labels: {}, networks: [{ network: 'net', ipv4Address: address }] }) });
    expect((await make(['api-ann', 'api-ann-shop'])).name).toBe('api-ann-shop');
    await expect(make(['api-ann'])).rejects.toMatchObject({ facts: { kind: 'refused', code: 'name-conflict', next: expect.stringContaining('--name') } });
  });
});

test('sweeping: what has lost its bridge or its foreground run, of this link alone, and nothing that was to be kept', async () => {
  const link = linkName({ server: 'https://lab', username: 'ann', dockerId: 'docker-1' });
  const app = (name: string, more: Record<string, string>) => ({ name, labels: { [labels.role]: 'app', [labels.link]: link, [labels.namespace]: 'shop', ...more } });
  const bridged = (bridge: string, uid: string) => ({ [labels.bridge]: bridge, [labels.bridgeUid]: uid });
  const { docker, containers } = fakeDocker([
    app('living', bridged('living', 'u1')), app('gone', bridged('gone', 'u2')), app('replaced', bridged('replaced', 'old')), app('kept', { ...bridged('gone', 'u2'), [labels.retain]: 'true' }), app('no-target', {}),
    app('killed', { [labels.session]: 'laptop/1' }), app('in-front', { [labels.session]: 'laptop/4711' }), app('other-machine', { [labels.session]: 'desktop/1' }), app('other-link', { ...bridged('gone', 'u2'), [labels.link]: 'bob-000000' }),
  ]);
  const cluster = { context: { server: 'https://lab' }, whoAmI: async () => ({ username: 'ann', groups: [] }), find: async (_: unknown, name: string) => ({ living: { metadata: { uid: 'u1' } }, replaced: { metadata: { uid: 'new' } } })[name] } as unknown as Cluster;
  const host = { process: { pid: 4711, machine: 'laptop', isRunning: (pid: number) => pid === 4711 } };
  expect(sessionOf(host)).toBe('laptop/4711');
  const warnings: string[] = [];
  await sweep(docker, cluster, { ...host, now: () => 0 }, { emit: (event) => void (event.type === 'warning' && warnings.push(event.text)) });
  expect(containers.map(({ name }) => name)).toEqual(['living', 'kept', 'no-target', 'in-front', 'other-machine', 'other-link']);
  // Who has killed a run knows.
  expect(warnings.sort()).toEqual(['gone', 'replaced'].map((name) => `container ${name} was removed: its bridge shop/${name} is gone from the cluster`));
});
