/** The link's container: made, reused, started again or replaced by a newer image; safe when several commands do it at once. */
import { createHash } from 'node:crypto';
import type { ControlMethods } from '../../protocol/control.ts';
import { ticketFolder } from '../../protocol/files.ts';
import { labels, managedBy } from '../../protocol/names.ts';
import type { ContainerInfo, ContainerSpec, Docker } from '../adapters/docker/index.ts';
import { BridgeError, isBridgeError } from '../errors.ts';
import { timing } from '../timing.ts';
import { version } from '../version.ts';
import type { ControlAhead } from './control-ahead.ts';
import { openControl, type Control } from './control-client.ts';
import { cargoName, ticketVolumeName } from './link-name.ts';
import type { LinkNetwork } from './network.ts';
import { hostName } from './relay-access.ts';

export interface CargoRequest {
  docker: Docker;
  link: string;
  network: LinkNetwork;
  /** Reference of the image, which Docker has. */
  image: string;
  labels: Record<string, string>;
  /** Called as soon as the container was made by this call; what follows may still fail. */
  onCreated?: () => void;
  ahead?: ControlAhead;
}

export interface RunningCargo {
  id: string;
  name: string;
  control: Control;
  hello: ControlMethods['hello']['result'];
  created: boolean;
  /** It was there, but did not run. */
  revived?: true;
  /** What an older cargo led to containers; it has to be set up again once the link is configured. */
  carriedOver: ControlMethods['status']['result']['forwards'];
}

const memoryBytes = 256 * 1024 * 1024;
const pidsLimit = 128;
/** Four times the usual weight: when the machine is busy the tunnel of all containers must not starve. */
const cpuShares = 4096;
const attempts = 10;

/** Locally administered, from the link's name: containers remember their gateway's MAC for half a minute, also when cargo is replaced. */
function macAddress(link: string): string {
  const bytes = createHash('sha256').update(link).digest().subarray(0, 5);
  return ['02', ...[...bytes].map((byte) => byte.toString(16).padStart(2, '0'))].join(':');
}

export function cargoSpec({ link, network, image, labels: more }: Omit<CargoRequest, 'docker' | 'onCreated' | 'ahead'>): ContainerSpec {
  return {
    name: cargoName(link), image,
    labels: { [labels.managedBy]: managedBy, [labels.component]: 'cargo', [labels.role]: 'cargo', [labels.link]: link, [labels.version]: version, ...more },
    env: [`PODBRIDGE_VERSION=${version}`],
    networks: [{ network: network.name, macAddress: macAddress(link) }],
    capDrop: ['ALL'],
    // Tunnel device, routes, nftables. Nothing else was needed.
    capAdd: ['NET_ADMIN'],
    devices: ['/dev/net/tun'],
    binds: [`${ticketVolumeName(link)}:${ticketFolder}`],
    sysctls: {
      'net.ipv4.ip_forward': '1',
      // Loose: answers of the cluster come in by the tunnel although the route to them leads elsewhere for cargo itself.
      'net.ipv4.conf.all.rp_filter': '2',
      // DNS on port 53 without NET_BIND_SERVICE.
      'net.ipv4.ip_unprivileged_port_start': '0',
    },
    // For an API server, or a proxy, that only this machine knows the way to.
    extraHosts: [`${hostName}:host-gateway`],
    pidsLimit, memoryBytes, cpuShares,
    restart: 'unless-stopped',
  };
}

function isCode(error: unknown, ...codes: string[]): boolean {
  return isBridgeError(error) && codes.includes(error.facts.code);
}

/** Forwards of the cargo that is about to be replaced; one that does not answer has none to keep. */
async function forwardsOf(docker: Docker, container: ContainerInfo): Promise<RunningCargo['carriedOver']> {
  if (!container.running) return [];
  const control = await openControl(docker, container.id).catch(() => undefined);
  if (control === undefined) return [];
  const status = await control.call('status', {}, timing.cargoLastWordsTimeoutMs).catch(() => undefined);
  control.close();
  return status?.forwards ?? [];
}

