/** Unpacks a tar archive into a folder of this machine, with modes and links, without ever writing outside of it. */
import { createWriteStream } from 'node:fs';
import { chmod, mkdir, symlink } from 'node:fs/promises';
import { join, posix } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

export interface Extracted {
  files: number;
  bytes: number;
}

/** @param onBytes called with the sum so far */
export async function extractTar(archive: Readable, folder: string, onBytes: (bytes: number) => void): Promise<Extracted> {
  // Its default export: in the bundle a CommonJS module that is imported lazily has no other.
  const { default: { extract } } = await import('tar-stream');
  const entries = extract();
  const links = new Set<string>();
  const directories: { path: string; mode: number }[] = [];
  const done: Extracted = { files: 0, bytes: 0 };
  const reading = pipeline(archive, entries);
  reading.catch(() => undefined);
  for await (const entry of entries) {
    const { name, type, mode = 0o644, linkname } = entry.header;
    const inside = posix.normalize(name.replace(/\/+$/, ''));
    const parents = inside.split('/').slice(0, -1).map((_, index, parts) => parts.slice(0, index + 1).join('/'));
    if (inside.startsWith('../') || inside === '..' || posix.isAbsolute(inside) || parents.some((parent) => links.has(parent))) throw new Error(`the archive leads out of its folder: ${name}`);
    const path = join(folder, ...inside.split('/'));
    if (type === 'directory') {
      await mkdir(path, { recursive: true });
      directories.push({ path, mode });
      entry.resume();
    } else {
      await mkdir(join(path, '..'), { recursive: true });
      if (type === 'symlink') {
        await symlink(linkname ?? '', path);
        links.add(inside);
        entry.resume();
      } else {
        const source = entry as unknown as Readable;
        source.on('data', (chunk: Buffer) => { done.bytes += chunk.length; onBytes(done.bytes); });
        await pipeline(source, createWriteStream(path, { flags: 'wx', mode: mode & 0o777 }));
        // The umask took from it what a copy should have.
        await chmod(path, mode & 0o777);
        done.files += 1;
      }
    }
  }
  await reading;
  // Afterwards: some may not be written to.
  for (const { path, mode } of directories.reverse()) await chmod(path, (mode & 0o777) | 0o700);
  return done;
}
