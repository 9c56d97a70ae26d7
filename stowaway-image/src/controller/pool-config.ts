import { labels, managedBy, names, systemNamespace } from '../../../protocol/names.ts';
import { isAlreadyExists, isNotFound, resources, type Kube } from '../kube/index.ts';
import { choosePool, poolOf, type PoolConfigMap } from '../network/pool.ts';

/** The pool that was chosen once, or now. @throws Error when no pool is free of overlap. */
export async function ensurePool(kube: Kube, ranges: string[]): Promise<string> {
  const ref = { namespace: systemNamespace, name: names.network };
  const read = async (): Promise<string | undefined> => poolOf(await kube.get<PoolConfigMap>(resources.configMaps, ref));
  try {
    const pool = await read();
    if (pool !== undefined) return pool;
    throw new Error(`ConfigMap ${names.network} has no usable ${names.networkPoolField}: delete it, and the controller makes a new one`);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  const pool = choosePool(ranges);
  if (pool === undefined) throw new Error(`no address pool for clients is free of overlap with the cluster's ranges ${ranges.join(', ')}: make ConfigMap ${names.network} in ${systemNamespace} with a free CIDR in ${names.networkPoolField}`);
  try {
    await kube.create<PoolConfigMap>(resources.configMaps, { metadata: { ...ref, labels: { [labels.managedBy]: managedBy } }, data: { [names.networkPoolField]: pool } });
    return pool;
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    return await read() ?? pool;
  }
}
