/** Is a client there? Decided from heartbeats while the hub lives, and from what it wrote before while it has just started. */
import { heartbeatSuspendMs } from '../../../protocol/heartbeat.ts';
import type { Client, ClientPhase, Transport } from '../../../protocol/objects.ts';
import { timestamp } from '../conditions.ts';
import { parseDuration } from '../duration.ts';

export const defaultTtlMs = 12 * 3_600_000;

/** The last heartbeat that this hub heard. */
export interface Heard {
  at: number;
  transport: Transport;
}

export interface Presence {
  phase: ClientPhase;
  lastSeen?: string;
  transport?: Transport;
  /** When the phase changes if nothing is heard until then (ms since the epoch). */
  changesAt: number;
}

export function presenceOf(client: Client, heard: Heard | undefined, hubStartedAt: number, now: number): Presence {
  const before = client.status ?? {};
  const ttlMs = (client.spec.ttl === undefined ? undefined : parseDuration(client.spec.ttl)) ?? defaultTtlMs;
  const seenAt = heard?.at ?? lastSign(client, hubStartedAt);
  const neverHeard = heard === undefined && (before.phase ?? 'Pending') === 'Pending';
  const online = heard !== undefined || before.phase === 'Online';
  const silentMs = now - seenAt;
  const phase = silentMs >= ttlMs ? 'Gone'
    : neverHeard ? 'Pending'
      : online && silentMs < Math.min(heartbeatSuspendMs, ttlMs) ? 'Online' : 'Suspended';
  const changesAt = phase === 'Gone' ? Infinity : seenAt + (phase === 'Online' ? Math.min(heartbeatSuspendMs, ttlMs) : ttlMs);
  const transport = heard?.transport ?? before.transport;
  // Written when the phase changes, not at every heartbeat.
  const lastSeen = phase === before.phase ? before.lastSeen : neverHeard ? undefined : timestamp(new Date(seenAt));
  return { phase, changesAt, ...(lastSeen === undefined ? {} : { lastSeen }), ...(transport === undefined ? {} : { transport }) };
}

/** Without a heartbeat since our start: a client that was online has had no chance to be heard before that. */
function lastSign({ status, metadata }: Client, hubStartedAt: number): number {
  if (status?.phase === 'Online') return hubStartedAt;
  const written = Date.parse(status?.lastSeen ?? metadata.creationTimestamp ?? '');
  return Number.isNaN(written) ? hubStartedAt : written;
}
