/** How the links of this machine do, as their cargos tell: which way they take, and what somebody has to do about them. */
import type { LinkStatus } from '../../protocol/control.ts';
import type { Transport } from '../../protocol/objects.ts';
import type { Docker } from '../adapters/docker/index.ts';
import { timing } from '../timing.ts';
import { isAlive } from './connect-tunnel.ts';
import { openControl } from './control-client.ts';
import { listLinks, type KnownLink } from './list-links.ts';

export interface LinkAttention {
  what: string;
  next: string;
}

export interface ListedLink extends KnownLink {
  /** up: heartbeats come back; silent: they do not; null: cargo does not run, or says nothing. */
  condition: 'up' | 'silent' | null;
  transport: Transport | null;
  /** The last round trip of a heartbeat. */
  rttMs: number | null;
  /** RFC 3339: until when cargo may open connections over the API server; null: it has no token. */
  relayTokenExpiresAt: string | null;
  attention: LinkAttention | null;
}

/** What is wrong with a link and what helps; null: nothing. */
export function attentionOf({ context, state }: KnownLink, status: LinkStatus | undefined, now: number): LinkAttention | null {
  const up = `bridge up --context ${context}`;
  if (state === 'paused') return { what: 'its container is paused', next: up };
  if (state !== 'running') return { what: `its container is ${state}`, next: up };
  if (status === undefined) return { what: 'its container does not answer', next: up };
  const { relay } = status;
  const expired = relay !== null && relay !== undefined && (relay.refused || Date.parse(relay.expiresAt) <= now);
  // An open connection outlives its token; only a new one would need another.
  if (expired && relay.state !== 'open' && (status.transport === 'api' || !isAlive(status))) return { what: `its token for the way over the API server ${relay.refused ? 'is not accepted any more' : `expired at ${relay.expiresAt}`}`, next: `${up}, or any other command of bridge that reaches the cluster` };
  if (isAlive(status)) return null;
  return { what: `no heartbeat has come back ${status.echoAgeMs === null ? 'yet' : `for ${Math.round(status.echoAgeMs / 1000)} s`}${relay?.problem ? `; over the API server: ${relay.problem}` : ''}`, next: `it tries on by itself; if it stays so: ${up}` };
}

async function statusOf(docker: Docker, { cargo, state }: KnownLink): Promise<LinkStatus | undefined> {
  if (state !== 'running') return undefined;
  const asked = (async () => {
    const control = await openControl(docker, cargo);
    try {
      return await control.call('status', {}, timing.cargoLastWordsTimeoutMs);
    } finally {
      control.close();
    }
  })();
  return await asked.catch(() => undefined);
}

export async function linkStates(docker: Docker, now = Date.now()): Promise<ListedLink[]> {
  return Promise.all((await listLinks(docker)).map(async (link) => {
    const status = await statusOf(docker, link);
    return {
      ...link, condition: status === undefined ? null : isAlive(status) ? 'up' as const : 'silent' as const, transport: status?.transport ?? null, rttMs: status?.rttMs.at(-1) ?? null,
      relayTokenExpiresAt: status?.relay?.expiresAt ?? null, attention: attentionOf(link, status, now),
    };
  }));
}
