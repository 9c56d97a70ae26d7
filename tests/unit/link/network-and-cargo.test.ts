import { describe, expect, test } from '@jest/globals';
import { labels } from '../../../protocol/names.ts';
import { ensureCargo } from '../../../cli/link/cargo.ts';
import { openControlAhead, type ControlAhead } from '../../../cli/link/control-ahead.ts';
import { clashes, ensureNetwork } from '../../../cli/link/network.ts';
import { overlapping } from '../../../cli/link/subnet.ts';
import { fakeDocker, type FakeDocker } from '../support/fake-docker.ts';

const link = 'ann-00000a';
const ten = Array.from({ length: 10 }, (_, index) => index);
const network = (docker: FakeDocker, avoid: string[] = []) => ensureNetwork({ docker, link, labels: {}, avoid });

describe('the network', () => {
  test('ten at once end with one and the same', async () => {
    const docker = fakeDocker();
    const made = await Promise.all(ten.map(() => network(docker)));
    expect(new Set(made.map(({ id }) => id)).size).toBe(1);
    expect(docker.state.networks.size).toBe(1);
    expect(made.filter(({ created }) => created)).toHaveLength(1);
    expect(docker.state.networks.get(made[0]!.id)?.labels).toMatchObject({ [labels.link]: link, [labels.role]: 'network' });
  });

  test('is found again, and keeps its subnet', async () => {
    const docker = fakeDocker();
    const first = await network(docker);
    expect(await network(docker, [first.subnet.cidr])).toEqual({ ...first, created: false });
  });

  test('stays clear of Docker\'s networks and of what it shall avoid', async () => {
    const docker = fakeDocker();
    await docker.networks.create({ name: 'other', labels: {}, subnet: '10.87.10.0/24', gateway: '10.87.10.1' });
    const { subnet } = await network(docker, ['10.87.11.0/24', '10.87.12.0/23']);
    expect(overlapping(subnet.cidr, ['10.87.10.0/24', '10.87.11.0/24', '10.87.12.0/23'])).toEqual([]);
    expect(clashes({ id: '', name: '', subnet, created: true }, ['10.244.0.0/16', subnet.cidr])).toEqual([subnet.cidr]);
  });

  test('a subnet that Docker refuses although nobody lists it is not tried twice', async () => {
    const docker = fakeDocker();
    const create = docker.networks.create.bind(docker.networks);
    let refusals = 0;
    docker.networks.create = async (spec) => {
      if (refusals++ < 3) {
        const { dockerError } = await import('../support/fake-docker.ts');
        docker.calls.push(`refused ${spec.subnet}`);
        throw dockerError('network-overlap');
      }
      return create(spec);
    };
    await network(docker);
    const tried = docker.calls.filter((call) => call.startsWith('refused'));
    expect(new Set(tried).size).toBe(3);
  });

  test('a network of that name that is not ours is left alone', async () => {
    const docker = fakeDocker();
    await docker.networks.create({ name: `00-podbridge-${link}`, labels: {}, subnet: '10.1.1.0/24', gateway: '10.1.1.1' });
    await expect(network(docker)).rejects.toMatchObject({ facts: { code: 'network-unusable', next: expect.stringContaining('docker network rm') } });
  });
});

