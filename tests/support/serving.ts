import { resources } from '../../cli/adapters/cluster/index.ts';
import type { Bridge } from '../../protocol/objects.ts';
import type { Kube } from './kube.ts';

const servingLimitMs = 20_000;

/** Waits until every pod's agent sees the container's ports accept connections: from then on it gets the traffic. */
export async function untilServing(kube: Kube, namespace: string, name: string, pods?: number): Promise<Bridge> {
  const bridge = await kube.until<Bridge>(resources.Bridge, name, (object) => {
    const entries = object?.status?.pods ?? [];
    return entries.length === (pods ?? object?.status?.desiredPods) && entries.length > 0 && entries.every(({ ready, serving }) => ready && serving === true);
  }, { namespace, timeoutMs: servingLimitMs });
  return bridge!;
}
