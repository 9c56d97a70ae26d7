/** Reads a file of a pod. An absolute symlink in there would be resolved against our own root, so links are followed by hand, inside the pod's. */
import { lstatSync, readFileSync, readlinkSync } from 'node:fs';
import { posix } from 'node:path';

/** As many links as the kernel follows (path_resolution(7)). */
const mostLinks = 40;

/**
 * @param root `/proc/PID/root`
 * @returns undefined when there is no such file
 */
export function readInRoot(root: string, path: string): string | undefined {
  try {
    return readFileSync(`${root}${resolveInRoot(root, path)}`, 'utf8');
  } catch {
    return undefined;
  }
}

export function resolveInRoot(root: string, path: string): string {
  let links = 0;
  let resolved = '/';
  const left = path.split('/').filter((part) => part !== '');
  for (let part = left.shift(); part !== undefined; part = left.shift()) {
    // posix.join never climbs above '/'.
    const next = posix.join(resolved, part);
    if (!lstatSync(`${root}${next}`).isSymbolicLink()) {
      resolved = next;
      continue;
    }
    links += 1;
    if (links > mostLinks) throw new Error(`too many symbolic links in ${path}`);
    const target = readlinkSync(`${root}${next}`);
    if (target.startsWith('/')) resolved = '/';
    left.unshift(...target.split('/').filter((piece) => piece !== ''));
  }
  return resolved;
}
