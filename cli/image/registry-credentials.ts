/** Credentials for a registry, where `docker login` put them: config.json, or a credential store beside it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RegistryAuth } from '../adapters/docker/index.ts';
import { run } from '../adapters/process/index.ts';
import { isBridgeError } from '../errors.ts';
import type { Host } from '../host.ts';

interface DockerConfig {
  auths?: Record<string, { auth?: string; identitytoken?: string }>;
  credsStore?: string;
  credHelpers?: Record<string, string>;
}

/** undefined: none are stored; many registries on a laptop or in a cluster want none. @param registry host of a reference: `ghcr.io` */
export async function registryCredentials(host: Pick<Host, 'env' | 'homeDir'>, registry: string): Promise<RegistryAuth | undefined> {
  const path = join(host.env.DOCKER_CONFIG ?? join(host.homeDir, '.docker'), 'config.json');
  const config = JSON.parse(await readFile(path, 'utf8').catch(() => '{}')) as DockerConfig;
  const store = config.credHelpers?.[registry] ?? config.credsStore;
  if (store !== undefined) {
    const stored = await fromStore(store, registry);
    if (stored !== undefined) return stored;
  }
  const { auth, identitytoken } = config.auths?.[registry] ?? {};
  if (identitytoken !== undefined) return { identitytoken, serveraddress: registry };
  if (auth === undefined) return undefined;
  const [username, ...password] = Buffer.from(auth, 'base64').toString().split(':');
  return { username: username ?? '', password: password.join(':'), serveraddress: registry };
}

/** Protocol of docker-credential-*: the server on stdin, JSON on stdout, exit code 1 when it has none. */
async function fromStore(store: string, registry: string): Promise<RegistryAuth | undefined> {
  try {
    const { stdout } = await run([`docker-credential-${store}`, 'get'], { input: registry });
    const { Username, Secret } = JSON.parse(stdout) as { Username: string; Secret: string };
    // A user name of <token> marks an identity token.
    return Username === '<token>' ? { identitytoken: Secret, serveraddress: registry } : { username: Username, password: Secret, serveraddress: registry };
  } catch (error) {
    if (isBridgeError(error) && error.facts.code === 'command-failed') return undefined;
    throw error;
  }
}
