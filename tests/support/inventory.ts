/** Everything that exists, by name, so that before and after can be compared whoever made it. */
import { execa } from 'execa';
import { labels, managedBy } from '../../protocol/names.ts';
import type { Kube } from './kube.ts';

/** Kinds that come and go by themselves. (The address of a Service that two created at once stays for a minute.) */
const restless = new Set(['events', 'leases', 'endpoints', 'endpointslices', 'ipaddresses', 'componentstatuses']);

interface ResourceList { resources?: { name: string; verbs: string[] }[] }

/** Names of all objects of all kinds of the cluster: `apps/v1 deployments shop/api`. */
export async function clusterInventory(kube: Kube): Promise<string[]> {
  return [...(await clusterObjects(kube)).keys()].sort();
}

export interface AnyObject { metadata: { name: string; namespace?: string; [field: string]: unknown }; [field: string]: unknown }

/**
 * All objects of all kinds of the cluster, whole, by their names as in {@link clusterInventory}.
 * @param leftOut kinds by their plural; by default those that come and go by themselves
 */
export async function clusterObjects(kube: Kube, leftOut: ReadonlySet<string> = restless): Promise<Map<string, AnyObject>> {
  const { groups } = await kube.request<{ groups: { preferredVersion: { groupVersion: string } }[] }>('GET', '/apis');
  const roots = ['/api/v1', ...groups.map(({ preferredVersion }) => `/apis/${preferredVersion.groupVersion}`)];
  const found = await Promise.all(roots.map(async (root) => {
    const { resources = [] } = await kube.request<ResourceList>('GET', root);
    const listable = resources.filter(({ name, verbs }) => verbs.includes('list') && !name.includes('/') && !leftOut.has(name));
    return (await Promise.all(listable.map(async ({ name }) => {
      // The kind may be on its way out while it is asked for.
      const { items } = await kube.request<{ items: AnyObject[] }>('GET', `${root}/${name}`).catch((error: Error) => {
        if (error.message.includes(': 404 ')) return { items: [] };
        throw error;
      });
      return items.map((object): [string, AnyObject] => [`${root.replace(/^\/apis?\//, '')} ${name} ${object.metadata.namespace === undefined ? '' : `${object.metadata.namespace}/`}${object.metadata.name}`, object]);
    }))).flat();
  }));
  return new Map(found.flat());
}

const dockerKinds = { container: ['ps', '--all', '--format', '{{.Names}}'], network: ['network', 'ls', '--format', '{{.Name}}'], volume: ['volume', 'ls', '--format', '{{.Name}}'], image: ['images', '--format', '{{.Repository}}:{{.Tag}}'] } as const;

/**
 * Names of Docker's containers, networks, volumes and images that carry the product's label: `container podbridge-...`.
 * @param link only what belongs to this link (no image does)
 */
export async function dockerInventory(link?: string): Promise<string[]> {
  const found = await Promise.all(Object.entries(dockerKinds).map(async ([kind, command]) => {
    const { stdout } = await execa('docker', [...command, '--filter', `label=${link === undefined ? `${labels.managedBy}=${managedBy}` : `${labels.link}=${link}`}`]);
    return stdout.split('\n').filter(Boolean).map((name) => `${kind} ${name}`);
  }));
  return found.flat().sort();
}

/** What is in one list only, as lines that begin with + or -. */
export function difference(before: string[], after: string[]): string[] {
  const old = new Set(before);
  const now = new Set(after);
  return [...before.filter((line) => !now.has(line)).map((line) => `- ${line}`), ...after.filter((line) => !old.has(line)).map((line) => `+ ${line}`)];
}
