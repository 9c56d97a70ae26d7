import { systemNamespace } from '../../protocol/names.ts';
import { resources, type Cluster } from '../adapters/cluster/index.ts';
import { timing } from '../timing.ts';
import type { Pod } from './pod-trouble.ts';

/** Waits until the deleted namespace has no pods. Those whose node no longer answers would stay for ever: they are removed by force. */
export async function removePods(cluster: Cluster, now: () => number, waiting: (waitingFor: string) => void): Promise<void> {
  const start = now();
  for (;;) {
    const pods = (await cluster.list<Pod>(resources.Pod, { namespace: systemNamespace })).items;
    if (pods.length === 0) return;
    waiting(`pod ${pods.map(({ metadata }) => metadata.name).join(', ')}`);
    if (now() - start >= timing.uninstallPodTimeoutMs) {
      await Promise.all(pods.map(({ metadata }) => cluster.delete(resources.Pod, metadata.name, { namespace: systemNamespace, gracePeriodSeconds: 0 })));
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, timing.uninstallPollIntervalMs));
  }
}
