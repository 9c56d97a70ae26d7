/** Which cluster the tests get, and how kind and k3d are asked for one: with stand-ins for both on PATH. */
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { chooseProvider } from '../../cluster/choose.ts';
import type { Cluster } from '../../cluster/provider.ts';
import { silent } from '../../cluster/progress.ts';

const { PATH: outerPath, XDG_CACHE_HOME: outerCache } = process.env;
let folder: string;
let calls: string;

/** A program on PATH that notes how it is called, and its input, and answers by its arguments. */
async function standIn(name: string, answers: Record<string, string>): Promise<void> {
  const cases = Object.entries(answers).map(([pattern, answer]) => `  "${pattern}"*) printf '%s\\n' '${answer}' ;;`).join('\n');
  await writeFile(join(folder, name), `#!/bin/sh
echo "${name} $*" >>"${calls}"
case "$*" in *--config\\ -*) sed 's/^/  /' >>"${calls}" ;; esac
case "$*" in
${cases}
esac
`);
  await chmod(join(folder, name), 0o755);
}
const called = async (): Promise<string[]> => (await readFile(calls, 'utf8')).trim().split('\n');

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'providers-'));
  calls = join(folder, 'calls');
  process.env.PATH = `${folder}:/usr/bin:/bin`;
  process.env.XDG_CACHE_HOME = join(folder, 'cache');
});
afterEach(async () => {
  process.env.PATH = outerPath;
  if (outerCache === undefined) delete process.env.XDG_CACHE_HOME;
  else process.env.XDG_CACHE_HOME = outerCache;
  await rm(folder, { recursive: true, force: true });
});

describe('the provider', () => {
  const choose = async (env: NodeJS.ProcessEnv = {}): Promise<string> => (await chooseProvider({ PATH: process.env.PATH, ...env })).name;

  test('is the context that is named, before anything else', async () => {
    await standIn('kind', { version: 'kind v0.30.0' });
    expect(await choose({ PODBRIDGE_TEST_CONTEXT: 'staging' })).toBe('context');
  });
  test('is kind where it is installed, then k3d, then our own', async () => {
    expect(await choose()).toBe('embedded');
    await standIn('k3d', { version: 'k3d version v5.8.3' });
    expect(await choose()).toBe('k3d');
    await standIn('kind', { version: 'kind v0.30.0' });
    expect(await choose()).toBe('kind');
  });
  test('can be named', async () => {
    await standIn('kind', { version: 'kind v0.30.0' });
    expect(await choose({ PODBRIDGE_TEST_PROVIDER: 'embedded' })).toBe('embedded');
    await expect(choose({ PODBRIDGE_TEST_PROVIDER: 'minikube' })).rejects.toThrow('it can be kind, k3d, embedded');
  });
});

describe('a context of the user', () => {
  const kubeconfig = `apiVersion: v1
kind: Config
current-context: production
clusters:
  - {name: one, cluster: {server: "https://192.0.2.1:6443", certificate-authority: ca.crt}}
  - {name: two, cluster: {server: "https://192.0.2.2:6443"}}
users:
  - {name: me, user: {token: t}}
contexts:
  - {name: production, context: {cluster: two, user: me}}
  - {name: staging, context: {cluster: one, user: me}}
`;
  test('that does not exist is refused, naming those that do', async () => {
    const path = join(folder, 'config');
    await writeFile(path, kubeconfig);
    const provider = await chooseProvider({ PODBRIDGE_TEST_CONTEXT: 'stagin', KUBECONFIG: `${join(folder, 'missing')}:${path}` });
    await expect(provider.up({ name: 'x', nodes: undefined, progress: silent })).rejects.toThrow('There are: production, staging');
    expect(await readFile(path, 'utf8')).toBe(kubeconfig);
  });
  test('is never removed', async () => {
    const notes: string[] = [];
    const provider = await chooseProvider({ PODBRIDGE_TEST_CONTEXT: 'staging' });
    await provider.down('x', { ...silent, note: (text) => void notes.push(text) });
    expect(notes.join()).toContain('it stays');
  });
  test('whose nodes are out of reach is told what to do about images', async () => {
    const provider = await chooseProvider({ PODBRIDGE_TEST_CONTEXT: 'staging' });
    const cluster = { name: 'x', provider: 'context', kubeconfigPath: '', context: 'staging', nodes: [], dockerNetwork: undefined } satisfies Cluster;
    await expect(provider.load(cluster, ['app:1'], silent)).rejects.toThrow('Push app:1 to a registry');
  });
});

describe('kind', () => {
  beforeEach(() => standIn('docker', { version: '28.0.0', inspect: 'true' }));

  test('makes a cluster with a kubeconfig of our own', async () => {
    await standIn('kind', { version: 'kind v0.30.0', 'get nodes': 'x-test-worker\nx-test-control-plane', 'get kubeconfig': 'apiVersion: v1' });
    const provider = await chooseProvider({ PATH: process.env.PATH });
    const cluster = await provider.up({ name: 'x', nodes: 2, progress: silent });
    expect(cluster).toMatchObject({ provider: 'kind', context: 'kind-x-test', dockerNetwork: 'kind', nodes: ['x-test-control-plane', 'x-test-worker'] });
    expect(await readFile(cluster.kubeconfigPath, 'utf8')).toContain('apiVersion: v1');

    const made = await called();
    const create = made.findIndex((call) => call.startsWith('kind create cluster'));
    expect(made[create]).toMatch(/--name x-test .*--kubeconfig \/.*--wait/);
    expect(made.slice(create + 1, create + 6)).toEqual(['  kind: Cluster', '  apiVersion: kind.x-k8s.io/v1alpha4', '  nodes:', '  - role: control-plane', '  - role: worker']);
    await provider.load(cluster, ['app:1'], silent);
    expect((await called()).at(-1)).toBe('kind load docker-image --name x-test app:1');
  });

  test('is not asked to make what exists, nor to remove what does not', async () => {
    await standIn('kind', { version: 'kind v0.30.0', 'get clusters': 'x-test', 'get nodes': 'x-test-control-plane', 'get kubeconfig': 'apiVersion: v1' });
    const provider = await chooseProvider({ PATH: process.env.PATH });
    await provider.up({ name: 'x', nodes: undefined, progress: silent });
    await provider.down('y', silent);
    expect((await called()).filter((call) => /create|delete/.test(call))).toEqual([]);
    await provider.down('x', silent);
    expect((await called()).at(-1)).toMatch(/^kind delete cluster --name x-test --kubeconfig \//);
  });
});

test('k3d is asked not to touch the kubeconfig of the user', async () => {
  await standIn('docker', { version: '28.0.0' });
  const listed = JSON.stringify([{ name: 'other', nodes: [] }]);
  await standIn('k3d', { version: 'k3d version v5.8.3', 'cluster list': listed, 'kubeconfig get': 'apiVersion: v1' });
  const provider = await chooseProvider({ PATH: process.env.PATH });
  const cluster = await provider.up({ name: 'x', nodes: 3, progress: silent });
  expect(cluster).toMatchObject({ provider: 'k3d', context: 'k3d-x-test', dockerNetwork: 'k3d-x-test' });
  const create = (await called()).find((call) => call.startsWith('k3d cluster create'));
  expect(create).toContain('x-test --servers 1 --agents 2');
  expect(create).toContain('--kubeconfig-update-default=false --kubeconfig-switch-context=false');
});
