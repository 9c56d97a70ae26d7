/** The embedded cluster as a thing that is made, found, healed and removed: through its command. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { execa, type Result } from 'execa';
import { clusterLabel } from '../cluster/labels.ts';

const name = `life-${process.pid}`;
const setUpLimitMs = 20 * 60_000;
const testLimitMs = 180_000;
const usersOwn = 'apiVersion: v1\nkind: Config\ncurrent-context: production\n';

let home: string;

/** The cluster command, as a user with a kubeconfig of their own runs it. */
const cluster = (...args: string[]): Promise<Result> =>
  execa(process.execPath, ['tests/cluster/cli.ts', ...args, '--name', name], {
    reject: false, extendEnv: true,
    env: { PODBRIDGE_TEST_PROVIDER: 'embedded', PODBRIDGE_TEST_CONTEXT: '', KUBECONFIG: join(home, 'config'), XDG_CACHE_HOME: process.env.XDG_CACHE_HOME || join(homedir(), '.cache') },
  });
const kubectl = (...args: string[]): Promise<Result> =>
  execa(process.execPath, ['tests/cluster/cli.ts', 'kubectl', ...args], { reject: false, env: { PODBRIDGE_TEST_PROVIDER: 'embedded', PODBRIDGE_TEST_CONTEXT: '', PODBRIDGE_TEST_CLUSTER: name } });
const docker = async (...args: string[]): Promise<string> => (await execa('docker', args)).stdout;
const ownedBy = async (...command: string[]): Promise<string[]> => (await docker(...command, '--filter', `label=${clusterLabel}=${name}`)).split('\n').filter(Boolean).sort();
const containers = (): Promise<string[]> => ownedBy('ps', '--all', '--quiet');

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'home-'));
  await writeFile(join(home, 'config'), usersOwn);
});
afterAll(async () => {
  await cluster('down');
  await rm(home, { recursive: true });
}, testLimitMs);

describe('the embedded cluster', () => {
  test('is made once by two who ask at the same time', async () => {
    const both = await Promise.all([cluster('up', '--nodes', '2'), cluster('up', '--nodes', '2')]);
    for (const each of both) {
      expect(each).toMatchObject({ exitCode: 0 });
      expect(each.stdout).toContain(`Cluster ${name} (embedded) is ready: ${name}-node-1, ${name}-node-2`);
    }
    // One of them made it, with every step and its time on stderr; the other waited.
    const stories = both.map((each) => each.stderr as string);
    expect(stories.filter((story) => /making 2 nodes of cluster .*: \d+\.\d s/.test(story))).toHaveLength(1);
    expect(await containers()).toHaveLength(2);
  }, setUpLimitMs);

  test('prints a kubeconfig that works, and nothing else, on stdout', async () => {
    const printed = await cluster('kubeconfig');
    const path = join(home, 'printed');
    await writeFile(path, printed.stdout as string);
    const asked = await kubectl('--kubeconfig', path, 'get', 'nodes', '--output', 'name');
    expect((asked.stdout as string).split('\n')).toEqual([`node/${name}-node-1`, `node/${name}-node-2`]);
  }, testLimitMs);

  test('stays the same containers when it is asked for again', async () => {
    const before = await containers();
    const start = performance.now();
    expect(await cluster('up')).toMatchObject({ exitCode: 0 });
    expect(performance.now() - start).toBeLessThan(10_000);
    expect(await containers()).toEqual(before);
    expect((await cluster('status')).stdout).toContain(`${name} (embedded): ready`);
  }, testLimitMs);

  test('comes back when a node is restarted', async () => {
    await docker('restart', `${name}-node-2`);
    expect(await cluster('up')).toMatchObject({ exitCode: 0 });
    expect((await kubectl('get', 'nodes', '--output', 'jsonpath={.items[*].status.conditions[?(@.type=="Ready")].status}')).stdout).toBe('True True');
  }, testLimitMs);

  test('comes back when the API server is killed', async () => {
    const node = `${name}-node-1`;
    const before = await docker('exec', node, 'node-service', 'status', 'kube-apiserver');
    await docker('exec', node, 'node-service', 'kill', 'kube-apiserver');
    expect(await cluster('up')).toMatchObject({ exitCode: 0 });
    expect(await docker('exec', node, 'node-service', 'status', 'kube-apiserver')).not.toBe(before);
  }, testLimitMs);

  test('keeps a stopped component stopped until it is started', async () => {
    const node = `${name}-node-1`;
    await docker('exec', node, 'node-service', 'stop', 'kube-scheduler');
    expect((await execa('docker', ['exec', node, 'node-service', 'status', 'kube-scheduler'], { reject: false })).stdout).toBe('stopped');
    await docker('exec', node, 'node-service', 'start', 'kube-scheduler');
    expect(await docker('exec', node, 'node-service', 'restart', 'kube-scheduler')).toBe('');
  }, testLimitMs);

  test('is healed after all of it was stopped, as by a restart of the machine', async () => {
    const before = await containers();
    await docker('stop', ...before);
    expect(await cluster('status')).toMatchObject({ exitCode: 3, stdout: expect.stringContaining('stopped') });
    expect(await cluster('kubeconfig')).toMatchObject({ exitCode: 3, stdout: '', stderr: expect.stringContaining('npm run cluster -- up') });
    expect(await cluster('up')).toMatchObject({ exitCode: 0 });
    expect(await containers()).toEqual(before);
  }, testLimitMs);

  test('is made anew when a node is lost, with as many nodes as before', async () => {
    await docker('rm', '--force', `${name}-node-2`);
    const made = await cluster('up');
    expect(made).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('lost 1 of its 2 nodes') });
    expect(await containers()).toHaveLength(2);
  }, testLimitMs);

  test('leaves no container, network or volume when it is removed, even with a guest on its network', async () => {
    const [network = ''] = await ownedBy('network', 'ls', '--format', '{{.Name}}');
    const image = await docker('inspect', '--format', '{{.Config.Image}}', `${name}-node-1`);
    const guest = await docker('run', '--detach', '--rm', '--network', network, '--entrypoint', 'sleep', image, '300');
    try {
      expect(await cluster('down')).toMatchObject({ exitCode: 0 });
    } finally {
      await docker('rm', '--force', guest);
    }
    expect(await containers()).toEqual([]);
    expect(await ownedBy('network', 'ls', '--quiet')).toEqual([]);
    expect(await ownedBy('volume', 'ls', '--quiet')).toEqual([]);
    expect(await cluster('down')).toMatchObject({ exitCode: 0 });
  }, testLimitMs);

  test('never touched the kubeconfig of the user', async () => {
    expect(await readFile(join(home, 'config'), 'utf8')).toBe(usersOwn);
  });
});

test.each([
  [['up', '--nodes', '5'], '1 to 4 nodes'],
  [['sideways'], 'no such command: sideways'],
  [['up', '--bogus'], '--bogus'],
  [['load'], 'load needs an image'],
])('wrong use is told: %j', async (args, message) => {
  const ran = await cluster(...args);
  expect(ran).toMatchObject({ exitCode: 2, stdout: '', stderr: expect.stringContaining(message) });
}, testLimitMs);
