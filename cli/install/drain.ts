import type { Bridge } from '../../protocol/objects.ts';
import { names, systemNamespace } from '../../protocol/names.ts';
import { resources, type Cluster, type KubeObject } from '../adapters/cluster/index.ts';
import { isBridgeError } from '../errors.ts';
import { timing } from '../timing.ts';
import { findBridges } from './find-ours.ts';

/** Asks agents to let open requests finish, and waits for it as long as there is a controller that could carry it out. */
export async function drainBridges(cluster: Cluster, bridges: Bridge[], now: () => number, waiting: (waitingFor: string) => void): Promise<void> {
  const attached = bridges.filter(isAttached);
  if (attached.length === 0 || !(await controllerLives(cluster))) return;
  await Promise.all(attached.map(({ metadata: { name, namespace } }) =>
    cluster.patch(resources.Bridge, name, { spec: { state: 'Draining' } }, namespace === undefined ? {} : { namespace }).catch(bestEffort)));
  const end = now() + timing.uninstallDrainTimeoutMs;
  while (now() < end) {
    const left = (await findBridges(cluster)).filter(isAttached);
    if (left.length === 0) return;
    waiting(`open requests of ${left.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`).join(', ')}`);
    await new Promise((resolve) => setTimeout(resolve, timing.uninstallPollIntervalMs));
  }
}

function isAttached(bridge: Bridge): boolean {
  return (bridge.status?.pods ?? []).length > 0;
}

async function controllerLives(cluster: Cluster): Promise<boolean> {
  const deployment = await cluster.find<KubeObject & { status?: { availableReplicas?: number } }>(resources.Deployment, names.controller, systemNamespace);
  return (deployment?.status?.availableReplicas ?? 0) > 0;
}

/** Draining is a courtesy: whether the bridge may be removed at all shows when it is. */
function bestEffort(error: unknown): void {
  if (!isBridgeError(error)) throw error;
}
