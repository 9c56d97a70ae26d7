/** Which Docker daemon is meant, as the docker command decides it: DOCKER_HOST, DOCKER_CONTEXT, config.json's currentContext, the default. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BridgeError } from '../../errors.ts';
import type { Host } from '../../host.ts';
import type { DockerEndpoint } from './docker.ts';

export interface TlsMaterial {
  ca?: Buffer;
  cert?: Buffer;
  key?: Buffer;
  skipVerify: boolean;
}

export interface ResolvedEndpoint extends DockerEndpoint {
  tls?: TlsMaterial;
}

type EndpointHost = Pick<Host, 'env' | 'homeDir'> & { platform?: string };

function configFolder({ env, homeDir }: EndpointHost): string {
  return env.DOCKER_CONFIG ?? join(homeDir, '.docker');
}

/** The current context of config.json; absent, unreadable or empty means `default`, as for docker itself. */
function currentContext(host: EndpointHost): string {
  try {
    const config = JSON.parse(readFileSync(join(configFolder(host), 'config.json'), 'utf8')) as { currentContext?: unknown };
    return typeof config.currentContext === 'string' && config.currentContext !== '' ? config.currentContext : 'default';
  } catch {
    return 'default';
  }
}

function readTls(folder: string, skipVerify: boolean): TlsMaterial {
  const file = (name: string): Buffer | undefined => (existsSync(join(folder, name)) ? readFileSync(join(folder, name)) : undefined);
  const [ca, cert, key] = [file('ca.pem'), file('cert.pem'), file('key.pem')];
  return { skipVerify, ...(ca === undefined ? {} : { ca }), ...(cert === undefined ? {} : { cert }), ...(key === undefined ? {} : { key }) };
}

/** Contexts lie in folders named by the SHA-256 of their name: contexts/meta/HASH/meta.json, contexts/tls/HASH/docker/*.pem. */
function fromContext(host: EndpointHost, name: string, source: string): ResolvedEndpoint {
  const folder = join(configFolder(host), 'contexts');
  const hash = createHash('sha256').update(name).digest('hex');
  let url: unknown;
  let skipVerify = false;
  try {
    const meta = JSON.parse(readFileSync(join(folder, 'meta', hash, 'meta.json'), 'utf8')) as { Endpoints?: { docker?: { Host?: unknown; SkipTLSVerify?: boolean } } };
    url = meta.Endpoints?.docker?.Host;
    skipVerify = meta.Endpoints?.docker?.SkipTLSVerify === true;
  } catch (error) {
    throw new BridgeError({ kind: 'environment', code: 'docker-context-missing', what: `the Docker context ${name} does not exist`, why: `${source} names it`, next: 'docker context ls', cause: error });
  }
  if (typeof url !== 'string' || url === '') {
    throw new BridgeError({ kind: 'environment', code: 'docker-context-missing', what: `the Docker context ${name} names no Docker endpoint`, next: `docker context inspect ${name}` });
  }
  const tlsFolder = join(folder, 'tls', hash, 'docker');
  return { url, source: `context ${name}`, ...(existsSync(tlsFolder) || skipVerify ? { tls: readTls(tlsFolder, skipVerify) } : {}) };
}

/** Where daemons without a context listen: the system's socket, else the user's own (Docker Desktop on Linux and macOS, rootless). */
function defaultEndpoint(host: EndpointHost): ResolvedEndpoint {
  if (host.platform === 'win32') return { url: 'npipe:////./pipe/docker_engine', source: 'default' };
  const runtimeFolder = host.env.XDG_RUNTIME_DIR;
  const sockets = ['/var/run/docker.sock', join(host.homeDir, '.docker', 'run', 'docker.sock'), ...(runtimeFolder === undefined ? [] : [join(runtimeFolder, 'docker.sock')])];
  return { url: `unix://${sockets.find((socket) => existsSync(socket)) ?? sockets[0]!}`, source: 'default' };
}

export function resolveEndpoint(host: EndpointHost): ResolvedEndpoint {
  const { env } = host;
  if (env.DOCKER_HOST !== undefined && env.DOCKER_HOST !== '') {
    const verify = env.DOCKER_TLS_VERIFY !== undefined && env.DOCKER_TLS_VERIFY !== '';
    const tls = env.DOCKER_HOST.startsWith('tcp:') && (verify || env.DOCKER_CERT_PATH !== undefined) ? { tls: readTls(env.DOCKER_CERT_PATH ?? configFolder(host), !verify) } : {};
    return { url: env.DOCKER_HOST, source: 'DOCKER_HOST', ...tls };
  }
  const chosen = env.DOCKER_CONTEXT !== undefined && env.DOCKER_CONTEXT !== '' ? { name: env.DOCKER_CONTEXT, source: 'DOCKER_CONTEXT' } : { name: currentContext(host), source: 'config.json' };
  return chosen.name === 'default' ? defaultEndpoint(host) : fromContext(host, chosen.name, chosen.source);
}
