/**
 * The end of a bridge: its servers take nothing new (further requests on open HTTP connections go to the original), what is
 * open may finish, and TCP connections that are idle between two requests are closed, so that the client opens a new one.
 */
import { destroySockets, establishedTo, type SocketTimes } from '../adapters/socket-idle.ts';
import { frontendName, tlsFrontendName } from './proxy/config.ts';
import { hubPortName } from './proxy/hub-port.ts';
import { movedPeer } from './proxy/source-port.ts';
import type { HubPort } from './proxy/model.ts';
import { parseServerStats, parseSessions, serverStatsCommand, sessionBytes, sessionsTo, type Session } from './proxy/stats.ts';
import { innerShutMs, type Generation } from './proxy/supervisor.ts';

/** What is still open then is left to break with the container. */
export const drainLimitMs = 10_000;
/** An answer was sent at least this long ago and nothing came since: the client is not in the middle of anything. */
const idleAfterMs = 25;
/** The kernel counts in milliseconds. Where the last bytes went both ways in the same one, an answer may still be due: more patience. */
const unclearIdleAfterMs = 1500;
/**
 * Whoever asks again and again is closed soon after an answer: the next request is furthest away then. On a busy machine there
 * may be some hundredths of a second from our look until the client learns of it.
 */
const freshAfterAnswerMs = 100;
/** Or when nothing came for so long: then that nothing comes in the next moment is likely too. */
const quietAfterMs = 1000;
/** A drain that found no such moment takes every pause. */
const patienceMs = 5000;
/** Connections that are closed in one look. */
const mostAtOnce = 50;
/** Of a pod that ends: whoever has not asked for so long would hardly be told by an answer. */
const silentAfterMs = 500;

export interface DrainingPort {
  /** Of the frontend, see proxy/model.ts. */
  frontend: string;
  netns: string;
  address: string;
  port: number;
  hub: HubPort;
}

export interface Drain {
  /** What ends: a bridge, or one pod of a bridge. */
  name: string;
  /** The pod ends, and its network with it. The bridge goes on elsewhere. */
  leaving: boolean;
  ports: DrainingPort[];
  startedAt: number;
  /** Frontends that were shut for it. */
  shut: Set<string>;
  /** When its silent clients were looked for last. */
  dismissedAt?: number;
}

/** Nothing new goes to these hub ports, in any process. */
export async function refuseNew(hubs: readonly HubPort[], generations: readonly Generation[]): Promise<void> {
  // All at once; a generation that does not know the server (or has just ended) answers an error that does not matter.
  await Promise.all(generations.flatMap(({ api }) => hubs.map(async (hub) => {
    await api.ask(`set server ${hubPortName(hub)}/s state maint`).catch(() => undefined);
  })));
}

/**
 * One look. Returns the number of sessions that are still open.
 *
 * @param hopeless the next request of an open connection would be lost anyway: every pause is good enough
 */
export async function advance(drain: Drain, generations: readonly Generation[], { hopeless = false } = {}): Promise<number> {
  const eager = hopeless || Date.now() - drain.startedAt > patienceMs;
  const open = await Promise.all(generations.map(async ({ api }) => {
    try {
      const stats = parseServerStats(await api.ask(serverStatsCommand));
      const count = drain.ports.reduce((sum, { frontend, hub }) => sum + sessionsTo(frontend, hub.port, stats), 0);
      return count === 0 ? 0 : count - await closeIdle(drain, api, eager);
    } catch {
      return 0; // this process has ended meanwhile
    }
  }));
  return open.reduce((sum, count) => sum + count, 0);
}

