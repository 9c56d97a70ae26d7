/** Previews stand in the spec of their bridge: made, listed and deleted there. */
import { randomBytes } from 'node:crypto';
import type { Bridge } from '../../protocol/objects.ts';
import { accessOf, digestOf, mostPreviews, newSecret, previewsServed, type Preview } from '../../protocol/preview.ts';
import { headersFor } from '../../protocol/rule.ts';
import { resources, type Cluster } from '../adapters/cluster/index.ts';
import { BridgeError, isBridgeError } from '../errors.ts';
import type { Entry } from './entry.ts';

export interface PreviewWish {
  entry: Entry;
  name?: string;
  host?: string;
  password?: string;
  ttlMs: number;
}

/** The bridge that is meant: by name, or the user's only one in the namespace. @param why what it is needed for, for messages */
export async function chooseBridge(cluster: Cluster, namespace: string, name: string | undefined, why: string): Promise<Bridge> {
  if (name !== undefined) return cluster.get<Bridge>(resources.Bridge, name, namespace);
  const [{ items }, { username }] = await Promise.all([cluster.list<Bridge>(resources.Bridge, { namespace }), cluster.whoAmI()]);
  const mine = items.filter(({ spec }) => spec.owner === username && spec.mode !== 'tap');
  if (mine.length === 1) return mine[0]!;
  throw new BridgeError({
    kind: 'usage', code: mine.length === 0 ? 'bridge-not-found' : 'bridge-ambiguous', what: mine.length === 0 ? `you have no bridge in namespace ${namespace}` : `you have several bridges in namespace ${namespace}`,
    why: mine.length === 0 ? why : mine.map(({ metadata }) => metadata.name).join(', '), next: mine.length === 0 ? 'bridge run --image IMAGE --target deploy/NAME --mark ID, or where you have one: -n NAMESPACE' : '--bridge NAME',
  });
}

/** What a link or a browser must add to be the bridge's. @throws when it cannot be told */
export function addedHeaders({ metadata, spec }: Bridge): NonNullable<ReturnType<typeof headersFor>> {
  const added = headersFor(spec.rules ?? []);
  if (added !== undefined) return added;
  throw new BridgeError({ kind: 'usage', code: 'rule-not-addable', what: `nothing can be added to a request that makes it one of bridge ${metadata.name}`, why: 'its rules are regular expressions on headers', next: 'bridge run ... --mark ID' });
}

/** @returns the secret of the link besides: it is nowhere else */
export async function makePreview(cluster: Cluster, bridge: Bridge, { entry, name, host, password, ttlMs }: PreviewWish, now: number): Promise<{ preview: Preview; secret: string }> {
  addedHeaders(bridge);
  const secret = newSecret(bridge.metadata.uid ?? '');
  const access = await accessOf(secret, password);
  const base = entry.text.replace(/^[a-z]+\//, '').replace(/[^a-z0-9-].*$/, '').slice(0, 50);
  const preview: Preview = {
    name: name ?? `${base}-${randomBytes(2).toString('hex')}`, entry: entry.text, routes: entry.routes, link: digestOf(secret), access: digestOf(access),
    expiresAt: `${new Date(now + ttlMs).toISOString().slice(0, 19)}Z`, ...(host === undefined && entry.host === undefined ? {} : { host: host ?? entry.host! }),
  };
  await change(cluster, bridge, (before) => {
    // Those that have expired make room; their links have said so for long.
    const kept = before.length < mostPreviews ? before : before.filter(({ expiresAt }) => Date.parse(expiresAt) > now);
    if (kept.some((each) => each.name === preview.name)) throw new BridgeError({ kind: 'refused', code: 'preview-exists', what: `bridge ${bridge.metadata.name} has a preview ${preview.name} already`, next: `bridge preview delete ${preview.name}` });
    if (kept.length >= mostPreviews) throw new BridgeError({ kind: 'refused', code: 'previews-many', what: `bridge ${bridge.metadata.name} has ${kept.length} previews, which is the most`, next: `bridge preview delete ${kept[0]!.name}` });
    return [...kept, preview];
  });
  return { preview, secret };
}

export interface ListedPreview extends Omit<Preview, 'link' | 'access'> {
  namespace: string;
  bridge: string;
  owner: string;
  password: boolean;
  expired: boolean;
}

/** Of bridges with previews that the gateway does not show: it says which and why. */
export interface UnservedPreviews {
  namespace: string;
  bridge: string;
  message: string;
}

/** @param namespace absent: all */
export async function listPreviews(cluster: Cluster, namespace: string | undefined, now: number): Promise<{ previews: ListedPreview[]; unserved: UnservedPreviews[] }> {
  const { items } = await cluster.list<Bridge>(resources.Bridge, namespace === undefined ? {} : { namespace });
  const unserved = items.flatMap(({ metadata, status }) => (status?.conditions ?? []).filter(({ type, status: holds }) => type === previewsServed && holds === 'False')
    .map(({ message }) => ({ namespace: metadata.namespace ?? '', bridge: metadata.name, message })));
  const previews = items.flatMap(({ metadata, spec }) => (spec.previews ?? []).map(({ link, access, ...rest }) => ({
    ...rest, namespace: metadata.namespace ?? '', bridge: metadata.name, owner: spec.owner, password: link !== access, expired: Date.parse(rest.expiresAt) <= now,
  })));
  return { previews, unserved };
}

export async function deletePreview(cluster: Cluster, namespace: string, name: string): Promise<ListedPreview> {
  const { previews: all } = await listPreviews(cluster, namespace, 0);
  const found = all.find((each) => each.name === name);
  if (found === undefined) {
    throw new BridgeError({ kind: 'usage', code: 'preview-not-found', what: `there is no preview ${name} in namespace ${namespace}`, why: all.length === 0 ? 'there are none' : `there ${all.length === 1 ? 'is' : 'are'}: ${all.map((each) => each.name).join(', ')}`, next: 'bridge preview list' });
  }
  await change(cluster, await cluster.get<Bridge>(resources.Bridge, found.bridge, namespace), (before) => before.filter((each) => each.name !== name));
  return found;
}

const attempts = 5;

/** The list is written as a whole: the object must not have changed since it was read, nor be another one of that name. */
async function change(cluster: Cluster, bridge: Bridge, edit: (before: Preview[]) => Preview[]): Promise<void> {
  const { name, namespace = '', uid } = bridge.metadata;
  let current = bridge;
  for (let attempt = 1; ; attempt++) {
    const { resourceVersion } = current.metadata;
    try {
      await cluster.patch<Bridge>(resources.Bridge, name, { metadata: { uid, resourceVersion }, spec: { previews: edit(current.spec.previews ?? []) } }, { namespace });
      return;
    } catch (error) {
      if (attempt >= attempts || !isBridgeError(error) || error.facts.code !== 'cluster-conflict') throw error;
      current = await cluster.get<Bridge>(resources.Bridge, name, namespace);
    }
  }
}
