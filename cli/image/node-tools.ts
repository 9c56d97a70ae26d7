/** How images are kept on a node, by its container runtime. All these programs are part of the node images of kind, k3d and minikube. */
import type { Runtime } from './local-nodes.ts';

export interface NodeTools {
  /** Takes an archive on stdin. */
  import: string[];
  /** Prints something when the node has the image. */
  has(reference: string): string[];
  /** Prints the names of all images, one in a line. */
  list: string[];
  remove(references: string[]): string[];
  /** The name under which the runtime keeps what Docker calls `reference`. */
  name(reference: string): string;
  /** Prints the digests of the content that the node has; absent where an archive must be complete. */
  content?: string[];
}

const ctr = (...words: string[]): string[] => ['ctr', '--namespace', 'k8s.io', ...words];

export const nodeTools: Record<Runtime, NodeTools> = {
  containerd: {
    import: ctr('images', 'import', '-'),
    has: (reference) => ctr('images', 'list', '--quiet', `name==${qualified(reference)}`),
    list: ctr('images', 'list', '--quiet'),
    remove: (references) => ctr('images', 'remove', ...references),
    name: qualified,
    content: ctr('content', 'list', '--quiet'),
  },
  docker: {
    import: ['docker', 'load'],
    has: (reference) => ['docker', 'images', '--quiet', reference],
    list: ['docker', 'images', '--format', '{{.Repository}}:{{.Tag}}'],
    remove: (references) => ['docker', 'rmi', ...references],
    name: (reference) => reference,
  },
  'cri-o': {
    import: ['podman', 'load'],
    has: (reference) => ['podman', 'images', '--quiet', qualified(reference)],
    list: ['podman', 'images', '--format', '{{.Repository}}:{{.Tag}}'],
    remove: (references) => ['podman', 'rmi', ...references],
    name: qualified,
  },
};

/** The full name: `a/b:1` is docker.io/a/b:1, `a` is docker.io/library/a:latest. */
export function qualified(reference: string): string {
  const [host = '', ...rest] = reference.split('/');
  const withHost = rest.length > 0 && (/[.:]/.test(host) || host === 'localhost') ? reference : `docker.io/${rest.length === 0 ? 'library/' : ''}${reference}`;
  return /:[^/]+$/.test(withHost) ? withHost : `${withHost}:latest`;
}
