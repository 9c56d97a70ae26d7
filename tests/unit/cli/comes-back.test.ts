import { expect, test } from '@jest/globals';
import { comesBack } from '../../../cli/bridge/comes-back.ts';
import { fakeDocker } from '../support/fake-docker.ts';

async function ended(asked: boolean) {
  const docker = fakeDocker();
  const id = await docker.containers.create({ name: 'app', image: 'podbridge/cargo:1', labels: {} });
  docker.pastEvents = async () => (asked ? [{ type: 'container', action: 'kill', id, attributes: {}, timeNano: 1 }] : []);
  return { docker, id };
}

test('an app that ends by itself has ended, and nobody waits', async () => {
  const { docker, id } = await ended(false);
  setTimeout(() => void docker.containers.start(id), 0);
  expect(await comesBack(docker, id)).toBe(false);
});

test('one that was stopped and started again goes on', async () => {
  const { docker, id } = await ended(true);
  setTimeout(() => void docker.containers.start(id), 50);
  expect(await comesBack(docker, id)).toBe(true);
});

test('one that was stopped and removed has ended', async () => {
  const { docker, id } = await ended(true);
  setTimeout(() => void docker.containers.remove(id), 50);
  expect(await comesBack(docker, id)).toBe(false);
});

test('a Docker that does not answer knows of no restart', async () => {
  const { docker, id } = await ended(true);
  docker.pastEvents = async () => { throw new Error('gone'); };
  expect(await comesBack(docker, id)).toBe(false);
});
