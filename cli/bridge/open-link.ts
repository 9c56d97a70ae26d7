/** From a cluster that may have nothing of ours to a link that is up: installs when asked to, brings the image, connects. */
import type { Cluster } from '../adapters/cluster/index.ts';
import type { Docker } from '../adapters/docker/index.ts';
import type { Host } from '../host.ts';
import { ensureImage } from '../image/build.ts';
import { ensureInstalled } from '../install/ensure-installed.ts';
import { connectLink, type Link } from '../link/connect-link.ts';
import { takeDownLink } from '../link/take-down.ts';
import type { TransportChoice } from '../link/transport.ts';
import { labels } from '../../protocol/names.ts';
import type { Steps } from '../steps/steps.ts';
import type { Reporter } from '../ui/events.ts';

export interface OpenLinkRequest {
  docker: Docker;
  cluster: Cluster;
  steps: Steps;
  host: Host;
  reporter: Reporter;
  yes: boolean;
  transport?: TransportChoice;
}

export async function openLink({ docker, cluster, steps, host, reporter, yes, transport }: OpenLinkRequest): Promise<Link> {
  await ensureInstalled({
    cluster, host, reporter, yes,
    install: async () => {
      const { installHere } = await import('../install/install-here.ts');
      return installHere({ cluster, docker: () => Promise.resolve(docker), host, steps });
    },
  });
  return steps.run({
    id: 'link', title: 'Link',
    act: async ({ signal, waiting, undo }) => {
      const cargoImage = ensureImage('cargo', { docker, host, waiting, signal }).then(({ reference }) => reference);
      const link = await connectLink({ docker, cluster, cargoImage, signal, waiting, ...(transport === undefined ? {} : { transport }) });
      if (link.created) undo('Remove the link', () => removeUnused(docker, cluster, link.client));
      return link;
    },
    detail: ({ client, transport: way, created }) => `${client} by ${way}${created ? '' : ', up already'}`,
  });
}

/** A link that others use by now is theirs too. */
async function removeUnused(docker: Docker, cluster: Cluster, link: string): Promise<void> {
  const apps = await docker.containers.list({ [labels.link]: link, [labels.role]: 'app' });
  if (apps.length === 0) await takeDownLink({ docker, cluster, link });
}
