/** The volumes of a running container, and what a session on them may do: what its main process may. */
import { lstatSync, readFileSync } from 'node:fs';
import type { PodVolume } from '../../../../protocol/files.ts';
import { parseCapabilities, parseUser } from '../identity/proc-files.ts';
import { resolveInRoot } from '../identity/read-in-root.ts';
import { mainProcess } from '../pods/main-process.ts';
import type { NodePod } from '../pods/node-pod.ts';
import { startTimeOf, type PodProcess } from '../pods/proc-table.ts';
import { volumesOf } from './volumes.ts';

/** As pod-files takes it (pod-files/session.go). */
export interface SessionTarget {
  pid: number;
  startTime: string;
  mounts: string[];
  uid: number;
  gid: number;
  groups: number[];
  caps: string;
}

export interface ContainerFiles {
  volumes: PodVolume[];
  target: SessionTarget;
}

/** Undefined while the container does not run. */
export function containerFiles(pod: NodePod, containerName: string, processes: readonly PodProcess[]): ContainerFiles | undefined {
  const container = pod.containers.find(({ name }) => name === containerName);
  const pid = container === undefined ? undefined : mainProcess(container, processes);
  if (container === undefined || pid === undefined) return undefined;
  const root = `/proc/${pid}/root`;
  try {
    const volumes = volumesOf({
      declared: container.mounts, mountinfo: readFileSync(`/proc/${pid}/mountinfo`, 'utf8'),
      resolve: (path) => resolveInRoot(root, path),
      typeOf(resolved) {
        const facts = lstatSync(`${root}${resolved}`);
        return facts.isDirectory() ? 'directory' : facts.isFile() ? 'file' : 'other';
      },
    });
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const startTime = startTimeOf(readFileSync(`/proc/${pid}/stat`, 'latin1'));
    if (startTime === undefined) return undefined;
    return {
      volumes,
      target: { pid, startTime, mounts: [...new Set(volumes.filter(({ type }) => type !== 'other').map(({ at }) => at))], ...parseUser(status), caps: parseCapabilities(status) },
    };
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}
