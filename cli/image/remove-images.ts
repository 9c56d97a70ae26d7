/** Takes our images off this machine again: out of the nodes that are containers here, and out of Docker. */
import { labels, managedBy } from '../../protocol/names.ts';
import type { Docker } from '../adapters/docker/index.ts';
import { appComponent, isAppImage } from './app-build.ts';
import { removeFromNodes } from './load.ts';
import type { Location } from './local-nodes.ts';

/** A name that ensureImage or a push gave: it ends with version and content hash. Or one of `--build`. */
const isOurs = (tag: string): boolean => isAppImage(tag) || /:\d+\.\d+\.\d+[^:]*-[0-9a-f]{12}$/.test(tag);

/** Value of the component label. `node`: the stage in which both Dockerfiles prepare Node, which Docker keeps as an image without a name. */
const components = ['cargo', 'stowaway', 'node', appComponent];

/** Number of images removed. One that a container still uses (another link's cargo) stays. */
export async function removeImages(docker: Docker, location: Location): Promise<number> {
  if (location.kind === 'nodes') await removeFromNodes(docker, 'podbridge/stowaway', location.nodes);
  let removed = 0;
  for (const component of components) {
    const images = await docker.images.list({ [labels.managedBy]: managedBy, [labels.component]: component });
    // By name as long as it has names: an image with several is not removed by its id. Names that others gave it stay.
    for (const reference of images.flatMap(({ id, tags }) => (tags.length === 0 ? [id] : tags.filter(isOurs)))) {
      if (await docker.images.remove(reference)) removed++;
    }
  }
  return removed;
}
