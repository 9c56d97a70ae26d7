import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { registryCredentials } from '../../../cli/image/registry-credentials.ts';

let folder: string;
const path = process.env.PATH;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'podbridge-credentials-'));
});
afterEach(async () => {
  process.env.PATH = path;
  await rm(folder, { recursive: true });
});

async function ask(config: unknown, registry = 'ghcr.io') {
  if (config !== undefined) await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  return registryCredentials({ env: { DOCKER_CONFIG: folder }, homeDir: '/nowhere' }, registry);
}

/** A credential store as docker calls it: the registry on stdin. */
async function store(name: string, script: string): Promise<void> {
  const file = join(folder, `docker-credential-${name}`);
  await writeFile(file, `#!/bin/sh\nread server\n${script}\n`);
  await chmod(file, 0o755);
  process.env.PATH = `${folder}:${path}`;
}

describe('credentials of docker login', () => {
  test('none, and no file at all', async () => {
    expect(await ask(undefined)).toBeUndefined();
    expect(await ask({ auths: { 'other.io': { auth: 'eA==' } } })).toBeUndefined();
  });

  test('in the file; a password may contain colons', async () => {
    expect(await ask({ auths: { 'ghcr.io': { auth: Buffer.from('ann:a:b:c').toString('base64') } } })).toEqual({ username: 'ann', password: 'a:b:c', serveraddress: 'ghcr.io' });
  });

  test('an identity token', async () => {
    expect(await ask({ auths: { 'ghcr.io': { auth: 'YW5uOg==', identitytoken: 'token' } } })).toEqual({ identitytoken: 'token', serveraddress: 'ghcr.io' });
  });

  test('in a store, which gets the registry on stdin', async () => {
    await store('vault', `printf '{"ServerURL":"%s","Username":"ann","Secret":"for %s"}' "$server" "$server"`);
    expect(await ask({ credsStore: 'vault' })).toEqual({ username: 'ann', password: 'for ghcr.io', serveraddress: 'ghcr.io' });
    expect(await ask({ credHelpers: { 'ghcr.io': 'vault' } })).toMatchObject({ username: 'ann' });
  });

  test('a store that has none is no error: the file counts', async () => {
    await store('empty', 'echo "credentials not found in native keychain"; exit 1');
    expect(await ask({ credsStore: 'empty' })).toBeUndefined();
    expect(await ask({ credsStore: 'empty', auths: { 'ghcr.io': { auth: 'YW5uOng=' } } })).toMatchObject({ username: 'ann' });
  });
});
