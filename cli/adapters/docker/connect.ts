/** The Docker over dockerode. */
import Dockerode, { type DockerOptions } from 'dockerode';
import type { BridgeError } from '../../errors.ts';
import type { Host } from '../../host.ts';
import { createContainers } from './containers.ts';
import type { Docker, DockerInfo } from './docker.ts';
import { resolveEndpoint, type ResolvedEndpoint } from './endpoint.ts';
import { convertError } from './errors.ts';
import { createEvents, createPastEvents } from './events.ts';
import { createImages } from './images.ts';
import { createNetworks } from './networks.ts';
import { createVolumes } from './volumes.ts';

/** What every part of the adapter needs: the client, and foreign errors made ours. */
export interface Session {
  client: Dockerode;
  /** `doing` completes "Docker could not ...". */
  attempt: <T>(doing: string, run: () => Promise<T>) => Promise<T>;
  fail: (error: unknown, doing: string) => BridgeError;
  info: () => Promise<DockerInfo>;
}

const tlsPort = 2376;
const plainPort = 2375;

export function clientOptions(endpoint: ResolvedEndpoint): DockerOptions {
  const { url, tls } = endpoint;
  if (url.startsWith('unix://')) return { socketPath: url.slice('unix://'.length) };
  if (url.startsWith('npipe://')) return { socketPath: url.slice('npipe://'.length) };
  const parsed = new URL(url);
  if (parsed.protocol === 'ssh:') {
    return { protocol: 'ssh', host: parsed.hostname, port: parsed.port === '' ? 22 : Number(parsed.port), ...(parsed.username === '' ? {} : { username: decodeURIComponent(parsed.username) }) };
  }
  const secure = tls !== undefined || parsed.protocol === 'https:';
  return {
    protocol: secure ? 'https' : 'http', host: parsed.hostname.replace(/^\[|\]$/g, ''), port: parsed.port === '' ? (secure ? tlsPort : plainPort) : Number(parsed.port),
    ...(tls === undefined ? {} : { ca: tls.ca, cert: tls.cert, key: tls.key, ...(tls.skipVerify ? { rejectUnauthorized: false } : {}) }),
  };
}

interface RawInfo { ID: string; Name: string; Architecture: string; OperatingSystem: string; ServerVersion: string; NCPU: number; MemTotal: number; DockerRootDir: string; SecurityOptions?: string[] | null }

export function connect(host: Pick<Host, 'env' | 'homeDir'>): Docker {
  const endpoint = resolveEndpoint(host);
  const client = new Dockerode(clientOptions(endpoint));
  let known: Promise<DockerInfo> | undefined;

  async function askInfo(): Promise<DockerInfo> {
    const [info, version] = await Promise.all([client.info() as Promise<RawInfo>, client.version()]);
    return {
      id: info.ID, name: info.Name, architecture: info.Architecture, operatingSystem: info.OperatingSystem,
      serverVersion: info.ServerVersion, apiVersion: version.ApiVersion, cpus: info.NCPU, memoryBytes: info.MemTotal,
      rootDirectory: info.DockerRootDir, rootless: (info.SecurityOptions ?? []).some((option) => option.includes('name=rootless')),
    };
  }
  const session: Session = {
    client,
    async attempt(doing, run) {
      try {
        return await run();
      } catch (error) {
        throw convertError(endpoint, error, doing);
      }
    },
    fail: (error, doing) => convertError(endpoint, error, doing),
    info() {
      // Asked once; a failure is not remembered.
      known ??= session.attempt('tell about itself', askInfo).catch((error: unknown) => {
        known = undefined;
        throw error;
      });
      return known;
    },
  };
  return {
    endpoint: { url: endpoint.url, source: endpoint.source },
    info: session.info,
    containers: createContainers(session),
    networks: createNetworks(session),
    images: createImages(session),
    volumes: createVolumes(session),
    events: createEvents(session),
    pastEvents: createPastEvents(session),
  };
}
