/** `bridge uninstall` as a function: the cluster side, and what this machine has of it. */
import type { Cluster } from '../adapters/cluster/index.ts';
import type { Docker } from '../adapters/docker/index.ts';
import { isBridgeError } from '../errors.ts';
import type { Host } from '../host.ts';
import { locateCluster, type Location } from '../image/local-nodes.ts';
import { removeImages } from '../image/remove-images.ts';
import type { Steps } from '../steps/steps.ts';
import type { Reporter } from '../ui/events.ts';
import { uninstall, type Removal } from './uninstall.ts';

export interface Here {
  cluster: Cluster;
  docker: () => Promise<Docker>;
  host: Pick<Host, 'env' | 'homeDir' | 'now'>;
  steps: Steps;
  reporter: Reporter;
}

export interface LocalRemoval extends Removal {
  /** Images removed from Docker. */
  images: number;
}

export async function uninstallHere({ cluster, docker, host, steps, reporter }: Here, images: 'remove' | 'if-local' | 'keep'): Promise<LocalRemoval> {
  const removal = await uninstall(cluster, steps, () => host.now());
  if (images === 'keep') return { ...removal, images: 0 };
  const engine = await docker();
  const location = await locateCluster(cluster, engine).catch((error: unknown): Location => {
    // Where the nodes cannot be seen any more, the images in Docker can still be removed.
    if (!isBridgeError(error)) throw error;
    reporter.emit({ type: 'warning', code: error.facts.code, text: `the images on the nodes were not looked for: ${error.facts.what}`, at: host.now() });
    return { kind: 'elsewhere', architectures: [] };
  });
  if (images === 'if-local' && location.kind === 'elsewhere') return { ...removal, images: 0 };
  const removed = await steps.run({
    id: 'images', title: 'Remove images', act: () => removeImages(engine, location), detail: (count) => `${count}`,
  });
  return { ...removal, images: removed };
}
