import { resources, type Cluster, type ResourceType } from '../adapters/cluster/index.ts';
import { timing } from '../timing.ts';
import { findBridges, findClients, type Found } from './find-ours.ts';
import { removeAll, untilGone } from './remove.ts';

/** A definition goes when its last object has gone. Only a finalizer that somebody else put on such an object can hold it up: it is taken off. */
export async function removeKinds(cluster: Cluster, kinds: Found[], now: () => number): Promise<void> {
  await removeAll(cluster, kinds);
  const stripping = setInterval(() => void stripFinalizers(cluster), timing.uninstallFinalizerIntervalMs);
  try {
    await untilGone(cluster, kinds, () => undefined, now);
  } finally {
    clearInterval(stripping);
  }
}

/** Never throws: what could not be done shows in the wait for the definition. */
async function stripFinalizers(cluster: Cluster): Promise<void> {
  const strip = async (type: ResourceType, objects: Found['object'][]): Promise<unknown> => Promise.all(objects
    .filter(({ metadata }) => metadata.deletionTimestamp !== undefined && ((metadata as { finalizers?: string[] }).finalizers ?? []).length > 0)
    .map(({ metadata: { name, namespace } }) => cluster.patch(type, name, { metadata: { finalizers: null } }, namespace === undefined ? {} : { namespace })));
  await Promise.allSettled([findBridges(cluster).then((bridges) => strip(resources.Bridge, bridges)), findClients(cluster).then((clients) => strip(resources.Client, clients))]);
}
