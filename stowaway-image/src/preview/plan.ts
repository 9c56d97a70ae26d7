/** Which previews are served now, from the bridges. Pure. */
import { createHash } from 'node:crypto';
import { bridgeTag, previewKey, type Preview } from '../../../protocol/preview.ts';
import type { Bridge } from '../../../protocol/objects.ts';
import { headersFor } from '../../../protocol/rule.ts';
import { share } from './share.ts';

export interface LivePreview extends Preview {
  /** Which one it is, among all that there ever are: made of what nobody can choose. For names in the configuration. */
  id: string;
  /** Of its bridge: what the secrets of its link and its cookies begin with. */
  tag: string;
  namespace: string;
  bridge: string;
  /** What is added to each request. */
  mark?: string;
  headers: [name: string, value: string][];
}

export interface PreviewPlan {
  live: LivePreview[];
  /** Could be served by what their bridges say, but are not. */
  unserved: { preview: LivePreview; why: string }[];
  /** Key of link or cookie to words. Only what the objects still tell. */
  ended: Map<string, string>;
  /** When the next one expires, ms since the epoch; Infinity: none does. */
  nextAt: number;
}

/** @param domain `cluster.local` */
export function planPreviews(bridges: Iterable<Bridge>, now: number, domain: string): PreviewPlan {
  const wanted: LivePreview[] = [];
  const ended: PreviewPlan['ended'] = new Map();
  // The controller asks at every change of any bridge, and few have previews.
  for (const bridge of [...bridges].filter(({ spec }) => (spec.previews ?? []).length > 0).sort(olderFirst)) {
    const over = bridgeOver(bridge);
    const { uid = '', name, namespace = '' } = bridge.metadata;
    const tag = bridgeTag(uid);
    for (const preview of bridge.spec.previews ?? []) {
      const expiresAt = Date.parse(preview.expiresAt);
      const why = over ?? (expiresAt > now ? undefined : `It expired at ${preview.expiresAt}.`);
      const added = headersFor(bridge.spec.rules ?? []);
      if (why !== undefined || added === undefined) {
        for (const key of keysOf({ ...preview, tag })) ended.set(key, why ?? 'The rules of its bridge are such that no link can satisfy them.');
        continue;
      }
      wanted.push({ ...preview, id: idOf(uid, preview), tag, namespace, bridge: name, ...added });
    }
  }
  const { served, unserved } = share(wanted, domain);
  for (const { preview, why } of unserved) for (const key of keysOf(preview)) ended.set(key, `It cannot be shown: ${why}.`);
  return { live: served, unserved, ended, nextAt: Math.min(...wanted.map(({ expiresAt }) => Date.parse(expiresAt))) };
}

/** Bridges (`namespace/name`) with previews that are not served, and those with the reason. */
export function unservedWords({ unserved }: PreviewPlan): Map<string, string> {
  const said = new Map<string, string[]>();
  for (const { preview: { namespace, bridge, name }, why } of unserved) said.set(`${namespace}/${bridge}`, [...said.get(`${namespace}/${bridge}`) ?? [], `${name}: ${why}`]);
  return new Map([...said].map(([bridge, each]) => [bridge, `The gateway does not show these previews. ${each.join('; ')}.`]));
}

function olderFirst({ metadata: a }: Bridge, { metadata: b }: Bridge): number {
  const [one, other] = [a, b].map(({ creationTimestamp = '', uid = '' }) => `${creationTimestamp} ${uid}`) as [string, string];
  return one < other ? -1 : 1;
}

/** Names are unique in their bridge. Another link under the same name is another preview. */
function idOf(uid: string, { name, link, access }: Preview): string {
  return createHash('sha256').update(JSON.stringify([uid, name, link, access])).digest('hex').slice(0, 32);
}

export function keysOf({ tag, link, access }: Pick<LivePreview, 'tag' | 'link' | 'access'>): string[] {
  return [previewKey(tag, link), previewKey(tag, access)];
}

function bridgeOver({ metadata, spec, status }: Bridge): string | undefined {
  if (metadata.deletionTimestamp !== undefined || spec.state === 'Draining') return `Its bridge ${metadata.name} has ended.`;
  if (status?.phase === 'Failed') return `Its bridge ${metadata.name} does not work.`;
  return undefined;
}

/** Links that people may still have, of bridges and previews that are gone: known as long as this process lives, the newest of them. */
export class EndedPreviews {
  readonly #ended = new Map<string, string>();
  #before: LivePreview[] = [];

  /** @returns those that were live at the last call and are not any more */
  update({ live, ended }: PreviewPlan, bridges: ReadonlySet<string>): LivePreview[] {
    const present = new Set(live.map(({ id }) => id));
    const gone = this.#before.filter(({ id }) => !present.has(id));
    for (const preview of gone) this.#put(preview, bridges.has(`${preview.namespace}/${preview.bridge}`) ? 'Whoever made it has deleted it.' : `Its bridge ${preview.bridge} has ended.`);
    for (const [key, why] of ended) this.#ended.set(key, why);
    for (const key of live.flatMap(keysOf)) this.#ended.delete(key);
    while (this.#ended.size > mostRemembered) this.#ended.delete(this.#ended.keys().next().value!);
    this.#before = live;
    return gone;
  }

  why(key: string): string | undefined {
    return this.#ended.get(key);
  }

  #put(preview: LivePreview, why: string): void {
    for (const key of keysOf(preview)) this.#ended.set(key, why);
  }
}

const mostRemembered = 2000;
