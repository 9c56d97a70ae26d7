/** The hub's part of Client.status. */
import { isDeepStrictEqual } from 'node:util';
import { fieldManager } from '../../../protocol/names.ts';
import type { Client, ClientStatus, ClientTraffic, HubFacts } from '../../../protocol/objects.ts';
import { withTransitionTimes, type NewCondition } from '../conditions.ts';
import { isConflict, isNotFound, resources, type Kube } from '../kube/index.ts';
import type { Presence } from './presence.ts';

export const hubManager = `${fieldManager}-hub`;
const peerCondition = 'Peer';
const readyCondition = 'Ready';
const mine = new Set([peerCondition, readyCondition]);

type HubPart = Pick<ClientStatus, 'phase' | 'lastSeen' | 'transport' | 'hub' | 'traffic' | 'conditions'>;

export interface WantedInput {
  client: Client;
  presence: Presence;
  /** Absent until the peer is configured. */
  facts: HubFacts | undefined;
  refused: string | undefined;
  traffic?: ClientTraffic | undefined;
  now: Date;
}

export function wantedStatus({ client, presence: { phase, lastSeen, transport }, facts, refused, traffic, now }: WantedInput): HubPart {
  const conditions = withTransitionTimes(client.status?.conditions, [
    ...(refused === undefined ? [] : [{ type: peerCondition, status: 'False' as const, reason: 'KeyInUse', message: `The hub has no peer for this client: ${refused}. Make the link anew with 'bridge down' and 'bridge up'.` }]),
    readiness(client, { phase, ...(lastSeen === undefined ? {} : { lastSeen }), ...(transport === undefined ? {} : { transport }) }),
  ], now);
  return {
    phase,
    ...(lastSeen === undefined ? {} : { lastSeen }),
    ...(transport === undefined ? {} : { transport }),
    ...(facts === undefined ? {} : { hub: facts }),
    ...(traffic === undefined ? {} : { traffic }),
    conditions,
  };
}

/** In words that stay the same as long as the phase does. */
function readiness({ spec }: Client, { phase, lastSeen, transport }: Omit<Presence, 'changesAt'>): NewCondition {
  const since = lastSeen === undefined ? '' : ` since ${lastSeen}`;
  switch (phase) {
    case 'Online': return { type: readyCondition, status: 'True', reason: 'Online', message: `Heartbeats come${transport === undefined ? '' : ` (transport ${transport})`}.` };
    case 'Pending': return { type: readyCondition, status: 'Unknown', reason: 'Pending', message: 'The link has not been up yet.' };
    case 'Suspended': return { type: readyCondition, status: 'False', reason: 'Silent', message: `No heartbeat${since}: the laptop sleeps or is offline, or its way to the hub is cut. Requests go to the originals until it is back.` };
    case 'Gone': return { type: readyCondition, status: 'False', reason: 'SilentForLong', message: `No heartbeat${since}, for longer than the link's ttl of ${spec.ttl ?? '12h'}: its bridges are removed.` };
  }
}

/** Does the status already say all this? */
export function isWritten(client: Client, wanted: HubPart): boolean {
  const { phase, lastSeen, transport, hub, traffic, conditions = [] } = client.status ?? {};
  const written = conditions.filter(({ type }) => mine.has(type));
  return isDeepStrictEqual(
    { phase, lastSeen, transport, hub, traffic, conditions: written },
    { phase: wanted.phase, lastSeen: wanted.lastSeen, transport: wanted.transport, hub: wanted.hub, traffic: wanted.traffic, conditions: wanted.conditions ?? [] },
  );
}

/** A client that is gone, or made anew, meanwhile needs no status of the old one. */
export async function writeStatus(kube: Kube, { metadata: { namespace, name, uid } }: Client, status: HubPart): Promise<void> {
  const metadata = { name, ...(namespace === undefined ? {} : { namespace }), ...(uid === undefined ? {} : { uid }) };
  try {
    await kube.apply(resources.clients, { metadata, status }, { manager: hubManager, subresource: 'status' });
  } catch (error) {
    if (!isNotFound(error) && !isConflict(error)) throw error;
  }
}
