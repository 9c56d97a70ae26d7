/** For every command that needs a link: the cluster side is there, the cargo image too, and the link is up. */
import type { Cluster } from '../adapters/cluster/index.ts';
import type { Docker } from '../adapters/docker/index.ts';
import type { Host } from '../host.ts';
import { ensureImage } from '../image/build.ts';
import { ensureInstalled } from '../install/ensure-installed.ts';
import { installHere } from '../install/install-here.ts';
import type { Steps } from '../steps/steps.ts';
import type { Reporter } from '../ui/events.ts';
import { connectLink, findLinkName, inUse, type Link } from './connect-link.ts';
import { openControlAhead } from './control-ahead.ts';
import { openControl } from './control-client.ts';
import { lastingControl } from './lasting-control.ts';
import { withLinkLock } from '../lock.ts';
import { takeDownLink } from './take-down.ts';
import type { TransportChoice } from './transport.ts';

export interface OpenLinkRequest {
  docker: Docker;
  cluster: Cluster;
  steps: Steps;
  host: Host;
  reporter: Reporter;
  /** `--yes`: install the cluster side without asking. */
  yes: boolean;
  transport?: TransportChoice;
  ttl?: string;
}

export interface OpenedLink extends Link {
  /** The same link with a control connection of its own: the end of one says nothing about the others' sessions. */
  another(): Promise<Link>;
}

/** A link that this command has made is removed when its steps are undone, unless somebody else uses it by then. */
export async function openLink({ docker, cluster, steps, host, reporter, yes, transport, ttl }: OpenLinkRequest): Promise<OpenedLink> {
  // Asked ahead and remembered by both adapters; what is wrong is said where it is needed.
  const ahead = openControlAhead(docker, findLinkName(docker, cluster).then(({ name }) => name));
  try {
    await steps.run({
      id: 'cluster-side', title: 'Find podbridge in the cluster', detail: (found) => found,
      act: () => ensureInstalled({ cluster, host, reporter, yes, install: () => installHere({ cluster, docker: () => Promise.resolve(docker), host, steps }) }),
    });
    const link = await steps.run<Link>({
      id: 'link', title: 'Connect to the cluster', detail: ({ transport: way, created, revived }) => `${way}${created ? '' : revived === true ? ', its container was started again' : ', was connected'}`,
      act: async ({ signal, waiting, undo }) => {
        const cargoImage = ensureImage('cargo', { docker, host, waiting, signal }).then(({ reference }) => reference);
        const connected = await connectLink({ docker, cluster, cargoImage, signal, waiting, ahead, ...(transport === undefined ? {} : { transport }), ...(ttl === undefined ? {} : { ttl }) });
        if (connected.created) {
          undo('disconnect from the cluster', async () => {
            connected.control.close();
            await withLinkLock(connected.client, async () => {
              if (await isOurs(docker, connected)) await takeDownLink({ docker, cluster, link: connected.client });
            });
          });
        }
        return connected;
      },
    });
    return {
      ...link,
      another: async () => ({ ...link, control: lastingControl(docker, link.client, await openControl(docker, link.cargo)) }),
    };
  } finally {
    ahead.drop();
  }
}

/** Not when containers of other commands hang on the link, nor when another command has made it anew meanwhile. */
async function isOurs(docker: Docker, { client, cargo, cargoId }: Link): Promise<boolean> {
  const [used, now] = await Promise.all([inUse(docker, client), docker.containers.find(cargo)]);
  return !used && (now === undefined || now.id === cargoId);
}