async function closeIdle(drain: Drain, api: Generation['api'], eager: boolean): Promise<number> {
  const sessions = parseSessions(await api.ask('show sess')).filter(({ server, backend }) => server === 'bridge' && backend.startsWith('btcp_'));
  let closed = 0;
  for (const place of drain.ports) {
    const here = sessions.filter(({ backend }) => backend === `btcp_${place.frontend}_${place.hub.port}`);
    if (here.length === 0) continue;
    /** Asked again right before a connection is closed, it counts what has passed since. */
    const look = async (): Promise<(session: Session) => boolean> => {
      const askedAt = performance.now();
      const sockets = byMovedPeer(await establishedTo(place.netns, place.address, place.port));
      return ({ source }) => {
        const socket = sockets.get(source);
        return socket !== undefined && isIdle(socket) && (eager || isGoodMoment(socket, performance.now() - askedAt));
      };
    };
    // Only few are worth the questions that follow, and a process with many busy ones has better to do than to answer them.
    const likely = here.filter(await look()).slice(0, mostAtOnce);
    if (likely.length === 0) continue;
    const before = await bytesOf(likely, api);
    const stillIdle = await look();
    for (const session of likely) {
      if (!stillIdle(session)) continue;
      // Between the kernel's word and now a request may have come: only an unchanged session is closed, at once.
      const now = sessionBytes(await api.ask(`show sess ${session.id}`));
      if (now === '' || now !== before.get(session.id) || !stillIdle(session)) continue;
      await api.ask(`shutdown session ${session.id}`);
      closed += 1;
    }
  }
  return closed;
}

/** As HAProxy names its clients. Where two could be meant, neither is: nothing is closed on a guess. */
function byMovedPeer(sockets: readonly SocketTimes[]): Map<string, SocketTimes | undefined> {
  const found = new Map<string, SocketTimes | undefined>();
  for (const socket of sockets) {
    const peer = movedPeer(socket.peer);
    found.set(peer, found.has(peer) ? undefined : socket);
  }
  return found;
}

async function bytesOf(sessions: readonly Session[], api: Generation['api']): Promise<Map<string, string>> {
  const entries = await Promise.all(sessions.map(async ({ id }) => [id, sessionBytes(await api.ask(`show sess ${id}`))] as const));
  return new Map(entries);
}

/**
 * The listeners of a pod that ends are shut, so that HTTP clients are told with their next answer that the connection is over; and
 * those that ask nothing are cut off before the network is gone, because afterwards nobody could tell them.
 *
 * @param ageMs since no more connections come
 */
export async function dismiss({ ports, shut }: Drain, generations: readonly Generation[], ageMs: number): Promise<void> {
  const due = ports.flatMap(({ frontend }) => [frontendName({ id: frontend }), ...(ageMs < innerShutMs ? [] : [tlsFrontendName({ id: frontend })])]).filter((name) => !shut.has(name));
  // A generation that does not have the frontend answers an error that does not matter; one that is to come will not have it.
  await Promise.all(generations.flatMap(({ api }) => due.map(async (name) => { await api.ask(`shutdown frontend ${name}`).catch(() => undefined); })));
  for (const name of due) shut.add(name);
  const busy = new Set((await Promise.all(generations.map(async ({ api }) => parseSessions(await api.ask('show sess'))))).flat().map(({ source }) => source));
  await Promise.all(ports.map(async ({ netns, address, port }) => {
    const silent = (await establishedTo(netns, address, port)).filter((socket) => isIdle(socket) && socket.sinceReceivedMs >= silentAfterMs && !busy.has(movedPeer(socket.peer)));
    await Promise.all(silent.map(async ({ peer }) => await destroySockets(netns, { local: `${address}:${port}`, peer })));
  }));
}

/** @param elapsedMs since the kernel was asked */
export function isGoodMoment({ sinceSentMs, sinceReceivedMs }: SocketTimes, elapsedMs: number): boolean {
  return sinceSentMs + elapsedMs <= freshAfterAnswerMs || Math.min(sinceSentMs, sinceReceivedMs) >= quietAfterMs;
}

export function isIdle({ pending, sentBytes, receivedBytes, sinceSentMs, sinceReceivedMs }: SocketTimes): boolean {
  if (pending) return false;
  // Nothing was asked yet, but a client that has just connected is about to.
  if (receivedBytes === 0) return sinceSentMs >= unclearIdleAfterMs;
  if (sentBytes === 0 || sinceSentMs > sinceReceivedMs) return false;
  return sinceSentMs >= (sinceSentMs < sinceReceivedMs ? idleAfterMs : unclearIdleAfterMs);
}
