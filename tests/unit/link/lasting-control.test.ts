import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { execa } from 'execa';
import { openControl } from '../../../cli/link/control-client.ts';
import { lastingControl } from '../../../cli/link/lasting-control.ts';
import { cargoName, networkName } from '../../../cli/link/link-name.ts';
import { fakeDocker, type CargoAnswers } from '../support/fake-docker.ts';

const api = { namespace: 'shop', name: 'api' };
const web = { namespace: 'shop', name: 'web' };

async function setup(answers: CargoAnswers = {}) {
  const docker = fakeDocker(answers);
  docker.state.images.set('cargo', 'sha256:c');
  const network = await docker.networks.create({ name: networkName('ann'), labels: {}, subnet: '10.87.0.0/24', gateway: '10.87.0.1' });
  const make = async (): Promise<string> => {
    const id = await docker.containers.create({ name: cargoName('ann'), image: 'cargo', labels: {} });
    await docker.containers.start(id);
    return id;
  };
  const id = await make();
  const connection = await openControl(docker, id);
  const methods = (): unknown[] => docker.asked.map(({ method, params }) => [method, (params as { bridge?: { name: string } }).bridge?.name]);
  return { docker, make, id, network, connection, control: lastingControl(docker, 'ann', connection), methods };
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

test('a link that somebody else takes down is not waited for: neither by what was under way nor by what is asked later', async () => {
  const { docker, control, id, network, connection } = await setup({ unforward: () => new Promise(() => undefined) });
  const asked = control.call('unforward', { bridge: api });
  asked.catch(() => undefined);
  await docker.containers.remove(id);
  connection.close();
  await docker.networks.remove(network);
  const takenDown = { facts: { code: 'link-taken-down', what: 'the link ann was taken down from elsewhere (bridge down)' } };
  await expect(asked).rejects.toMatchObject(takenDown);
  await expect(control.call('release', { bridge: api })).rejects.toMatchObject(takenDown);
});

/** In a process of its own, that ends when nothing is left to wait for. */
const alone = (code: string) => execa(process.execPath, ['--input-type=module', '--eval', code], { cwd: join(import.meta.dirname, '..', '..', '..'), reject: false, extendEnv: false });

test('who waits for a link that is away is kept alive by that', async () => {
  const { stdout, stderr } = await alone(`
    import { lastingControl } from './cli/link/lasting-control.ts';
    const gone = async () => { throw new Error('gone'); };
    let looks = 0;
    const docker = { containers: { execStream: gone, find: async () => (++looks < 3 ? {} : undefined) }, networks: { find: async () => undefined } };
    const first = { ended: Promise.resolve(), call: gone, close() {} };
    const control = lastingControl(docker, 'ann', first);
    await new Promise((resolve) => setImmediate(resolve));
    await control.call('status', {}).catch(({ facts }) => console.log(facts.code));
  `);
  expect([stdout, stderr]).toEqual(['link-taken-down', '']);
});

test('a program that waits for nothing that can come says so, and shows no source', async () => {
  const { exitCode, stderr } = await alone(`
    import { tellStuck } from './cli/process-host.ts';
    tellStuck();
    await new Promise(() => undefined);
  `);
  expect(exitCode).toBe(1);
  expect(stderr).toBe('error: the command waited for something that cannot come any more\n  why:  this is a defect of podbridge\n  next: report it with what was typed, and with `bridge version -o json`');
});
