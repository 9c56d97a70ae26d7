/** Copies an image from Docker into nodes that are containers of it: where the runtime allows it, only the layers that they lack. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, type Readable } from 'node:stream';
import type { Docker } from '../adapters/docker/index.ts';
import { BridgeError } from '../errors.ts';
import { readSaved, writeLayout } from './archive.ts';
import type { LocalNode } from './local-nodes.ts';
import { nodeTools, qualified } from './node-tools.ts';

/** The tag names the content, so an image that a node has under it need not be compared. */
export async function nodesLacking(docker: Docker, reference: string, nodes: LocalNode[]): Promise<LocalNode[]> {
  const present = await Promise.all(nodes.map(async ({ container, runtime }) => (await docker.containers.exec(container, nodeTools[runtime].has(reference))).stdout.trim() !== ''));
  return nodes.filter((_, index) => !present[index]);
}

/** @param lacking at least one */
export async function loadIntoNodes(docker: Docker, reference: string, lacking: LocalNode[], waiting: (waitingFor: string) => void): Promise<void> {
  waiting(`copies on ${lacking.map(({ name }) => name).join(', ')}`);
  const layered = lacking.filter(({ runtime }) => nodeTools[runtime].content !== undefined);
  const whole = lacking.filter((node) => !layered.includes(node));
  await Promise.all([
    ...(layered.length === 0 ? [] : [loadLayers(docker, reference, layered)]),
    ...whole.map(async (node) => importInto(docker, reference, node, await docker.images.save(reference))),
  ]);
}

async function loadLayers(docker: Docker, reference: string, nodes: LocalNode[]): Promise<void> {
  const contents = await Promise.all(nodes.map(async ({ container, runtime }) => {
    const { exitCode, stdout } = await docker.containers.exec(container, nodeTools[runtime].content ?? []);
    return new Set(exitCode === 0 ? stdout.split('\n').map((line) => line.trim()) : []);
  }));
  const everywhere = new Set([...contents[0] ?? []].filter((digest) => contents.every((content) => content.has(digest))));
  const folder = await mkdtemp(join(tmpdir(), 'podbridge-image-'));
  try {
    const archive = await readSaved(await docker.images.save(reference), folder, everywhere);
    await Promise.all(nodes.map(async (node) => {
      const layout = writeLayout(archive, qualified).pipe(new PassThrough());
      // Content that was collected meanwhile, or that the node has only in part: once more, with everything.
      await importInto(docker, reference, node, layout).catch(async () => importInto(docker, reference, node, await docker.images.save(reference)));
    }));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function importInto(docker: Docker, reference: string, { name, container, runtime }: LocalNode, archive: Readable): Promise<void> {
  const command = nodeTools[runtime].import;
  const { exitCode, stderr } = await docker.containers.exec(container, command, { stdin: archive });
  archive.destroy();
  if (exitCode === 0) return;
  throw new BridgeError({
    kind: 'environment', code: 'image-load-failed', what: `image ${reference} could not be loaded into node ${name}`,
    why: stderr.trim().split('\n').at(-1) ?? `${command[0]} failed`, next: `docker exec ${name} df -h`, detail: stderr.trim(),
  });
}

/** Removes all versions of an image from the nodes; returns how many names were removed. What is still used stays. */
export async function removeFromNodes(docker: Docker, repository: string, nodes: LocalNode[]): Promise<number> {
  const counts = await Promise.all(nodes.map(async ({ container, runtime }) => {
    const tools = nodeTools[runtime];
    const { stdout } = await docker.containers.exec(container, tools.list);
    const prefix = tools.name(`${repository}:any`).replace(/any$/, '');
    const ours = stdout.split('\n').map((line) => line.trim()).filter((name) => name.startsWith(prefix));
    if (ours.length === 0) return 0;
    const { exitCode } = await docker.containers.exec(container, tools.remove(ours));
    return exitCode === 0 ? ours.length : 0;
  }));
  return counts.reduce((sum, each) => sum + each, 0);
}
