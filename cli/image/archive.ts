import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { basename, join, posix } from 'node:path';
import { Transform, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract, pack, type Header, type Pack } from 'tar-stream';

/** Content by its digest ("sha256:..."); `path` is where it lies, undefined if it was not kept. */
interface Blob { digest: string; size: number; path: string | undefined }

/** One entry of the manifest.json that `docker save` writes. */
interface SavedImage { Config: string; RepoTags: string[] | null; Layers: string[] }

/** What came out of `docker save`, less the layers that are not needed. */
export interface ImageArchive {
  images: SavedImage[];
  /** By name in the archive. */
  blobs: Map<string, Blob>;
}

/**
 * Reads the stream of `docker save`, keeping in `folder` all but the blobs whose digests are in
 * `present`. Engines before 25 name layers by ids of their own, later ones by digest.
 */
export async function readSaved(stream: Readable, folder: string, present: ReadonlySet<string>): Promise<ImageArchive> {
  const blobs = new Map<string, Blob>();
  const links = new Map<string, string>();
  const entries = extract();
  const reading = pipeline(stream, entries);
  for await (const entry of entries) {
    const { name, type, linkname } = entry.header;
    if (type === 'symlink' || type === 'link') links.set(name, posix.join(type === 'symlink' ? posix.dirname(name) : '', linkname ?? ''));
    if (type === 'file') blobs.set(name, await keep(entry as unknown as Readable, entry.header, folder, present));
    else entry.resume();
  }
  await reading;
  for (const [name, target] of links) {
    const blob = blobs.get(target);
    if (blob) blobs.set(name, blob);
  }
  const manifest = blobs.get('manifest.json')?.path;
  if (!manifest) throw new Error('docker save wrote no manifest.json');
  return { images: JSON.parse(await readFile(manifest, 'utf8')) as SavedImage[], blobs };
}

async function keep(entry: Readable, header: Header, folder: string, present: ReadonlySet<string>): Promise<Blob> {
  const size = header.size ?? 0;
  const named = /^blobs\/sha256\/([0-9a-f]{64})$/.exec(header.name)?.[1];
  if (named && present.has(`sha256:${named}`)) {
    entry.resume();
    return { digest: `sha256:${named}`, size, path: undefined };
  }
  const path = join(folder, randomUUID());
  const hash = createHash('sha256');
  const hashing = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  await pipeline(entry, hashing, createWriteStream(path));
  const digest = `sha256:${hash.digest('hex')}`;
  if (!present.has(digest)) return { digest, size, path };
  await rm(path);
  return { digest, size, path: undefined };
}

const mediaTypes = {
  index: 'application/vnd.oci.image.index.v1+json',
  // Docker's types: for these containerd looks into a layer to learn how it is compressed.
  manifest: 'application/vnd.docker.distribution.manifest.v2+json',
  config: 'application/vnd.docker.container.image.v1+json',
  layer: 'application/vnd.docker.image.rootfs.diff.tar',
};

/**
 * Writes the archive as an OCI image layout that `ctr images import` takes, without the blobs that were not kept.
 * `names` gives containerd's name for each of Docker's.
 */
export function writeLayout({ images, blobs }: ImageArchive, names: (tag: string) => string): Readable {
  const stream = pack();
  const find = (name: string): Blob => {
    const blob = blobs.get(name);
    if (!blob) throw new Error(`docker save left out ${name}`);
    return blob;
  };
  const write = async (): Promise<void> => {
    await addText(stream, 'oci-layout', JSON.stringify({ imageLayoutVersion: '1.0.0' }));
    const needed = new Map(images.flatMap((image) => [image.Config, ...image.Layers]).map((name) => [find(name).digest, find(name)]));
    for (const blob of needed.values()) {
      if (blob.path) await addFile(stream, blobName(blob.digest), blob);
    }
    const manifests = [];
    for (const image of images) {
      const descriptor = (mediaType: string, { digest, size }: Blob): object => ({ mediaType, digest, size });
      const manifest = JSON.stringify({
        schemaVersion: 2, mediaType: mediaTypes.manifest,
        config: descriptor(mediaTypes.config, find(image.Config)),
        layers: image.Layers.map((layer) => descriptor(mediaTypes.layer, find(layer))),
      });
      const digest = `sha256:${createHash('sha256').update(manifest).digest('hex')}`;
      await addText(stream, blobName(digest), manifest);
      for (const tag of image.RepoTags ?? []) {
        manifests.push({ mediaType: mediaTypes.manifest, digest, size: manifest.length, annotations: { 'io.containerd.image.name': names(tag) } });
      }
    }
    await addText(stream, 'index.json', JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests }));
    stream.finalize();
  };
  write().catch((error: unknown) => stream.destroy(error as Error));
  return stream as unknown as Readable; // of the package streamx, which behaves like one
}

const blobName = (digest: string): string => `blobs/sha256/${basename(digest.replace(':', '/'))}`;

function addText(stream: Pack, name: string, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.entry({ name }, text, (error) => error ? reject(error) : resolve());
  });
}

async function addFile(stream: Pack, name: string, blob: Blob): Promise<void> {
  await pipeline(createReadStream(blob.path ?? '', { highWaterMark: 1024 * 1024 }), stream.entry({ name, size: blob.size }));
}
