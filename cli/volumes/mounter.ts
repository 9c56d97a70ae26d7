/** The container that brings a bridge's files: one per bridge, of cargo's image, with one Docker volume that it fills. */
import { ticketFolder } from '../../protocol/files.ts';
import { labels, managedBy } from '../../protocol/names.ts';
import type { ContainerSpec, Docker, Labels } from '../adapters/docker/index.ts';
import { isBridgeError } from '../errors.ts';
import { cargoName, ticketVolumeName } from '../link/link-name.ts';
import { version } from '../version.ts';

export interface MounterQuestion {
  docker: Docker;
  link: string;
  network: string;
  namespace: string;
  owner: string;
  bridge: string;
  bridgeUid: string;
  /** Labels beside those that tell what it belongs to. */
  more: Labels;
  /** Should it be able to mount live volumes? They need rights that copies do not. */
  live: boolean;
}

export interface Mounter {
  id: string;
  /** Where the volume lies on the Docker host: containers are given parts of it. */
  folder: string;
  /** False when this Docker cannot do it. */
  live: boolean;
}

const memoryBytes = 256 * 1024 * 1024;
const pidsLimit = 128;
/** Files get the owners and modes that they have in the pod. */
const fileCapabilities = ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID'];

/** Of the volume, and of the container. */
export function filesName(bridge: string, bridgeUid: string): string {
  return `${bridge.slice(0, 45)}-files-${bridgeUid.slice(0, 8)}`;
}

export function ownLabels({ link, namespace, owner, bridge, bridgeUid, more }: Omit<MounterQuestion, 'docker' | 'network' | 'live'>, role: 'mounter' | 'volume'): Labels {
  return {
    [labels.managedBy]: managedBy, [labels.role]: role, [labels.link]: link, [labels.namespace]: namespace, [labels.owner]: owner, [labels.version]: version,
    [labels.bridge]: bridge, [labels.bridgeUid]: bridgeUid, ...more,
  };
}

function mounterSpec(question: MounterQuestion, image: string, folder: string): ContainerSpec {
  const { link, network, bridge, bridgeUid, live } = question;
  return {
    name: filesName(bridge, bridgeUid), image, labels: ownLabels(question, 'mounter'),
    entrypoint: ['tini', '--', '/usr/local/bin/pod-files', 'mount'],
    networks: [{ network }],
    // rshared: what is mounted inside is seen outside, where Docker takes it from for the app container.
    binds: [`${folder}:/files${live ? ':rshared' : ''}`, `${ticketVolumeName(link)}:${ticketFolder}`],
    capDrop: ['ALL'], capAdd: [...fileCapabilities, ...(live ? ['SYS_ADMIN'] : [])],
    ...(live ? { devices: ['/dev/fuse'], securityOptions: ['apparmor=unconfined'] } : {}),
    env: ['GOMEMLIMIT=64MiB'], memoryBytes, pidsLimit, restart: 'unless-stopped',
  };
}

/**
 * How daemons say that live volumes cannot be: "error gathering device information while adding custom device "/dev/fuse": no such file or
 * directory", "path /x is mounted on / but it is not a shared mount".
 */
function cannotMount(error: unknown): boolean {
  return isBridgeError(error) && /custom device "?\/dev\/fuse|not a shared mount/i.test(`${error.facts.detail ?? ''} ${error.facts.why ?? ''}`);
}

/** @param onMade called as soon as there is something to remove */
export async function startMounter(question: MounterQuestion, onMade: () => void): Promise<Mounter> {
  const { docker, link, bridge, bridgeUid } = question;
  const cargo = await docker.containers.find(cargoName(link));
  if (cargo === undefined) throw new Error(`the link ${link} has no container`);
  const name = filesName(bridge, bridgeUid);
  onMade();
  const folder = await docker.volumes.create(name, ownLabels(question, 'volume'));
  const start = async (live: boolean): Promise<Mounter> => {
    const id = await docker.containers.create(mounterSpec({ ...question, live }, cargo.imageId, folder));
    try {
      await docker.containers.start(id);
    } catch (error) {
      await docker.containers.remove(id, { force: true });
      throw error;
    }
    return { id, folder, live };
  };
  try {
    return await start(question.live);
  } catch (error) {
    if (!question.live || !cannotMount(error)) throw error;
    return await start(false);
  }
}
