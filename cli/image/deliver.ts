/** Makes the stowaway image available to the cluster's nodes, by whichever way there is. */
import type { Cluster } from '../adapters/cluster/index.ts';
import { BridgeError, isBridgeError } from '../errors.ts';
import { ensureImage, type BuildContext } from './build.ts';
import { loadIntoNodes, nodesLacking } from './load.ts';
import { locateCluster, type Location } from './local-nodes.ts';
import { registryCredentials } from './registry-credentials.ts';
import { imageSource, localReference, registryReference } from './source.ts';

export type Delivery =
  /** Copied into the nodes, which must be containers of this Docker. */
  | { kind: 'local' }
  /** Built and pushed below this host and path. */
  | { kind: 'push'; prefix: string }
  /** Somebody else has put it there. */
  | { kind: 'reference'; prefix: string };

/** Reference of the stowaway image as the nodes will know it; nothing is built or asked for that. */
export async function stowawayReference(delivery: Delivery): Promise<string> {
  const source = await imageSource('stowaway');
  return delivery.kind === 'local' ? localReference(source) : registryReference(source, delivery.prefix);
}

/** Says in a few words what was done. Idempotent. */
export async function deliverStowaway(cluster: Cluster, delivery: Delivery, context: BuildContext): Promise<string> {
  if (delivery.kind === 'reference') return 'as referenced';
  const location = await locateCluster(cluster, context.docker);
  if (delivery.kind === 'local' && location.kind === 'elsewhere') throw notLocal(cluster);
  if (delivery.kind === 'push') await checkArchitecture(location, context);
  const lacking = delivery.kind === 'local' && location.kind === 'nodes' ? await nodesLacking(context.docker, await stowawayReference(delivery), location.nodes) : [];
  if (delivery.kind === 'local' && location.kind === 'nodes' && lacking.length === 0) return 'present on all nodes';
  const { reference } = await ensureImage('stowaway', context);
  if (delivery.kind === 'push') return push(reference, await stowawayReference(delivery), context);
  if (location.kind !== 'nodes') return 'the nodes use this Docker';
  await loadIntoNodes(context.docker, reference, lacking, context.waiting);
  return `loaded into ${lacking.map(({ name }) => name).join(', ')}`;
}

async function push(reference: string, target: string, { docker, host, waiting, signal }: BuildContext): Promise<string> {
  await docker.images.tag(reference, target);
  const registry = target.slice(0, target.indexOf('/'));
  const auth = await registryCredentials(host, registry);
  try {
    await docker.images.push(target, { ...(auth === undefined ? {} : { auth }), onLine: waiting, signal });
  } catch (error) {
    if (!isBridgeError(error) || signal.aborted) throw error;
    throw new BridgeError({
      kind: 'environment', code: 'push-failed', what: `${target} cannot be pushed`, why: error.facts.why ?? error.facts.what,
      next: auth === undefined ? `docker login ${registry}` : `docker push ${target}`, detail: error.facts.detail ?? error.facts.why ?? error.facts.what, cause: error,
    });
  }
  return `pushed to ${registry}`;
}

function notLocal(cluster: Cluster): BridgeError {
  return new BridgeError({
    kind: 'usage', code: 'registry-needed', what: `the nodes of context ${cluster.context.name} are not containers of this Docker, so podbridge's image cannot be copied into them`,
    why: 'a cluster elsewhere gets it from a registry that both this machine and the nodes can reach', next: 'bridge install --registry HOST/PATH',
  });
}

const goArchitectures: Record<string, string> = { x86_64: 'amd64', aarch64: 'arm64' };

async function checkArchitecture(location: Location, { docker }: BuildContext): Promise<void> {
  if (location.kind !== 'elsewhere') return;
  const { architecture } = await docker.info();
  const own = goArchitectures[architecture] ?? architecture;
  const others = location.architectures.filter((each) => each !== own);
  if (others.length === 0) return;
  throw new BridgeError({
    kind: 'environment', code: 'architecture-mismatch', what: `this Docker builds for ${own}, but the cluster has nodes of ${others.join(', ')}`,
    why: 'an image runs on the architecture that it was built for', next: `build and push it on a machine of each architecture, then: bridge install --image-prefix HOST/PATH`,
  });
}
