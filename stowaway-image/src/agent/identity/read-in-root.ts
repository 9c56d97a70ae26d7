/** Reads a file of a pod. An absolute symlink in there would be resolved against our own root, so links are followed by hand, inside the pod's. */
import { closeSync, constants, fstatSync, lstatSync, openSync, readlinkSync, readSync } from 'node:fs';
import { posix } from 'node:path';

/** As many links as the kernel follows (path_resolution(7)). */
const mostLinks = 40;
/** Nothing that is read so is longer; a device or a pipe, which would never end, is not read at all. */
const mostBytes = 1024 * 1024;

/**
 * @param root `/proc/PID/root`
 * @returns undefined when there is no such file, or it is none to read
 */
export function readInRoot(root: string, path: string): string | undefined {
  try {
    return readRegular(`${root}${resolveInRoot(root, path)}`);
  } catch {
    return undefined;
  }
}

function readRegular(path: string): string | undefined {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  try {
    if (!fstatSync(file).isFile()) return undefined;
    const bytes = Buffer.alloc(mostBytes);
    let length = 0;
    for (let read = readSync(file, bytes, 0, mostBytes, null); read > 0; read = readSync(file, bytes, length, mostBytes - length, null)) length += read;
    return bytes.subarray(0, length).toString('utf8');
  } finally {
    closeSync(file);
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
