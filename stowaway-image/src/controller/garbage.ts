/** Bridges and clients that nobody needs any more. Pure. */
import { guestAccountOf, guestExpiresAnnotation } from '../../../protocol/guests.ts';
import { unclaimedAnnotation } from '../../../protocol/names.ts';
import { parseDuration } from '../duration.ts';
import type { Bridge, Client } from '../../../protocol/objects.ts';
import type { Account } from './world.ts';

/** A bridge whose client is not there may have come before it through another watch: this long it may stay. */
export const clientGraceMs = 10_000;
/** A client that has been Gone this long does not come back; its address becomes free. */
export const goneRetentionMs = 7 * 24 * 3_600_000;

export interface Removal<T> {
  object: T;
  why: string;
}

export interface GarbageInput {
  bridges: Iterable<Bridge>;
  client: (name: string) => Client | undefined;
  /** Uid of a bridge to the moment since which its client has been missing. */
  missingSince: ReadonlyMap<string, number>;
  now: number;
}

export interface BridgeGarbage {
  remove: Removal<Bridge>[];
  missingSince: Map<string, number>;
  nextAt: number;
}

export function bridgeGarbage({ bridges, client, missingSince, now }: GarbageInput): BridgeGarbage {
  const result: BridgeGarbage = { remove: [], missingSince: new Map(), nextAt: Infinity };
  for (const bridge of bridges) {
    if (bridge.metadata.deletionTimestamp !== undefined) continue;
    const { uid = '' } = bridge.metadata;
    const unclaimedUntil = claimLimit(bridge);
    if (unclaimedUntil <= now) {
      result.remove.push({ object: bridge, why: 'whoever made it died before it stood' });
      continue;
    }
    const livesUntil = lifetimeEnd(bridge);
    if (livesUntil <= now) {
      result.remove.push({ object: bridge, why: `its lifetime of ${bridge.spec.lifetime} is over` });
      continue;
    }
    result.nextAt = Math.min(result.nextAt, unclaimedUntil, livesUntil);
    const owner = client(bridge.spec.client);
    if (owner === undefined) {
      const since = missingSince.get(uid) ?? now;
      if (now - since >= clientGraceMs) result.remove.push({ object: bridge, why: `its client ${bridge.spec.client} does not exist` });
      else {
        result.missingSince.set(uid, since);
        result.nextAt = Math.min(result.nextAt, since + clientGraceMs);
      }
    } else if (owner.status?.phase === 'Gone' && owner.spec.owner === bridge.spec.owner) {
      result.remove.push({ object: bridge, why: `its client ${bridge.spec.client} has been silent for longer than its ttl` });
    }
  }
  return result;
}

/** Until when (ms since the epoch) somebody has to claim it; Infinity: somebody has. A limit that cannot be read is one of the past. */
function claimLimit({ metadata: { annotations, creationTimestamp } }: Bridge): number {
  const seconds = annotations?.[unclaimedAnnotation];
  if (seconds === undefined) return Infinity;
  const until = Date.parse(creationTimestamp ?? '') + Number(seconds) * 1000;
  return Number.isNaN(until) ? 0 : until;
}

/** Ms since the epoch; Infinity without a lifetime. */
function lifetimeEnd({ metadata: { creationTimestamp }, spec: { lifetime } }: Bridge): number {
  const ms = lifetime === undefined ? undefined : parseDuration(lifetime);
  return ms === undefined ? Infinity : Date.parse(creationTimestamp ?? '') + ms;
}

export interface ClientGarbage {
  remove: Removal<Client>[];
  nextAt: number;
}

/** @param account of bridge-system, by name */
export function clientGarbage(clients: Iterable<Client>, account: (name: string) => Account | undefined, now: number): ClientGarbage {
  const result: ClientGarbage = { remove: [], nextAt: Infinity };
  for (const object of clients) {
    const { status, metadata, spec } = object;
    if (metadata.deletionTimestamp !== undefined) continue;
    const invitedUntil = invitationEnd(spec.owner, account);
    const goneUntil = status?.phase === 'Gone' ? Date.parse(status.lastSeen ?? metadata.creationTimestamp ?? '') + goneRetentionMs : Infinity;
    if (invitedUntil <= now) result.remove.push({ object, why: 'the invitation of its owner has ended' });
    else if (goneUntil <= now) result.remove.push({ object, why: 'it has been gone for a week' });
    else result.nextAt = Math.min(result.nextAt, invitedUntil, goneUntil);
  }
  return result;
}

/** Until when (ms since the epoch) a guest may be here: the end of a token does not end a link that is up. Infinity: no guest. */
function invitationEnd(owner: string, account: (name: string) => Account | undefined): number {
  const name = guestAccountOf(owner);
  if (name === undefined) return Infinity;
  const found = account(name);
  if (found === undefined) return 0;
  const end = Date.parse(found.metadata.annotations?.[guestExpiresAnnotation] ?? '');
  return Number.isNaN(end) ? Infinity : end;
}
