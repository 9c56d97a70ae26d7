/** `bridge install` as a function: image and objects, into one cluster. */
import type { Cluster } from '../adapters/cluster/index.ts';
import type { Docker } from '../adapters/docker/index.ts';
import type { Host } from '../host.ts';
import { deliverStowaway, stowawayReference, type Delivery } from '../image/deliver.ts';
import type { Steps } from '../steps/steps.ts';
import type { PreviewExposure } from './manifests/preview.ts';
import { install, type Installation } from './install.ts';
import type { InstallPolicy } from './policy.ts';

export interface Here {
  cluster: Cluster;
  /** Connected only when an image has to be built or copied. */
  docker: () => Promise<Docker>;
  host: Pick<Host, 'env' | 'homeDir' | 'now'>;
  steps: Steps;
}

export async function installHere({ cluster, docker, host, steps }: Here, delivery: Delivery = { kind: 'local' }, { preview, policy }: { preview?: PreviewExposure | undefined; policy?: InstallPolicy | undefined } = {}): Promise<Installation> {
  return install({
    cluster, steps, now: () => host.now(), ...(preview === undefined ? {} : { preview }), ...(policy === undefined ? {} : { policy }),
    image: {
      reference: await stowawayReference(delivery),
      deliver: async (waiting, signal) => (delivery.kind === 'reference' ? 'as referenced' : deliverStowaway(cluster, delivery, { docker: await docker(), host, waiting, signal })),
    },
  });
}
