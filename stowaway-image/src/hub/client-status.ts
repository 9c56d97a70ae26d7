/** The hub's part of Client.status. */
import { isDeepStrictEqual } from 'node:util';
import { fieldManager } from '../../../protocol/names.ts';
import type { Client, ClientStatus, HubFacts } from '../../../protocol/objects.ts';
import { withTransitionTimes } from '../conditions.ts';
import { isConflict, isNotFound, resources, type Kube } from '../kube/index.ts';
import type { Presence } from './presence.ts';

export const hubManager = `${fieldManager}-hub`;
const peerCondition = 'Peer';

type HubPart = Pick<ClientStatus, 'phase' | 'lastSeen' | 'transport' | 'hub' | 'conditions'>;

export interface WantedInput {
  client: Client;
  presence: Presence;
  /** Absent until the peer is configured. */
  facts: HubFacts | undefined;
  refused: string | undefined;
  now: Date;
}

export function wantedStatus({ client, presence: { phase, lastSeen, transport }, facts, refused, now }: WantedInput): HubPart {
  const conditions = refused === undefined ? [] : withTransitionTimes(client.status?.conditions, [
    { type: peerCondition, status: 'False', reason: 'KeyInUse', message: `The hub has no peer for this client: ${refused}. Make the link anew with 'bridge down' and 'bridge up'.` },
  ], now);
  return {
    phase,
    ...(lastSeen === undefined ? {} : { lastSeen }),
    ...(transport === undefined ? {} : { transport }),
    ...(facts === undefined ? {} : { hub: facts }),
    ...(conditions.length === 0 ? {} : { conditions }),
  };
}

/** Does the status already say all this? */
export function isWritten(client: Client, wanted: HubPart): boolean {
  const { phase, lastSeen, transport, hub, conditions = [] } = client.status ?? {};
  const mine = conditions.filter(({ type }) => type === peerCondition);
  return isDeepStrictEqual(
    { phase, lastSeen, transport, hub, conditions: mine },
    { phase: wanted.phase, lastSeen: wanted.lastSeen, transport: wanted.transport, hub: wanted.hub, conditions: wanted.conditions ?? [] },
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
