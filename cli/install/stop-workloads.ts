/** Ends hub, controller and agents, and waits until their pods are gone. */
import { labels, managedBy, names, systemNamespace } from '../../protocol/names.ts';
import { resources, type Cluster } from '../adapters/cluster/index.ts';
import { isBridgeError } from '../errors.ts';
import { timing } from '../timing.ts';
import { components } from './manifests/network-policies.ts';
import type { Pod } from './pod-trouble.ts';

/** Does not wait. The controller goes first, so that it does not make agents anew. */
export async function stopWorkloads(cluster: Cluster): Promise<void> {
  const here = { namespace: systemNamespace };
  await Promise.all([cluster.delete(resources.Deployment, names.controller, here), cluster.delete(resources.StatefulSet, names.hub, here)]);
  const agents = await cluster.list<Pod>(resources.Pod, { ...here, labelSelector: `${labels.managedBy}=${managedBy},${labels.component}=${components.agent}` });
  // They belong to the controller and go with it in any case: this only makes it faster, for those who may.
  await Promise.all(agents.items.map(({ metadata }) => remove(cluster, metadata.name)));
}

/** Pods whose node no longer answers would stay for ever: they are removed by force. */
export async function untilNoPods(cluster: Cluster, now: () => number, waiting: (waitingFor: string) => void): Promise<void> {
  const start = now();
  for (;;) {
    const pods = (await cluster.list<Pod>(resources.Pod, { namespace: systemNamespace })).items;
    if (pods.length === 0) return;
    waiting(`pod ${pods.map(({ metadata }) => metadata.name).join(', ')}`);
    if (now() - start >= timing.uninstallPodTimeoutMs) {
      await Promise.all(pods.map(({ metadata }) => remove(cluster, metadata.name, 0)));
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, timing.uninstallPollIntervalMs));
  }
}

async function remove(cluster: Cluster, name: string, gracePeriodSeconds?: number): Promise<void> {
  try {
    await cluster.delete(resources.Pod, name, { namespace: systemNamespace, ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }) });
  } catch (error) {
    if (!isBridgeError(error) || error.facts.code !== 'cluster-forbidden') throw error;
  }
}
