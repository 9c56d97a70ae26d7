import { expect, jest, test } from '@jest/globals';
import { openControl } from '../../../cli/link/control-client.ts';
import { fakeDocker, type CargoAnswers } from '../support/fake-docker.ts';

async function open(answers: CargoAnswers) {
  const docker = fakeDocker(answers);
  docker.state.images.set('cargo', 'sha256:c');
  const id = await docker.containers.create({ name: 'cargo', image: 'cargo', labels: {} });
  await docker.containers.start(id);
  return openControl(docker, 'cargo');
}
const bridge = { namespace: 'shop', name: 'api' };

test('answers find their question, in whatever order they come', async () => {
  let release: () => void = () => undefined;
  const control = await open({ status: () => new Promise((resolve) => { release = () => resolve({ mtu: 1420 }); }), unforward: () => ({}) });
  const slow = control.call('status', {});
  expect(await control.call('unforward', { bridge })).toEqual({});
  release();
  expect(await slow).toEqual({ mtu: 1420 });
  control.close();
  await control.ended;
});

test.each([['usage', 'defect'], ['unreachable', 'environment'], ['refused', 'environment'], ['internal', 'defect']] as const)('%s of cargo is an error of the kind %s', async (code, kind) => {
  const control = await open({ identity: () => { throw Object.assign(new Error('because'), { code, message: 'because' }); } });
  await expect(control.call('identity', { agent: '10.0.0.1:7080', bridge })).rejects.toMatchObject({ facts: { kind, code: `cargo-${code}`, why: 'because', next: 'docker logs cargo' } });
  control.close();
});

test('a silent cargo is not waited for', async () => {
  jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
  try {
    const control = await open({ status: () => new Promise(() => undefined) });
    const asked = expect(control.call('status', {}, 3000)).rejects.toMatchObject({ facts: { kind: 'timeout', code: 'cargo-silent' } });
    await jest.advanceTimersByTimeAsync(3000);
    await asked;
    control.close();
  } finally {
    jest.useRealTimers();
  }
});

test('the end of the connection ends every question, and later ones at once', async () => {
  const control = await open({ status: () => new Promise(() => undefined) });
  const asked = expect(control.call('status', {})).rejects.toMatchObject({ facts: { code: 'cargo-gone', next: 'bridge up' } });
  control.close();
  await asked;
  await control.ended;
  await expect(control.call('hello', {})).rejects.toMatchObject({ facts: { code: 'cargo-gone' } });
});
