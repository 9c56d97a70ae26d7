/** The volumes of a container: what its pod declares, as far as its process really has it mounted. */
import type { PodVolume, VolumeClass } from '../../../../protocol/files.ts';
import type { PodMount } from '../pods/node-pod.ts';

/** Kinds whose content the kubelet writes: small, read-only, and swapped as a whole. */
const synced: ReadonlySet<string> = new Set(['configMap', 'secret', 'projected', 'downwardAPI']);

export function classOf(kind: string): VolumeClass {
  return synced.has(kind) ? 'synced' : 'live';
}

/** Mount points and whether they are read-only, from /proc/PID/mountinfo (proc_pid_mountinfo(5)); of several on one point the last is the visible one. */
export function parseMountinfo(text: string): Map<string, { readOnly: boolean }> {
  const mounts = new Map<string, { readOnly: boolean }>();
  for (const line of text.split('\n')) {
    const [before = '', after = ''] = line.split(' - ');
    const [, , , , point, options] = before.split(' ');
    if (point === undefined || options === undefined) continue;
    const superOptions = after.split(' ')[2] ?? '';
    mounts.set(unescape(point), { readOnly: [...options.split(','), ...superOptions.split(',')].includes('ro') });
  }
  return mounts;
}

/** Blanks and the like stand there as `\040`. */
function unescape(path: string): string {
  return path.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
}

export interface VolumesQuestion {
  declared: readonly PodMount[];
  mountinfo: string;
  /** Follows symlinks inside the container's root; throws when there is nothing. */
  resolve: (path: string) => string;
  typeOf: (resolved: string) => PodVolume['type'];
}

/** A declared mount that the process does not have (it was taken away inside, or the path is beyond reach) is left out. */
export function volumesOf({ declared, mountinfo, resolve, typeOf }: VolumesQuestion): PodVolume[] {
  const mounts = parseMountinfo(mountinfo);
  return declared.flatMap(({ volume, kind, path, readOnly }) => {
    try {
      const at = resolve(path);
      const mount = mounts.get(at);
      if (mount === undefined || at === '/') return [];
      return [{ name: volume, kind, class: classOf(kind), path, at, readOnly: readOnly || mount.readOnly, type: typeOf(at) }];
    } catch {
      return [];
    }
  });
}
