import { expect, test } from '@jest/globals';
import { openControl } from '../../../cli/link/control-client.ts';
import { lastingControl } from '../../../cli/link/lasting-control.ts';
import { fakeDocker, type CargoAnswers } from '../support/fake-docker.ts';

const api = { namespace: 'shop', name: 'api' };
const web = { namespace: 'shop', name: 'web' };

async function setup(answers: CargoAnswers = {}) {
  const docker = fakeDocker(answers);
  docker.state.images.set('cargo', 'sha256:c');
  const make = async (): Promise<string> => {
    const id = await docker.containers.create({ name: 'cargo', image: 'cargo', labels: {} });
    await docker.containers.start(id);
    return id;
  };
  const id = await make();
  const connection = await openControl(docker, 'cargo');
  const methods = (): unknown[] => docker.asked.map(({ method, params }) => [method, (params as { bridge?: { name: string } }).bridge?.name]);
  return { docker, make, id, connection, control: lastingControl(docker, 'cargo', connection), methods };
}

test('a broken connection is opened anew, and every lifeline is held again', async () => {
  const { docker, control, connection, methods } = await setup();
  await control.call('lifeline', { bridge: { ...api, uid: 'u-1' } });
  await control.call('lifeline', { bridge: web });
  await control.call('release', { bridge: web });
  docker.asked.length = 0;
  connection.close();
  await connection.ended;
  await control.call('status', {});
  expect(methods()).toEqual([['lifeline', 'api'], ['status', undefined]]);
  expect(docker.asked[0]!.params).toEqual({ bridge: { ...api, uid: 'u-1' } });
  control.close();
  await control.ended;
});

test('a request that was under way is asked again of the cargo that replaces it', async () => {
  let silent = true;
  const { docker, control, make, id, connection } = await setup({ unforward: () => (silent ? new Promise(() => undefined) : {}) });
  const asked = control.call('unforward', { bridge: api });
  await docker.containers.remove(id);
  silent = false;
  connection.close();
  await new Promise((resolve) => setTimeout(resolve, 300));
  await make();
  expect(await asked).toEqual({});
  control.close();
});

test('an error of cargo is no broken connection', async () => {
  const { control, methods } = await setup({ identity: () => { throw Object.assign(new Error('no'), { code: 'refused' }); } });
  await expect(control.call('identity', { agent: '10.0.0.1:7080', bridge: api })).rejects.toMatchObject({ facts: { code: 'cargo-refused' } });
  expect(methods()).toHaveLength(1);
  control.close();
});

test('closed on purpose: nothing is opened again', async () => {
  const { docker, control } = await setup();
  control.close();
  await control.ended;
  await new Promise((resolve) => setTimeout(resolve, 300));
  await expect(control.call('status', {})).rejects.toMatchObject({ facts: { code: 'cargo-gone' } });
  expect(docker.asked).toEqual([]);
});
