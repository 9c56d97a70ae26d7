import type { Progress } from './progress.ts';

/** A cluster that tests may use. */
export interface Cluster {
  name: string;
  provider: 'context' | 'kind' | 'k3d' | 'embedded';
  /** A kubeconfig file of our own, whose current context is `context`. */
  kubeconfigPath: string;
  context: string;
  /** The names of its nodes; with the providers in Docker, also of their containers. */
  nodes: string[];
  /** The Docker network the nodes are on, where they are containers. */
  dockerNetwork: string | undefined;
}

export interface UpOptions {
  name: string;
  /** How many; undefined: as many as it has, two for a new one. */
  nodes: number | undefined;
  progress: Progress;
}

export interface ClusterStatus {
  name: string;
  provider: Cluster['provider'];
  state: 'absent' | 'stopped' | 'unhealthy' | 'ready';
  nodes: { name: string; state: string; address?: string }[];
  /** What to know or do, in words. */
  notes: string[];
}

/** One way to get a cluster. */
export interface Provider {
  readonly name: Cluster['provider'];
  /** Makes the cluster, or heals it, or finds it ready. */
  up(options: UpOptions): Promise<Cluster>;
  /** Removes everything of it. Removing what does not exist is no error. */
  down(name: string, progress: Progress): Promise<void>;
  status(name: string): Promise<ClusterStatus>;
  /** Copies images from this machine's Docker to every node. */
  load(cluster: Cluster, images: string[], progress: Progress): Promise<void>;
  /** The cluster as `up` would return it, without making or healing it; undefined if there is none. */
  find(name: string): Promise<Cluster | undefined>;
}
