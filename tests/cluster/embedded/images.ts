import { execa } from 'execa';
import type { Progress } from '../progress.ts';

/** Set on a node's image records: Docker's id of the image they were copied from. */
const sourceLabel = 'podbridge.dev/docker-id';

/** Copies images from Docker to those nodes that do not have them yet. */
export async function loadIntoNodes(nodes: string[], images: string[], progress: Progress): Promise<void> {
  const wanted = await dockerIds(images);
  const missing = (await Promise.all(nodes.map(async (node) => {
    const present = await presentIds(node);
    return { node, images: [...wanted].filter(([image, id]) => present.get(qualified(image)) !== id) };
  }))).filter((each) => each.images.length > 0);
  if (missing.length === 0) return;

  // All nodes get the same stream: what one of them lacks the others mostly lack too.
  const load = [...new Map(missing.flatMap((each) => each.images))];
  await progress.step(`loading ${load.map(([image]) => image).join(', ')} into ${missing.map(({ node }) => node).join(', ')}`, async () => {
    const save = execa('docker', ['save', ...load.map(([image]) => image)], { buffer: { stdout: false } });
    const labels = load.map(([image, id]) => `ctr -n k8s.io images label ${qualified(image)} ${sourceLabel}=${id} >/dev/null`);
    await Promise.all([save, ...missing.map(({ node }) =>
      save.pipe('docker', ['exec', '--interactive', node, 'bash', '-c', ['ctr -n k8s.io images import - >/dev/null', ...labels].join(' && ')]))]);
  });
}

async function dockerIds(images: string[]): Promise<Map<string, string>> {
  const { stdout, stderr, failed } = await execa('docker', ['image', 'inspect', '--format', '{{.Id}}', ...images], { reject: false });
  if (failed) throw new Error(`Docker on this machine does not have all of ${images.join(', ')}: ${stderr.trim()}`);
  const ids = stdout.split('\n');
  return new Map(images.map((image, index) => [image, ids[index] ?? '']));
}

async function presentIds(node: string): Promise<Map<string, string>> {
  const { stdout } = await execa('docker', ['exec', node, 'ctr', '-n', 'k8s.io', 'images', 'ls']);
  const present = new Map<string, string>();
  for (const line of stdout.split('\n').slice(1)) {
    const [reference = ''] = line.split(/\s/, 1);
    const id = new RegExp(`${sourceLabel}=(sha256:[0-9a-f]+)`).exec(line)?.[1];
    if (id !== undefined) present.set(reference, id);
  }
  return present;
}

/** containerd's full name of an image: `a:1` is docker.io/library/a:1, `a/b` is docker.io/a/b:latest. */
export function qualified(image: string): string {
  const [first = '', ...rest] = image.split('/');
  const hasHost = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  const path = hasHost ? image : rest.length > 0 ? `docker.io/${image}` : `docker.io/library/${image}`;
  return /:[^/]+$/.test(path) || path.includes('@') ? path : `${path}:latest`;
}
