import { expect, test } from '@jest/globals';
import { labels } from '../../../protocol/names.ts';
import { BridgeError } from '../../../cli/errors.ts';
import { filesName, startMounter } from '../../../cli/volumes/mounter.ts';
import { removeFiles } from '../../../cli/volumes/remove-files.ts';
import { fakeDocker, type FakeDocker } from '../support/fake-docker.ts';

async function withMounter(live: boolean, prepare: (docker: FakeDocker) => void = () => undefined): Promise<FakeDocker> {
  const docker = fakeDocker();
  await docker.networks.create({ name: 'net', labels: {}, subnet: '10.1.1.0/24', gateway: '10.1.1.1' });
  await docker.containers.create({ name: 'podbridge-ann-1', image: 'podbridge/cargo:1', labels: { [labels.link]: 'ann-1', [labels.role]: 'cargo' } });
  docker.state.images.set('sha256:one', 'sha256:one');
  prepare(docker);
  await startMounter({ docker, link: 'ann-1', network: 'net', namespace: 'shop', owner: 'ann', bridge: 'api-ann', bridgeUid: '0123456789', more: {}, live }, () => undefined);
  return docker;
}
const mounter = (docker: FakeDocker) => [...docker.state.containers.values()].find(({ labels: own }) => own[labels.role] === 'mounter');

test('what brings copies only has no right to mount', async () => {
  const { spec } = mounter(await withMounter(false))!;
  expect(spec.capAdd).not.toContain('SYS_ADMIN');
  expect(spec.devices).toBeUndefined();
  expect(spec.binds).toEqual(['/volumes/api-ann-files-01234567:/files', 'podbridge-ann-1-tickets:/run/podbridge/tickets']);
});

test.each(['error gathering device information while adding custom device "/dev/fuse": no such file or directory', 'path /var/lib/docker/x is mounted on / but it is not a shared mount'])('Docker says "%s": copies it is', async (text) => {
  const docker = await withMounter(true, (fake) => {
    const start = fake.containers.start.bind(fake.containers);
    fake.containers.start = async (id) => {
      if (fake.state.containers.get(id)?.spec.devices !== undefined) throw new BridgeError({ kind: 'environment', code: 'docker-error', what: 'Docker could not start it', why: text });
      await start(id);
    };
  });
  expect(mounter(docker)).toMatchObject({ running: true, spec: { binds: [expect.not.stringContaining('rshared'), expect.anything()] } });
});

test('the container is asked to stop before it is removed; then the volume goes, and nobody else\'s', async () => {
  const docker = await withMounter(true);
  await docker.volumes.create('other', { [labels.link]: 'ann-1', [labels.role]: 'volume', [labels.namespace]: 'shop', [labels.bridge]: 'web-ann' });
  const stopped: string[] = [];
  const stop = docker.containers.stop.bind(docker.containers);
  docker.containers.stop = async (id) => { stopped.push(id); return await stop(id); };
  const { id } = mounter(docker)!;
  await removeFiles(docker, { link: 'ann-1', namespace: 'shop', bridge: 'api-ann' });
  expect(stopped).toEqual([id]);
  expect(mounter(docker)).toBeUndefined();
  expect([...docker.state.volumes.keys()]).toEqual(['other']);
});

test('a mount that a killed one has left is taken away first', async () => {
  const docker = await withMounter(true);
  const remove = docker.volumes.remove.bind(docker.volumes);
  let dead = true;
  docker.volumes.remove = async (name) => {
    if (dead) throw new BridgeError({ kind: 'environment', code: 'docker-error', what: 'transport endpoint is not connected' });
    return await remove(name);
  };
  docker.containers.wait = async () => { dead = false; return 0; };
  await removeFiles(docker, { link: 'ann-1', namespace: 'shop', bridge: 'api-ann' });
  expect(docker.state.volumes.size).toBe(0);
  expect(docker.calls).toContain('remove api-ann-files-01234567-unmount');
});

test('names stay short', () => {
  expect(filesName('a'.repeat(63), '0123456789').length).toBeLessThanOrEqual(63);
});
