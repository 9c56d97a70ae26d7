import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { execa } from 'execa';
import { cacheFolder } from '../paths.ts';
import type { Progress } from '../progress.ts';
import { readSaved, writeLayout } from '../../../cli/image/archive.ts';

/** Set on a node's image records: Docker's id of the image they were copied from. */
const sourceLabel = 'podbridge.dev/docker-id';

/** Copies images from Docker to those nodes that lack them, and of them only the layers that they lack. */
export async function loadIntoNodes(nodes: string[], images: string[], progress: Progress): Promise<void> {
  const wanted = await dockerIds(images);
  const states = await Promise.all(nodes.map(async (node) => ({ node, ...await contentOf(node) })));
  const lacking = states.filter(({ ids }) => [...wanted].some(([image, id]) => ids.get(qualified(image)) !== id));
  if (lacking.length === 0) return;
  // All of them get the same stream: what one of them lacks the others mostly lack too.
  const load = [...wanted].filter(([image, id]) => lacking.some(({ ids }) => ids.get(qualified(image)) !== id));
  const present = new Set([...lacking[0]?.digests ?? []].filter((digest) => lacking.every(({ digests }) => digests.has(digest))));

  await progress.step(`loading ${load.map(([image]) => image).join(', ')} into ${lacking.map(({ node }) => node).join(', ')}`, async () => {
    const folder = await mkdtemp(join(await cacheFolder('build'), 'images-'));
    try {
      const save = execa('docker', ['save', ...load.map(([image]) => image)], { buffer: false });
      const [archive] = await Promise.all([readSaved(save.stdout, folder, present), save]);
      await Promise.all(lacking.map(({ node }) => importInto(node, load, () => writeLayout(archive, qualified))));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
}

async function importInto(node: string, images: [string, string][], layout: () => NodeJS.ReadableStream): Promise<void> {
  const labels = images.map(([image, id]) => `ctr -n k8s.io images label ${qualified(image)} ${sourceLabel}=${id} >/dev/null`);
  const command = ['ctr -n k8s.io images import - >/dev/null', ...labels].join(' && ');
  const importing = execa('docker', ['exec', '--interactive', node, 'bash', '-c', command], { stdin: 'pipe', all: true });
  const input = new PassThrough({ highWaterMark: 1024 * 1024 });
  // When the import ends early, its own error says more than the broken pipe.
  const feeding = pipeline(layout(), input, importing.stdin).catch((error: unknown) => error);
  await importing;
  const failure = await feeding;
  if (failure) throw failure as Error;
}

async function dockerIds(images: string[]): Promise<Map<string, string>> {
  const { stdout, stderr, failed } = await execa('docker', ['image', 'inspect', '--format', '{{.Id}}', ...images], { reject: false });
  if (failed) throw new Error(`Docker on this machine does not have all of ${images.join(', ')}: ${stderr.trim()}`);
  const ids = stdout.split('\n');
  return new Map(images.map((image, index) => [image, ids[index] ?? '']));
}

/** The Docker ids of a node's images by name, and the digests of all content it has. */
async function contentOf(node: string): Promise<{ ids: Map<string, string>; digests: Set<string> }> {
  const { stdout } = await execa('docker', ['exec', node, 'bash', '-c', 'ctr -n k8s.io images ls && echo content: && ctr -n k8s.io content ls -q']);
  const [records = '', content = ''] = stdout.split('\ncontent:\n');
  const ids = new Map<string, string>();
  for (const line of records.split('\n').slice(1)) {
    const [reference = ''] = line.split(/\s/, 1);
    const id = new RegExp(`${sourceLabel}=(sha256:[0-9a-f]+)`).exec(line)?.[1];
    if (id !== undefined) ids.set(reference, id);
  }
  return { ids, digests: new Set(content.split('\n').filter(Boolean)) };
}

/** containerd's full name of an image: `a:1` is docker.io/library/a:1, `a/b` is docker.io/a/b:latest. */
export function qualified(image: string): string {
  const [first = '', ...rest] = image.split('/');
  const hasHost = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  const path = hasHost ? image : rest.length > 0 ? `docker.io/${image}` : `docker.io/library/${image}`;
  return /:[^/]+$/.test(path) || path.includes('@') ? path : `${path}:latest`;
}