describe('cargo', () => {
  async function setup(answers = {}) {
    const docker = fakeDocker(answers);
    const own = await network(docker);
    return { docker, ensure: (image = 'podbridge/cargo:1', ahead?: ControlAhead) => ensureCargo({ docker, link, network: own, image, labels: {}, ...(ahead === undefined ? {} : { ahead }) }), own };
  }

  test('ten at once end with one and the same, which runs', async () => {
    const { docker, ensure } = await setup();
    const made = await Promise.all(ten.map(() => ensure()));
    expect(new Set(made.map(({ id }) => id)).size).toBe(1);
    expect([...docker.state.containers.values()].map(({ running }) => running)).toEqual([true]);
    expect(made.filter(({ created }) => created)).toHaveLength(1);
    for (const { control } of made) control.close();
  });

  test('has no capability but NET_ADMIN, limits, and no secret in its description', async () => {
    const { docker, ensure } = await setup();
    (await ensure()).control.close();
    const spec = [...docker.state.containers.values()][0]?.spec;
    expect(spec).toMatchObject({ capDrop: ['ALL'], capAdd: ['NET_ADMIN'], devices: ['/dev/net/tun'], pidsLimit: expect.any(Number), memoryBytes: expect.any(Number), restart: 'unless-stopped' });
    expect(JSON.stringify(spec)).not.toMatch(/key|token|secret/i);
  });

  test('a stopped one is started, a paused one restarted', async () => {
    const { docker, ensure } = await setup();
    const first = await ensure();
    first.control.close();
    await docker.containers.stop(first.id);
    const again = await ensure();
    expect(again).toMatchObject({ id: first.id, created: false, revived: true });
    again.control.close();
    Object.assign(docker.state.containers.get(first.id)!, { state: 'paused' });
    const unpaused = await ensure();
    expect(unpaused.revived).toBe(true);
    unpaused.control.close();
    const running = await ensure();
    expect(running.revived).toBeUndefined();
    running.control.close();
    expect(docker.calls.filter((call) => call.startsWith('restart'))).toHaveLength(1);
  });

  test('a connection that was opened ahead is used once, and only for the container that it leads to', async () => {
    const { docker, ensure } = await setup();
    const none = openControlAhead(docker, Promise.resolve(link));
    const first = await ensure('podbridge/cargo:1', none);
    first.control.close();
    const ahead = openControlAhead(docker, Promise.resolve(link));
    const second = await ensure('podbridge/cargo:1', ahead);
    expect(await ahead.take(first.id)).toBeUndefined();
    ahead.drop();
    // Dropping what was taken closes nothing.
    expect(await second.control.call('hello', {})).toMatchObject({ publicKey: second.hello.publicKey });
    second.control.close();
    docker.state.images.set('podbridge/cargo:2', 'sha256:two');
    const old = openControlAhead(docker, Promise.resolve(link));
    const third = await ensure('podbridge/cargo:2', old);
    expect(third.id).not.toBe(first.id);
    third.control.close();
    old.drop();
    openControlAhead(docker, Promise.reject(new Error('no cluster'))).drop();
  });

  test('another image replaces it and takes its forwards along', async () => {
    const forwards = [{ bridge: { namespace: 'shop', name: 'api' }, forwards: [{ hubPort: 20000, protocol: 'TCP', address: '10.87.10.20', port: 8080 }] }];
    const { docker, ensure } = await setup({ status: () => ({ forwards }) });
    const first = await ensure();
    first.control.close();
    docker.state.images.set('podbridge/cargo:2', 'sha256:two');
    const second = await ensure('podbridge/cargo:2');
    expect(second.id).not.toBe(first.id);
    expect(second).toMatchObject({ created: true, carriedOver: forwards });
    expect(docker.state.containers.size).toBe(1);
    second.control.close();
  });

  test('one in a network of the same name that is gone is made anew', async () => {
    const { docker, ensure } = await setup();
    const first = await ensure();
    first.control.close();
    docker.state.containers.get(first.id)!.networks = { [`00-podbridge-${link}`]: { id: 'gone', requested: undefined, ipv4Address: undefined } };
    const second = await ensure();
    expect(second.id).not.toBe(first.id);
    second.control.close();
  });

  test('one that does not live says why', async () => {
    const { docker, ensure } = await setup();
    docker.containers.start = async (id) => {
      Object.assign(docker.state.containers.get(id)!, { state: 'exited', running: false, exitCode: 1 });
      const { dockerError } = await import('../support/fake-docker.ts');
      throw dockerError('docker-error');
    };
    await expect(ensure()).rejects.toMatchObject({ facts: { code: 'cargo-failed', detail: 'its last words', what: expect.stringContaining('exit code 1') } });
  });

  test('an image that is not there is said before anything is made', async () => {
    const { docker, ensure } = await setup();
    await expect(ensure('podbridge/cargo:9')).rejects.toMatchObject({ facts: { code: 'image-not-found' } });
    expect(docker.state.containers.size).toBe(0);
  });
});
