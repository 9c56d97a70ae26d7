/** `bridge uninstall` as a function: the cluster side, and what this machine has of it. */
import { labels } from '../../protocol/names.ts';
import type { Cluster } from '../adapters/cluster/index.ts';
import type { Docker } from '../adapters/docker/index.ts';
import { isBridgeError } from '../errors.ts';
import type { Host } from '../host.ts';
import { locateCluster, type Location } from '../image/local-nodes.ts';
import { removeImages } from '../image/remove-images.ts';
import { takeDownLink } from '../link/take-down.ts';
import type { Steps } from '../steps/steps.ts';
import type { Reporter } from '../ui/events.ts';
import { uninstall, type Removal } from './uninstall.ts';

export interface Here {
  cluster: Cluster;
  docker: () => Promise<Docker>;
  host: Pick<Host, 'now'>;
  steps: Steps;
  reporter: Reporter;
}

export interface LocalRemoval extends Removal {
  /** Links that this machine had to the cluster. */
  links: string[];
  /** Number of images removed from Docker. */
  images: number;
}

export type Images = 'remove' | 'if-local' | 'keep';

export async function uninstallHere(here: Here, images: Images): Promise<LocalRemoval> {
  const { cluster, steps, reporter, host } = here;
  // Asked for before anything is removed: afterwards the right to see the nodes may be gone.
  const local = await locate(here);
  const removal = await uninstall(cluster, steps, () => host.now());
  if (local === undefined) {
    reporter.emit({ type: 'warning', code: 'docker-unreachable', text: 'Docker cannot be reached: a link of this machine to the cluster would still be there', next: 'bridge down', at: host.now() });
    return { ...removal, links: [], images: 0 };
  }
  const { docker, location } = local;
  const links = await removeLinks(docker, here, removal.clients);
  const wanted = images === 'remove' || (images === 'if-local' && location.kind !== 'elsewhere');
  const removed = wanted ? await steps.run({ id: 'images', title: 'Remove images', act: () => removeImages(docker, location), detail: String }) : 0;
  return { ...removal, links, images: removed };
}

async function locate({ cluster, docker: connect }: Here): Promise<{ docker: Docker; location: Location } | undefined> {
  try {
    const docker = await connect();
    await docker.info();
    // Who may not list nodes gets the images in Docker removed, if he wants, but none on nodes.
    return { docker, location: await locateCluster(cluster, docker).catch((error: unknown): Location => nowhere(error)) };
  } catch (error) {
    if (isBridgeError(error)) return undefined;
    throw error;
  }
}

function nowhere(error: unknown): Location {
  if (!isBridgeError(error) || error.facts.code !== 'cluster-forbidden') throw error;
  return { kind: 'elsewhere', architectures: [] };
}

/** By the clients that the cluster knew, and by the context that a link was made for: either may be all that is left. */
async function removeLinks(docker: Docker, { cluster, steps }: Here, clients: string[]): Promise<string[]> {
  const [containers, networks] = await Promise.all([docker.containers.list({ [labels.link]: '' }), docker.networks.list({ [labels.link]: '' })]);
  const found = [...containers, ...networks].filter(({ labels: own }) => clients.includes(own[labels.link] ?? '') || own[labels.context] === cluster.context.name);
  const links = [...new Set(found.map(({ labels: own }) => own[labels.link] ?? ''))].filter((link) => link !== '');
  if (links.length === 0) return [];
  return steps.run({
    id: 'links', title: 'Remove the link', act: async () => {
      await Promise.all(links.map((link) => takeDownLink({ docker, link })));
      return links;
    }, detail: (names) => names.join(', '),
  });
}
