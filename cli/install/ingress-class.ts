/** Is there the Ingress class that previews are to go through? The API server takes an Ingress of any class, and nothing answers for one that nobody knows. */
import { resources, type Cluster, type KubeObject } from '../adapters/cluster/index.ts';
import { isBridgeError } from '../errors.ts';
import type { PreviewExposure } from './manifests/preview.ts';

/** @returns the class that is missing and those that there are; undefined: it is there, none is named, or this user may not look */
export async function missingIngressClass(cluster: Cluster, { way, name }: PreviewExposure): Promise<{ wanted: string; there: string[] } | undefined> {
  if (way !== 'ingress' || name === undefined) return undefined;
  try {
    const { items } = await cluster.list<KubeObject>(resources.IngressClass);
    const there = items.map(({ metadata }) => metadata.name).sort();
    return there.includes(name) ? undefined : { wanted: name, there };
  } catch (error) {
    if (isBridgeError(error) && error.facts.code === 'cluster-forbidden') return undefined;
    throw error;
  }
}
