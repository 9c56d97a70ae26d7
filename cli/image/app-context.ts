/** A folder as Docker's API takes it: a tar of what .dockerignore leaves, Dockerfile included. */
import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { createReadStream } from 'node:fs';
import { isAbsolute, join, relative, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { PassThrough, Readable } from 'node:stream';
import dockerignore from '@balena/dockerignore';
import tarStream, { type Pack } from 'tar-stream';
import { BridgeError } from '../errors.ts';
import type { AppBuild } from './app-build.ts';

export interface PackedContext {
  tar: Readable;
  /** Its path in the tar. */
  dockerfile: string;
}

/** A Dockerfile from outside the context travels under a name of its own. */
const outsideName = '.podbridge.Dockerfile';

export type Ignored = (path: string) => boolean;

type Folder = Pick<AppBuild, 'context' | 'dockerfile'>;

/** `.dockerignore` of the context, or `<Dockerfile>.dockerignore` beside the Dockerfile, which goes first (as BuildKit does). */
async function rulesIn({ context, dockerfile = 'Dockerfile' }: Folder): Promise<string[]> {
  const named = isAbsolute(dockerfile) ? dockerfile : join(context, dockerfile);
  const rules = await readFile(`${named}.dockerignore`, 'utf8').catch(() => readFile(join(context, '.dockerignore'), 'utf8')).catch(() => '');
  return rules.split(/\r?\n/);
}

export async function ignoredIn(folder: Folder): Promise<Ignored> {
  const filter = dockerignore.default().add(await rulesIn(folder)).createFilter();
  return (path) => !filter(path.split(sep).join('/'));
}

/** Folders of which nothing at all is sent: an exception (`!keep`) may bring back something below any. */
export async function skippedIn(folder: Folder): Promise<Ignored> {
  return (await rulesIn(folder)).some((rule) => rule.trimStart().startsWith('!')) ? () => false : await ignoredIn(folder);
}

/** Throws `build-context` when there is no such folder or no Dockerfile. */
export async function packContext(build: AppBuild): Promise<PackedContext> {
  const { context, dockerfile = 'Dockerfile' } = build;
  await checkContext(build);
  const path = isAbsolute(dockerfile) ? dockerfile : join(context, dockerfile);
  const inside = relative(context, path).split(sep).join('/');
  const ignored = await ignoredIn(build);
  const pack = tarStream.pack();
  const output = new PassThrough();
  const name = inside.startsWith('../') || isAbsolute(inside) ? outsideName : inside;
  const filling = async (): Promise<void> => {
    await entry(pack, path, name);
    await addFolder(pack, context, '', (file) => file === name || ignored(file));
    pack.finalize();
  };
  filling().catch((error: unknown) => output.destroy(error instanceof Error ? error : new Error(String(error))));
  pipeline(pack, output).catch(() => undefined);
  return { tar: output, dockerfile: name };
}

export async function checkContext({ context, dockerfile = 'Dockerfile' }: Pick<AppBuild, 'context' | 'dockerfile'>): Promise<void> {
  const path = isAbsolute(dockerfile) ? dockerfile : join(context, dockerfile);
  const folder = await lstat(context).catch(() => undefined);
  const file = await lstat(path).catch(() => undefined);
  if (folder !== undefined && file !== undefined) return;
  throw new BridgeError({
    kind: 'usage', code: 'build-context', what: folder === undefined ? `there is no folder ${context} to build` : `there is no ${path}`, ...(folder === undefined ? {} : { why: 'an image is built from a Dockerfile' }),
    next: folder === undefined ? '--build DIR' : '--dockerfile PATH, or bridge run --image IMAGE',
  });
}

async function addFolder(pack: Pack, root: string, folder: string, ignored: Ignored): Promise<void> {
  for (const { name } of (await readdir(join(root, folder), { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = folder === '' ? name : `${folder}/${name}`;
    const isFolder = (await lstat(join(root, path))).isDirectory();
    // A folder that is left out may have files that an exception (`!keep`) brings back.
    if (isFolder) {
      if (!ignored(path)) pack.entry({ name: path, type: 'directory', mode: (await lstat(join(root, path))).mode & 0o7777 });
      await addFolder(pack, root, path, ignored);
    } else if (!ignored(path)) await entry(pack, join(root, path), path);
  }
}

/** Times are left out: Docker's cache goes by content and mode. */
async function entry(pack: Pack, file: string, name: string): Promise<void> {
  const status = await lstat(file);
  const header = { name, mode: status.mode & 0o7777, mtime: new Date(0) };
  if (status.isSymbolicLink()) {
    pack.entry({ ...header, type: 'symlink', linkname: await readlink(file) });
    return;
  }
  // Sockets and pipes cannot be sent; docker leaves them out too.
  if (!status.isFile()) return;
  const target = pack.entry({ ...header, size: status.size });
  // A file that grows meanwhile is cut where it ended.
  await pipeline(status.size === 0 ? Readable.from([]) : createReadStream(file, { end: status.size - 1 }), target);
}
