/** Who uses podbridge in this cluster: links, and guests that have none (yet). */
import { guestExpiresAnnotation, guestUser } from '../../protocol/guests.ts';
import { guestLabel, systemNamespace } from '../../protocol/names.ts';
import type { Bridge, Client } from '../../protocol/objects.ts';
import { resources, type Cluster } from '../adapters/cluster/index.ts';
import { isBridgeError } from '../errors.ts';
import { age, table } from '../ui/table.ts';
import { bytesWords } from '../volumes/bytes.ts';

export interface ListedClient {
  /** Null: a guest without a link. */
  link: string | null;
  owner: string;
  guest: string | null;
  /** Of the invitation. */
  expiresAt: string | null;
  since: string;
  phase: string;
  /** Null while it is online: now. */
  lastSeen: string | null;
  transport: string | null;
  /** `namespace/name`; null when they may not be seen. */
  bridges: string[] | null;
  /** Bytes through the tunnel, seen from the laptop; the last ones may be missing. */
  received: number | null;
  sent: number | null;
}

/** What somebody may not see is left out. */
async function seen<T>(asked: Promise<{ items: T[] }>): Promise<T[] | undefined> {
  try {
    return (await asked).items;
  } catch (error) {
    if (isBridgeError(error) && error.facts.code === 'cluster-forbidden') return undefined;
    throw error;
  }
}

export async function listClients(cluster: Cluster): Promise<ListedClient[]> {
  const [{ items: clients }, bridges, accounts] = await Promise.all([
    cluster.list<Client>(resources.Client, { namespace: systemNamespace }), seen(cluster.list<Bridge>(resources.Bridge)), seen(cluster.list(resources.ServiceAccount, { namespace: systemNamespace, labelSelector: guestLabel })),
  ]);
  const guests = (accounts ?? []).map(({ metadata }) => ({ name: metadata.labels?.[guestLabel] ?? '', expiresAt: metadata.annotations?.[guestExpiresAnnotation] ?? null, since: metadata.creationTimestamp ?? '' }));
  const guestOf = (owner: string) => guests.find(({ name }) => guestUser(name) === owner);
  const links = clients.map(({ metadata, spec, status }): ListedClient => ({
    link: metadata.name, owner: spec.owner, guest: guestOf(spec.owner)?.name ?? null, expiresAt: guestOf(spec.owner)?.expiresAt ?? null, since: metadata.creationTimestamp ?? '',
    phase: status?.phase ?? 'Pending', lastSeen: status?.phase === 'Online' ? null : status?.lastSeen ?? null, transport: status?.transport ?? null,
    bridges: bridges === undefined ? null : bridges.filter((bridge) => bridge.spec.client === metadata.name).map((bridge) => `${bridge.metadata.namespace}/${bridge.metadata.name}`),
    received: status?.traffic?.toClient ?? null, sent: status?.traffic?.fromClient ?? null,
  }));
  const linked = new Set(clients.map(({ spec }) => spec.owner));
  return [...links, ...guests.filter(({ name }) => !linked.has(guestUser(name))).map(({ name, expiresAt, since }): ListedClient => ({
    link: null, owner: guestUser(name), guest: name, expiresAt, since, phase: 'Invited', lastSeen: null, transport: null, bridges: [], received: null, sent: null,
  }))];
}

export function clientsText(clients: readonly ListedClient[], now: number): string {
  if (clients.length === 0) return 'Nobody has a link.';
  return table(['LINK', 'OWNER', 'SINCE', 'PHASE', 'LAST SEEN', 'WAY', 'BRIDGES', 'RECEIVED', 'SENT', 'EXPIRES'], clients.map(({ link, owner, guest, since, phase, lastSeen, transport, bridges, received, sent, expiresAt }) => [
    link ?? '-', guest === null ? owner : `${guest} (guest)`, age(since, now), phase, lastSeen === null ? (phase === 'Online' ? 'now' : '-') : age(lastSeen, now), transport ?? '-', bridges === null ? '?' : bridges.length === 0 ? '-' : bridges.join(','),
    received === null ? '-' : bytesWords(received), sent === null ? '-' : bytesWords(sent), expiresAt ?? '-',
  ]));
}
