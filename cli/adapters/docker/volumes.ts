import type { Session } from './connect.ts';
import type { Volumes } from './docker.ts';
import { isStatus } from './errors.ts';
import { labelFilter } from './labels.ts';

export function createVolumes({ client, attempt }: Session): Volumes {
  return {
    create: (name, labels) => attempt(`create the volume ${name}`, async () => {
      await client.createVolume({ Name: name, Labels: labels });
      return (await client.getVolume(name).inspect()).Mountpoint;
    }),
    find: (name) => attempt(`inspect the volume ${name}`, async () => {
      try {
        const { Name, Labels, Mountpoint } = await client.getVolume(name).inspect();
        return { name: Name, labels: Labels ?? {}, folder: Mountpoint };
      } catch (error) {
        if (isStatus(error, 404)) return undefined;
        throw error;
      }
    }),
    list: (labels) => attempt('list volumes', async () => {
      const { Volumes: volumes } = await client.listVolumes({ filters: JSON.stringify({ label: labelFilter(labels) }) });
      return (volumes ?? []).map(({ Name, Labels }) => ({ name: Name, labels: Labels ?? {} }));
    }),
    remove: (name) => attempt(`remove the volume ${name}`, async () => {
      try {
        await client.getVolume(name).remove();
        return true;
      } catch (error) {
        if (isStatus(error, 404)) return false;
        throw error;
      }
    }),
  };
}
