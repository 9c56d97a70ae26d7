/** Builds an image of ours unless Docker has exactly this one. */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { PassThrough, type Readable } from 'node:stream';
import type { Docker } from '../adapters/docker/index.ts';
import type { Host } from '../host.ts';
import { withImageLock } from '../lock.ts';
import { labels } from '../../protocol/names.ts';
import { version } from '../version.ts';
import { ensureBaseImage } from './base-image.ts';
import { nodePackage } from './node-package.ts';
import { imageSource, localReference, type ContextFile, type ImageName, type ImageSource } from './source.ts';

export interface BuildContext {
  docker: Docker;
  host: Pick<Host, 'env' | 'homeDir'>;
  waiting: (waitingFor: string) => void;
  signal: AbortSignal;
}

export interface BuiltImage {
  name: ImageName;
  tag: string;
  /** In this Docker. */
  reference: string;
  id: string;
}

/** Idempotent; of several at once one builds, and the others wait for its image. */
export async function ensureImage(name: ImageName, { docker, host, waiting, signal }: BuildContext): Promise<BuiltImage> {
  const source = await imageSource(name);
  const reference = localReference(source);
  const present = async (): Promise<BuiltImage | undefined> => {
    const image = await docker.images.find(reference);
    return image === undefined ? undefined : { name, tag: source.tag, reference, id: image.id };
  };
  return await present() ?? withImageLock(name, { waiting, signal }, async () => await present() ?? build(source, reference, { docker, host, waiting, signal }));
}

async function build({ name, tag, files }: ImageSource, reference: string, { docker, host, waiting, signal }: BuildContext): Promise<BuiltImage> {
  await ensureBaseImage(docker, waiting, signal);
  waiting('the npm package of Node');
  const node = await nodePackage(host, (await docker.info()).architecture);
  const context = await tar([...files, { name: `node/${basename(node)}`, content: await readFile(node) }]);
  // The other labels stand in the Dockerfile; each one given here costs a step.
  await docker.images.build(context, { tag: reference, labels: { [labels.version]: version }, onLine: (line) => { if (/^Step \d+\/\d+/.test(line)) waiting(line); }, signal });
  const built = await docker.images.find(reference);
  if (built === undefined) throw new Error(`Docker has built ${reference} but does not have it`);
  return { name, tag, reference, id: built.id };
}

/** Without owners and times: equal content gives equal layers. */
async function tar(files: ContextFile[]): Promise<Readable> {
  // Its default export: in the bundle a CommonJS module that is imported lazily has no other.
  const { default: { pack } } = await import('tar-stream');
  const archive = pack();
  for (const { name, content } of files) archive.entry({ name, mode: 0o644, mtime: new Date(0) }, content);
  archive.finalize();
  return archive.pipe(new PassThrough());
}
