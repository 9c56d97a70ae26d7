/** Copies an image from Docker into nodes that are containers of it. */
import { PassThrough } from 'node:stream';
import type { Docker } from '../adapters/docker/index.ts';
import { BridgeError } from '../errors.ts';
import type { LocalNode, Runtime } from './local-nodes.ts';

/** What a node's own tools do; all of them are part of every node image of kind, k3d and minikube. */
const tools: Record<Runtime, { import: string[]; has(reference: string): string[]; list: string[]; remove(references: string[]): string[] }> = {
  containerd: {
    import: ['ctr', '--namespace', 'k8s.io', 'images', 'import', '-'],
    has: (reference) => ['ctr', '--namespace', 'k8s.io', 'images', 'list', '--quiet', `name==${qualified(reference)}`],
    list: ['ctr', '--namespace', 'k8s.io', 'images', 'list', '--quiet'],
    remove: (references) => ['ctr', '--namespace', 'k8s.io', 'images', 'remove', ...references],
  },
  docker: {
    import: ['docker', 'load'],
    has: (reference) => ['docker', 'images', '--quiet', reference],
    list: ['docker', 'images', '--format', '{{.Repository}}:{{.Tag}}'],
    remove: (references) => ['docker', 'rmi', ...references],
  },
  'cri-o': {
    import: ['podman', 'load'],
    has: (reference) => ['podman', 'images', '--quiet', qualified(reference)],
    list: ['podman', 'images', '--format', '{{.Repository}}:{{.Tag}}'],
    remove: (references) => ['podman', 'rmi', ...references],
  },
};

/** The tag names the content, so an image that a node has under it need not be compared. Returns the nodes that lacked it. */
export async function loadIntoNodes(docker: Docker, reference: string, nodes: LocalNode[], waiting: (waitingFor: string) => void): Promise<string[]> {
  const present = await Promise.all(nodes.map(async ({ container, runtime }) => (await docker.containers.exec(container, tools[runtime].has(reference))).stdout.trim() !== ''));
  const lacking = nodes.filter((_, index) => !present[index]);
  if (lacking.length === 0) return [];
  const left = new Set(lacking.map(({ name }) => name));
  waiting(`copies on ${[...left].join(', ')}`);
  // One stream for all: Docker writes it once, at the pace of the slowest.
  const image = await docker.images.save(reference);
  await Promise.all(lacking.map(async ({ name, container, runtime }) => {
    const copy = image.pipe(new PassThrough());
    image.once('error', (error) => copy.destroy(error));
    const { exitCode, stderr } = await docker.containers.exec(container, tools[runtime].import, { stdin: copy });
    // A copy that nobody reads any more would hold up the others.
    copy.resume();
    if (exitCode !== 0) {
      throw new BridgeError({ kind: 'environment', code: 'image-load-failed', what: `image ${reference} could not be loaded into node ${name}`, why: stderr.trim().split('\n').at(-1) ?? `${tools[runtime].import[0]} failed`, next: `docker exec ${name} df -h`, detail: stderr.trim() });
    }
    left.delete(name);
    if (left.size > 0) waiting(`copies on ${[...left].join(', ')}`);
  }));
  return lacking.map(({ name }) => name);
}

/** Removes all versions of an image from the nodes; returns how many names were removed. What is still used stays. */
export async function removeFromNodes(docker: Docker, repository: string, nodes: LocalNode[]): Promise<number> {
  const counts = await Promise.all(nodes.map(async ({ container, runtime }) => {
    const { stdout } = await docker.containers.exec(container, tools[runtime].list);
    const ours = stdout.split('\n').map((line) => line.trim()).filter((name) => name.startsWith(`${runtime === 'docker' ? repository : qualified(repository).replace(/:latest$/, '')}:`));
    if (ours.length === 0) return 0;
    const { exitCode } = await docker.containers.exec(container, tools[runtime].remove(ours));
    return exitCode === 0 ? ours.length : 0;
  }));
  return counts.reduce((sum, each) => sum + each, 0);
}

/** The full name under which containerd and cri-o keep an image: `a/b:1` is docker.io/a/b:1. */
export function qualified(reference: string): string {
  const [host = '', ...rest] = reference.split('/');
  const withHost = rest.length > 0 && (/[.:]/.test(host) || host === 'localhost') ? reference : `docker.io/${rest.length === 0 ? 'library/' : ''}${reference}`;
  return /:[^/]+$/.test(withHost) ? withHost : `${withHost}:latest`;
}