/** It must be of this image and in this network (which may have been made anew). */
function fits(container: ContainerInfo, request: CargoRequest, imageId: string): boolean {
  const networkId = container.networks[request.network.name]?.id;
  // Empty until the first start: one that another command is just making.
  return container.imageId === imageId && (networkId === '' || networkId === request.network.id);
}

async function makeOrFind(request: CargoRequest, imageId: string, carriedOver: RunningCargo['carriedOver']): Promise<{ id: string; created: boolean }> {
  const { docker } = request;
  const name = cargoName(request.link);
  for (let attempt = 0; attempt < attempts; attempt++) {
    const found = await docker.containers.find(name);
    if (found !== undefined && fits(found, request, imageId)) return { id: found.id, created: false };
    if (found !== undefined) {
      carriedOver.push(...await forwardsOf(docker, found));
      await docker.containers.remove(found.id, { force: true });
    }
    try {
      await docker.volumes.create(ticketVolumeName(request.link), { [labels.managedBy]: managedBy, [labels.role]: 'tickets', [labels.link]: request.link, [labels.version]: version, ...request.labels });
      const id = await docker.containers.create(cargoSpec(request));
      request.onCreated?.();
      return { id, created: true };
    } catch (error) {
      // Another command was quicker, or the old one is still on its way out.
      if (!isCode(error, 'name-conflict', 'network-not-found')) throw error;
      await new Promise((resolve) => setTimeout(resolve, timing.cargoRetryDelayMs));
    }
  }
  throw new BridgeError({ kind: 'environment', code: 'cargo-unstable', what: `the link's container ${name} cannot be made`, why: 'something keeps making and removing it', next: `docker ps --all --filter name=${name}` });
}

export async function ensureCargo(request: CargoRequest): Promise<RunningCargo> {
  const { docker } = request;
  const name = cargoName(request.link);
  const image = await docker.images.find(request.image);
  if (image === undefined) throw new BridgeError({ kind: 'environment', code: 'image-not-found', what: `Docker has no image ${request.image}`, why: 'it was removed after it had been built', next: 'bridge up' });
  const carriedOver: RunningCargo['carriedOver'] = [];
  let last: unknown;
  for (let attempt = 0; attempt < attempts; attempt++) {
    const { id, created } = await makeOrFind(request, image.id, carriedOver);
    try {
      const state = created ? undefined : await docker.containers.find(id);
      const runs = state?.running === true && state.state !== 'paused';
      if (state?.state === 'paused') await docker.containers.restart(id, 0);
      else if (!runs) await docker.containers.start(id);
      const control = await request.ahead?.take(id) ?? await openControl(docker, id);
      try {
        return { id, name, control, hello: await control.call('hello', {}, timing.cargoHelloTimeoutMs), created, ...(created || runs ? {} : { revived: true as const }), carriedOver };
      } catch (error) {
        control.close();
        throw error;
      }
    } catch (error) {
      last = error;
      // Removed by another command between finding and starting it, or restarting just now.
      if (!isCode(error, 'container-not-found', 'cargo-gone', 'address-in-use')) throw await explained(docker, id, error);
      await new Promise((resolve) => setTimeout(resolve, timing.cargoRetryDelayMs));
    }
  }
  throw await explained(docker, name, last);
}

/** A cargo that does not live says why in its log. */
async function explained(docker: Docker, id: string, error: unknown): Promise<unknown> {
  const state = await docker.containers.find(id).catch(() => undefined);
  if (state === undefined || (state.running && !isCode(error, 'cargo-silent'))) return error;
  const { exitCode, stdout } = await docker.containers.logs(id, { tail: 10, tty: false }).then(async (log) => {
    let text = '';
    for await (const chunk of log.stdout) text += String(chunk);
    return { exitCode: state.exitCode, stdout: text };
  }, () => ({ exitCode: state.exitCode, stdout: '' }));
  return new BridgeError({
    kind: 'environment', code: 'cargo-failed', what: `the link's container does not run (exit code ${exitCode})`,
    why: state.error !== '' ? state.error : /net\/tun|wireguard/i.test(stdout) ? 'this Docker gives containers no /dev/net/tun' : 'it ended at once', next: `docker logs ${cargoName(state.labels[labels.link] ?? '')}`, detail: stdout.trim(), cause: error,
  });
}
