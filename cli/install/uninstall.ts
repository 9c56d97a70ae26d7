/**
 * Removes the cluster side. Nothing of ours has a finalizer, so nothing needs a living part of ours to go away; the order
 * spares traffic (bridges end first, while agents can still let requests finish) and time: Kubernetes looks at a deleted
 * namespace after 5 s (namespaceDeletionGracePeriod of its controller) and, when it finds pods or a vanishing kind then, only
 * seconds later again; so both are gone by then. Policies go when nothing is left to protect.
 */
import { refOfObject } from '../../protocol/heartbeat.ts';
import type { Bridge } from '../../protocol/objects.ts';
import { names, systemNamespace } from '../../protocol/names.ts';
import { resources, type Cluster, type ResourceType } from '../adapters/cluster/index.ts';
import type { Steps } from '../steps/steps.ts';
import { drainBridges } from './drain.ts';
import { findBridges, findClients, findGrants, findLabelled, findNamespace, type Found } from './find-ours.ts';
import { removeInstallerRole } from './remove-installer-role.ts';
import { removeAll, untilGone } from './remove.ts';
import { removeKinds } from './remove-kinds.ts';
import { stopWorkloads, untilNoPods } from './stop-workloads.ts';

export interface Removal {
  /** False when there was nothing of ours. */
  wasInstalled: boolean;
  bridges: { namespace: string; name: string; owner: string }[];
  /** Names of the links that the cluster had. */
  clients: string[];
}

const clusterKinds = [
  resources.ValidatingAdmissionPolicyBinding, resources.ValidatingAdmissionPolicy, resources.ClusterRoleBinding, resources.ClusterRole, resources.RoleBinding, resources.Role, resources.PriorityClass,
] satisfies ResourceType[];

export async function uninstall(cluster: Cluster, steps: Steps, now: () => number): Promise<Removal> {
  const [bridges, clients, namespace, kinds, clusterWide, grants] = await Promise.all([
    findBridges(cluster), findClients(cluster), findNamespace(cluster), findLabelled(cluster, resources.CustomResourceDefinition), findLabelled(cluster, ...clusterKinds), findGrants(cluster),
  ]);
  const removal: Removal = { wasInstalled: namespace !== undefined || kinds.length + clusterWide.length > 0, bridges: bridges.map(describe), clients: clients.map(({ metadata }) => metadata.name) };
  if (!removal.wasInstalled && grants.length === 0) return removal;

  if (bridges.length > 0) await steps.run({ id: 'bridges', title: `End ${count(bridges.length, 'bridge')}`, act: ({ waiting }) => endBridges(cluster, bridges, now, waiting) });
  if (namespace !== undefined) {
    await stopWorkloads(cluster);
    await cluster.delete(resources.Namespace, systemNamespace);
  }
  if (kinds.length > 0) {
    await steps.run({
      id: 'kinds', title: 'Remove clients and custom resource definitions', act: async () => {
        await removeAll(cluster, clients.map((object) => ({ type: resources.Client, object })));
        await removeKinds(cluster, kinds, now);
      },
    });
  }
  if (namespace !== undefined) {
    await steps.run({
      id: 'namespace', title: `Remove namespace ${systemNamespace}`, act: async ({ waiting }) => {
        await untilNoPods(cluster, now, waiting);
        await untilGone(cluster, [{ type: resources.Namespace, object: namespace }], waiting, now);
      },
    });
  }
  await steps.run({
    id: 'roles', title: 'Remove policies, roles and their bindings', act: async ({ waiting }) => {
      const all = [...clusterWide, ...grants].filter(({ object }) => object.metadata.namespace !== systemNamespace);
      const [installer, others] = [all.filter((found) => roleOf(found) === names.installerRole), all.filter((found) => roleOf(found) !== names.installerRole)];
      await removeAll(cluster, others);
      await untilGone(cluster, others, waiting, now);
      await removeInstallerRole(cluster, installer, waiting, now);
    },
  });
  return removal;
}

function roleOf({ object }: Found): string {
  return (object as { roleRef?: { name: string } }).roleRef?.name ?? object.metadata.name;
}

async function endBridges(cluster: Cluster, bridges: Bridge[], now: () => number, waiting: (waitingFor: string) => void): Promise<void> {
  await drainBridges(cluster, bridges, now, waiting);
  await removeAll(cluster, bridges.map((object) => ({ type: resources.Bridge, object })));
}

function describe(bridge: Bridge): Removal['bridges'][number] {
  return { ...refOfObject(bridge), owner: bridge.spec.owner };
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
