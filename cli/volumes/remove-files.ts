/** Removes what brought a bridge's files: the container, then the volume. After the app container, which has parts of it mounted. */
import { labels } from '../../protocol/names.ts';
import type { ContainerSummary, Docker, Labels } from '../adapters/docker/index.ts';
import { timing } from '../timing.ts';

/** Asked to stop, it takes its mounts away; killed, it would leave them on the Docker host. */
export async function removeMounter(docker: Docker, { id }: Pick<ContainerSummary, 'id'>): Promise<void> {
  await docker.containers.stop(id, timing.mounterStopTimeoutMs / 1000).catch(() => false);
  await docker.containers.remove(id, { force: true });
}

/** @param image of a container of ours that can take leftover mounts away; without one they stay, and the volume too */
export async function removeFilesVolume(docker: Docker, name: string, image: string | undefined): Promise<void> {
  try {
    await docker.volumes.remove(name);
  } catch (error) {
    if (image === undefined || !(await unmountLeft(docker, name, image))) throw error;
    await docker.volumes.remove(name);
  }
}

/** A container that was killed has left its mount behind, dead, and Docker cannot remove what is under it. */
async function unmountLeft(docker: Docker, name: string, image: string): Promise<boolean> {
  const volume = await docker.volumes.find(name);
  if (volume === undefined) return false;
  const id = await docker.containers.create({
    name: `${name}-unmount`, image, labels: volume.labels, entrypoint: ['/usr/local/bin/pod-files', 'unmount'],
    binds: [`${volume.folder}:/files:rshared`], capDrop: ['ALL'], capAdd: ['SYS_ADMIN'], securityOptions: ['apparmor=unconfined'],
  });
  try {
    await docker.containers.start(id);
    return await docker.containers.wait(id) === 0;
  } finally {
    await docker.containers.remove(id, { force: true });
  }
}

/** All of the bridge, or of the link when only that is named. Nothing there: nothing happens. */
export async function removeFiles(docker: Docker, of: { link: string; namespace?: string; bridge?: string; bridgeUid?: string }): Promise<void> {
  const own: Labels = {
    [labels.link]: of.link, ...(of.namespace === undefined ? {} : { [labels.namespace]: of.namespace }), ...(of.bridge === undefined ? {} : { [labels.bridge]: of.bridge }),
    ...(of.bridgeUid === undefined ? {} : { [labels.bridgeUid]: of.bridgeUid }),
  };
  const [mounters, volumes] = await Promise.all([docker.containers.list({ ...own, [labels.role]: 'mounter' }), docker.volumes.list({ ...own, [labels.role]: 'volume' })]);
  if (mounters.length + volumes.length === 0) return;
  const [cargo] = await docker.containers.list({ [labels.link]: of.link, [labels.role]: 'cargo' });
  await Promise.all(mounters.map((mounter) => removeMounter(docker, mounter)));
  const image = mounters[0]?.imageId ?? cargo?.imageId;
  await Promise.all(volumes.map(({ name }) => removeFilesVolume(docker, name, image)));
}
