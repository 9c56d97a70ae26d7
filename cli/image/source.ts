/** The two images that podbridge builds from its own package: their folders, content and references. */
import { createHash } from 'node:crypto';
import { access, readdir, readFile } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { BridgeError } from '../errors.ts';
import { version } from '../version.ts';
import { nodeVersion } from './node-package.ts';

export type ImageName = 'cargo' | 'stowaway';

/** Both images have this Go program; the Dockerfile takes the one of its architecture. */
const podFilesArchitectures = ['amd64', 'arm64'];

/** One file of a build context. */
export interface ContextFile {
  /** Relative to the image's folder, with `/`. */
  name: string;
  content: Buffer;
}

export interface ImageSource {
  name: ImageName;
  /** Dockerfile and bundle, sorted by name. */
  files: ContextFile[];
  /** `0.1.0-3f9c1a2b4d5e`: the package's version and a hash of everything that goes into the image, so that a changed image is never taken for the old one. */
  tag: string;
}

/** Throws image-not-built when the package was not built (a fresh clone). */
export async function imageSource(name: ImageName): Promise<ImageSource> {
  const root = await packageRoot();
  const folder = join(root, `${name}-image`);
  const bundles = await readdir(join(folder, 'dist')).catch((error: unknown) => { throw notBuilt(name, join(folder, 'dist'), error); });
  const own = ['Dockerfile', ...bundles.sort().map((bundle) => `dist/${bundle}`)].map((file) => ({ name: file, path: join(folder, ...file.split('/')) }));
  const programs = podFilesArchitectures.map((architecture) => ({ name: `dist/pod-files-${architecture}`, path: join(root, 'pod-files', 'dist', `pod-files-${architecture}`) }));
  const files = await Promise.all([...own, ...programs].map(async ({ name: file, path }) => ({ name: file, content: await readFile(path).catch((error: unknown) => { throw notBuilt(name, path, error); }) })));
  return { name, files, tag: `${version}-${contentHash(files)}` };
}

function notBuilt(name: ImageName, path: string, cause: unknown): BridgeError {
  return new BridgeError({
    kind: 'environment', code: 'image-not-built', what: `the program of the ${name} image is missing`, why: `${path} does not exist: this copy of podbridge was not built`,
    next: 'npm run build', cause,
  });
}

/** What this Docker calls the image; never to be pulled from anywhere. */
export function localReference({ name, tag }: Pick<ImageSource, 'name' | 'tag'>): string {
  return `podbridge/${name}:${tag}`;
}

/** @param prefix registry host and path: `ghcr.io/acme` */
export function registryReference({ name, tag }: Pick<ImageSource, 'name' | 'tag'>, prefix: string): string {
  return `${prefix.replace(/\/+$/, '')}/podbridge-${name}:${tag}`;
}

function contentHash(files: ContextFile[]): string {
  const hash = createHash('sha256').update(`node ${nodeVersion}\0`);
  for (const { name, content } of files) hash.update(`${name}\0${content.length}\0`).update(content);
  return hash.digest('hex').slice(0, 12);
}

/** Sources and bundle lie at different depths below it. */
async function packageRoot(): Promise<string> {
  for (let folder = import.meta.dirname; ; folder = dirname(folder)) {
    if (await access(join(folder, 'stowaway-image', 'Dockerfile')).then(() => true, () => false)) return folder;
    if (folder === dirname(folder)) throw new Error(`no podbridge package around ${import.meta.dirname.split(sep).join('/')}`);
  }
}
