/** Which version stands in the cluster, and whether this CLI may work with it. */
import { names, systemNamespace } from '../../protocol/names.ts';
import { grantLines } from '../grant-lines.ts';
import { resources, type Cluster, type KubeObject } from '../adapters/cluster/index.ts';
import { BridgeError, isBridgeError } from '../errors.ts';
import { exposureFrom, type PreviewExposure } from './manifests/preview.ts';

export interface Installed {
  version: string;
  stowawayImage: string;
  preview: PreviewExposure;
  /** For policyFrom of policy.ts. */
  policy?: string;
}

/** undefined when podbridge is not (completely) installed. */
export async function findInstalled(cluster: Cluster): Promise<Installed | undefined> {
  try {
    const found = await cluster.find<KubeObject & { data?: Partial<Record<string, string>> }>(resources.ConfigMap, names.info, systemNamespace);
    const { version, stowawayImage, policy } = found?.data ?? {};
    return version === undefined || stowawayImage === undefined ? undefined : { version, stowawayImage, preview: exposureFrom(found?.data ?? {}), ...(policy === undefined ? {} : { policy }) };
  } catch (error) {
    if (isBridgeError(error) && error.facts.code === 'cluster-forbidden') throw await notAllowed(cluster, error);
    throw error;
  }
}

async function notAllowed(cluster: Cluster, cause: unknown): Promise<BridgeError> {
  const { username } = await cluster.whoAmI();
  return new BridgeError({
    kind: 'refused', code: 'not-allowed', cause,
    what: `${username} may not use podbridge in this cluster`,
    why: `podbridge is not installed there, or nobody has given you the role ${names.userRole}`,
    next: `ask an administrator for: ${grantLines(username)[0]}`,
  });
}

export type Fit = 'same' | 'fits' | 'cluster-older' | 'cluster-newer';

/**
 * Parts of one minor version work together (before 1.0 a minor version may change the protocol). Within it, a CLI that is
 * newer than the cluster does not insist on an upgrade that others would have to agree to.
 */
export function compareVersions(cli: string, cluster: string): Fit {
  if (cli === cluster) return 'same';
  const [ours, theirs] = [parse(cli), parse(cluster)];
  for (const index of [0, 1] as const) {
    if (ours[index] !== theirs[index]) return ours[index] > theirs[index] ? 'cluster-older' : 'cluster-newer';
  }
  return 'fits';
}

function parse(version: string): [major: number, minor: number] {
  const match = /^v?(\d+)\.(\d+)\./.exec(version);
  if (match === null) throw new TypeError(`${version} is not a semantic version`);
  return [Number(match[1]), Number(match[2])];
}
