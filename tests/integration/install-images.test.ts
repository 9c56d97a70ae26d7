/** Our images through real Docker: built once, pushed to a real registry that wants a password. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { execa } from 'execa';
import type { Cluster } from '../../cli/adapters/cluster/index.ts';
import { connectDocker, type Docker } from '../../cli/adapters/docker/index.ts';
import { ensureImage, type BuildContext } from '../../cli/image/build.ts';
import { deliverStowaway, stowawayReference } from '../../cli/image/deliver.ts';
import { labels, managedBy } from '../../protocol/names.ts';
import { version } from '../../cli/version.ts';
import { until } from '../support/wait.ts';
import { ensureBaseImage, ensureDocker, silent } from '../cluster/index.ts';

const suiteLimitMs = 10 * 60_000;
/** Docker is asked, nothing is built. */
const presentLimitMs = 2_000;
const registryLimitMs = 30_000;
const registryImage = 'podbridge-test/registry:1';
const password = randomBytes(9).toString('hex');

let docker: Docker;
let container: string;
let host: string;
let folder: string;

const context = (config: string): BuildContext => ({
  docker, host: { env: { ...process.env, DOCKER_CONFIG: config }, homeDir: homedir() }, waiting: () => undefined, signal: new AbortController().signal,
});

/** A cluster whose node is nowhere near: only its nodes are asked for. */
function farCluster(architecture: string): Cluster {
  const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'far' }, status: { addresses: [{ type: 'InternalIP', address: '192.0.2.1' }], nodeInfo: { containerRuntimeVersion: 'containerd://2.1.0', architecture } } };
  return { context: { name: 'far' }, list: async () => ({ items: [node], resourceVersion: '1' }) } as unknown as Cluster;
}

const ownArchitecture = async (): Promise<string> => ((await docker.info()).architecture === 'aarch64' ? 'arm64' : 'amd64');

async function configFolder(auth: string | undefined): Promise<string> {
  const path = await mkdtemp(join(folder, 'config-'));
  await writeFile(join(path, 'config.json'), JSON.stringify(auth === undefined ? {} : { auths: { [host]: { auth: Buffer.from(auth).toString('base64') } } }));
  return path;
}

beforeAll(async () => {
  await ensureDocker(silent);
  await ensureBaseImage(silent);
  docker = await connectDocker({ env: process.env, homeDir: homedir() });
  folder = await mkdtemp(join(tmpdir(), 'podbridge-registry-'));
  await execa('docker', ['build', '--quiet', '--tag', registryImage, '-'], {
    input: 'FROM debian:trixie-slim\nRUN apt-get update && apt-get install -y --no-install-recommends docker-registry apache2-utils && rm -rf /var/lib/apt/lists/*\n',
  });
  const { stdout: users } = await execa('docker', ['run', '--rm', '--interactive', registryImage, 'htpasswd', '-niB', 'ann'], { input: password });
  await writeFile(join(folder, 'htpasswd'), `${users.trim()}\n`, { mode: 0o644 });
  // Docker trusts registries on 127.0.0.0/8 without TLS.
  ({ stdout: container } = await execa('docker', ['create', '--publish', '127.0.0.1::5000', registryImage, 'docker-registry', 'serve', '/etc/docker/registry/config.yml']));
  await execa('docker', ['cp', join(folder, 'htpasswd'), `${container}:/etc/docker/registry/htpasswd`]);
  await execa('docker', ['start', container]);
  host = (await execa('docker', ['port', container, '5000/tcp'])).stdout.split('\n')[0] ?? '';
  await until('the registry', async () => (await fetch(`http://${host}/v2/`).catch(() => undefined))?.status === 401 || undefined, registryLimitMs);
}, suiteLimitMs);

afterAll(async () => {
  if (container !== undefined) await execa('docker', ['rm', '--force', '--volumes', container]);
  if (host !== undefined) await docker.images.remove(await stowawayReference({ kind: 'push', prefix: `${host}/acme` }));
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
}, suiteLimitMs);

describe('images', () => {
  test('one that Docker has is not built again, and ten at once get the same', async () => {
    const built = await Promise.all(Array.from({ length: 10 }, () => ensureImage('stowaway', context(folder))));
    expect(new Set(built.map(({ id }) => id)).size).toBe(1);
    const [{ reference, id } = { reference: '', id: '' }] = built;
    expect(await docker.images.find(reference)).toMatchObject({ id, labels: { [labels.managedBy]: managedBy, [labels.component]: 'stowaway', [labels.version]: version } });
    const start = performance.now();
    expect(await ensureImage('stowaway', context(folder))).toEqual(built[0]);
    expect(performance.now() - start).toBeLessThan(presentLimitMs);
  }, suiteLimitMs);
});

describe('a cluster elsewhere', () => {
  test('needs a registry, and the error says so', async () => {
    await expect(deliverStowaway(farCluster(await ownArchitecture()), { kind: 'local' }, context(folder))).rejects.toMatchObject({ facts: { code: 'registry-needed', kind: 'usage', next: expect.stringContaining('--registry') as unknown } });
  });

  test('the image is pushed with the credentials of docker login, under the name that the nodes get', async () => {
    const delivery = { kind: 'push', prefix: `${host}/acme` } as const;
    await expect(deliverStowaway(farCluster(await ownArchitecture()), delivery, context(await configFolder(`ann:${password}`)))).resolves.toBe(`pushed to ${host}`);
    const [, path = '', tag = ''] = /^[^/]+\/(.*):([^:]+)$/.exec(await stowawayReference(delivery)) ?? [];
    expect(path).toBe('acme/podbridge-stowaway');
    const answer = await fetch(`http://${host}/v2/${path}/manifests/${tag}`, { headers: { accept: 'application/vnd.docker.distribution.manifest.v2+json', authorization: `Basic ${Buffer.from(`ann:${password}`).toString('base64')}` } });
    expect(answer.status).toBe(200);
  }, suiteLimitMs);

  test('without credentials the error names docker login', async () => {
    await expect(deliverStowaway(farCluster(await ownArchitecture()), { kind: 'push', prefix: `${host}/acme` }, context(await configFolder(undefined))))
      .rejects.toMatchObject({ facts: { code: 'push-failed', kind: 'environment', next: `docker login ${host}` } });
  }, suiteLimitMs);

  test('of another architecture gets nothing that could not run there', async () => {
    await expect(deliverStowaway(farCluster('s390x'), { kind: 'push', prefix: `${host}/acme` }, context(folder))).rejects.toMatchObject({ facts: { code: 'architecture-mismatch' } });
  });

  test('an image that is only referenced is neither built nor pushed', async () => {
    await expect(deliverStowaway(farCluster('s390x'), { kind: 'reference', prefix: 'registry.example/team' }, context(folder))).resolves.toBe('as referenced');
    await expect(stowawayReference({ kind: 'reference', prefix: 'registry.example/team/' })).resolves.toMatch(/^registry\.example\/team\/podbridge-stowaway:\d+\.\d+\.\d+-[0-9a-f]{12}$/);
  });
});
