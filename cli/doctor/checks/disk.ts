/** Room where Docker keeps images and containers. Known for a Docker of this machine only. */
import { statfs } from 'node:fs/promises';
import { bytes } from '../../status/screen/words.ts';
import type { Check } from '../check.ts';
import { ok } from '../finding.ts';

/** The two images need 0.5 GB, building them as much again. */
const wantedBytes = 2e9;
const neededBytes = 0.3e9;

export const diskCheck: Check = {
  id: 'disk', area: 'host', title: 'Disk',
  async run({ docker }) {
    const { rootDirectory } = await (await docker()).info();
    const stats = await statfs(rootDirectory).catch(() => undefined);
    if (stats === undefined) return [];
    const free = stats.bavail * stats.bsize;
    if (free >= wantedBytes) return [ok('disk-free', `${bytes(free)} free for Docker (${rootDirectory})`)];
    return [{
      code: 'disk-low', severity: free < neededBytes ? 'error' : 'warning', what: `only ${bytes(free)} are free for Docker (${rootDirectory})`, why: 'images cannot be built or pulled on a full disk', fix: 'docker system df; docker image prune',
    }];
  },
};
