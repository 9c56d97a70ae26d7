/** What of podbridge stands in a cluster, found by label and by reference, never by memory. */
import type { Bridge, Client } from '../../protocol/objects.ts';
import { labels, managedBy, names, systemNamespace } from '../../protocol/names.ts';
import { resources, type Cluster, type KubeObject, type ListOptions, type ResourceType } from '../adapters/cluster/index.ts';
import { isBridgeError } from '../errors.ts';

export interface Found {
  type: ResourceType;
  object: KubeObject;
}

interface Binding extends KubeObject {
  roleRef: { kind: string; name: string };
}

const ourSelector = `${labels.managedBy}=${managedBy}`;
const ourRoles: string[] = [names.userRole, names.installerRole, names.viewerRole];

/** As list, but a kind that the cluster does not know (any more) has no objects. */
export async function listIfKnown<T extends KubeObject>(cluster: Cluster, type: ResourceType, options?: ListOptions): Promise<T[]> {
  try {
    return (await cluster.list<T>(type, options)).items;
  } catch (error) {
    if (isBridgeError(error) && ['cluster-kind-missing', 'cluster-not-found'].includes(error.facts.code)) return [];
    throw error;
  }
}

export function findBridges(cluster: Cluster): Promise<Bridge[]> {
  return listIfKnown<Bridge>(cluster, resources.Bridge);
}

export function findClients(cluster: Cluster): Promise<Client[]> {
  return listIfKnown<Client>(cluster, resources.Client);
}

export async function findNamespace(cluster: Cluster): Promise<KubeObject | undefined> {
  const namespace = await cluster.find(resources.Namespace, systemNamespace);
  return namespace?.metadata.labels?.[labels.managedBy] === managedBy ? namespace : undefined;
}

export function findLabelled(cluster: Cluster, ...types: ResourceType[]): Promise<Found[]> {
  return collect(types.map(async (type) => (await listIfKnown(cluster, type, { labelSelector: ourSelector })).map((object) => ({ type, object }))));
}

/** Bindings that give somebody one of our roles: they carry no label, because administrators make them. */
export function findGrants(cluster: Cluster): Promise<Found[]> {
  return collect([resources.RoleBinding, resources.ClusterRoleBinding].map(async (type) =>
    (await listIfKnown<Binding>(cluster, type))
      .filter(({ roleRef, metadata }) => roleRef.kind === 'ClusterRole' && ourRoles.includes(roleRef.name) && metadata.namespace !== systemNamespace)
      .map((object) => ({ type, object }))));
}

async function collect(lists: Promise<Found[]>[]): Promise<Found[]> {
  return (await Promise.all(lists)).flat();
}
