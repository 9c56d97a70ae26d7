/**
 * The end of a bridge: its servers take nothing new (further requests on open HTTP connections go to the original), what is
 * open may finish, and TCP connections that are idle between two requests are closed, so that the client opens a new one.
 * Where the pod ends, so are those that its own process has by way of us: its network may go before we can pass on that it hangs up.
 */
import { establishedTo, resetStillQuiet, waitingAt, type SocketTimes } from '../adapters/socket-idle.ts';
import { frontendName, tlsFrontendName } from './proxy/config.ts';
import { hubPortName } from './proxy/hub-port.ts';
import { movedPeer } from './proxy/source-port.ts';
import type { HubPort } from './proxy/model.ts';
import { parseServerStats, parseSessions, serverStatsCommand, receivedBytes, sessionsTo } from './proxy/stats.ts';
import { innerShutMs, type Generation } from './proxy/supervisor.ts';

/** What is still open then is left to break with the container. */
export const drainLimitMs = 10_000;
/** An answer was sent at least this long ago and nothing came since: the client is not in the middle of anything. */
const idleAfterMs = 25;
/** The kernel counts in ticks of some milliseconds. Where the last bytes went both ways in the same one, an answer may still be due: more patience. */
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
/** The network of a pod that ends may be gone in a few seconds, and who is still connected then gets no answer at all. */
const leavingPatienceMs = 1000;
/** So long HAProxy gets at most to take what its listener was given. */
const mostTakeMs = 2000;
/** Connections that are closed in one look. */
const mostAtOnce = 50;
/** Of a pod that ends: whoever has not asked for so long would hardly be told by an answer. */
const silentAfterMs = 1000;

export interface DrainingPort {
  /** Of the frontend, see proxy/model.ts. */
  frontend: string;
  netns: string;
  address: string;
  port: number;
  /** Of HAProxy, where connections to `port` were led to. */
  listenPort: number | undefined;
  hub: HubPort;
}

export interface Drain {
  /** What ends: a bridge, or one pod of a bridge. */
  name: string;
  /** The pod ends, and its network with it. The bridge goes on elsewhere. */
  leaving: boolean;
  ports: DrainingPort[];
  /** From then on connections are ended; before, they only wait for it. */
  startsAt: number;
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
  const eager = hopeless || Date.now() - drain.startsAt > (drain.leaving ? leavingPatienceMs : patienceMs);
  const open = await Promise.all(generations.map(async ({ api }) => {
    try {
      const stats = parseServerStats(await api.ask(serverStatsCommand));
      const count = drain.ports.reduce((sum, { frontend, hub }) => sum + sessionsTo(frontend, hub.port, stats, { originals: drain.leaving }), 0);
      return count === 0 ? 0 : count - await closeIdle(drain, api, eager);
    } catch {
      return 0; // this process has ended meanwhile
    }
  }));
  return open.reduce((sum, count) => sum + count, 0);
}

async function closeIdle(drain: Drain, api: Generation['api'], eager: boolean): Promise<number> {
  const sessions = parseSessions(await api.ask('show sess'));
  let closed = 0;
  for (const place of drain.ports) {
    const bridged = `btcp_${place.frontend}_${place.hub.port}`;
    const here = sessions.filter(({ backend, server }) => (drain.leaving ? backend === bridged || backend === `otcp_${place.frontend}` : backend === bridged && server === 'bridge'));
    if (here.length === 0) continue;
    const askedAt = performance.now();
    const sockets = byMovedPeer(await establishedTo(place.netns, place.address, place.port));
    const likely = here.filter(({ source }) => {
      const socket = sockets.get(source);
      return socket !== undefined && isIdle(socket, eager);
    });
    // A process with many busy ones has better to do than to answer questions.
    for (const { id, source } of likely.slice(0, mostAtOnce)) {
      const socket = sockets.get(source)!;
      if (!eager && !isGoodMoment(socket, performance.now() - askedAt)) continue;
      // Between the kernel's word and now a request may have come: closed, at once, is only what has got nothing since.
      if (receivedBytes(await api.ask(`show sess ${id}`)) !== socket.receivedBytes) continue;
      await api.ask(`shutdown session ${id}`);
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

/**
 * The listeners of a pod that ends are shut, so that HTTP clients are told with their next answer that the connection is over; and
 * those that ask nothing are cut off before the network is gone, because afterwards nobody could tell them.
 *
 * @param ageMs since no more connections come
 */
export async function dismiss({ ports, shut }: Drain, generations: readonly Generation[], ageMs: number): Promise<void> {
  const ready = await Promise.all(ports.map(async ({ netns, listenPort }) => await allTaken(netns, listenPort, ageMs)));
  const due = ports.flatMap(({ frontend }, index) => [...(ready[index] === true ? [frontendName({ id: frontend })] : []), ...(ageMs < innerShutMs ? [] : [tlsFrontendName({ id: frontend })])]).filter((name) => !shut.has(name));
  // A generation that does not have the frontend answers an error that does not matter; one that is to come will not have it.
  await Promise.all(generations.flatMap(({ api }) => due.map(async (name) => { await api.ask(`shutdown frontend ${name}`).catch(() => undefined); })));
  for (const name of due) shut.add(name);
  await Promise.all(ports.map(async ({ netns, address, port }) => {
    await resetStillQuiet(netns, `${address}:${port}`, await silentClients(netns, address, port), async () => {
      const still = await silentClients(netns, address, port);
      const busy = new Set((await Promise.all(generations.map(async ({ api }) => parseSessions(await api.ask('show sess'))))).flat().map(({ source }) => source));
      return new Set([...still].filter((peer) => !busy.has(movedPeer(peer))));
    });
  }));
}

/** What the kernel has accepted for a listener is reset with it, unless HAProxy, which may wait for a processor, has taken it. @param ageMs since no more come */
export async function allTaken(netns: string, listenPort: number | undefined, ageMs: number): Promise<boolean> {
  return listenPort === undefined || ageMs >= mostTakeMs || await waitingAt(netns, listenPort).catch(() => 0) === 0;
}

async function silentClients(netns: string, address: string, port: number): Promise<Set<string>> {
  const sockets = await establishedTo(netns, address, port);
  return new Set(sockets.filter((socket) => isIdle(socket) && socket.sinceReceivedMs >= silentAfterMs).map(({ peer }) => peer));
}

/** @param elapsedMs since the kernel was asked */
export function isGoodMoment({ sinceSentMs, sinceReceivedMs }: SocketTimes, elapsedMs: number): boolean {
  return sinceSentMs + elapsedMs <= freshAfterAnswerMs || Math.min(sinceSentMs, sinceReceivedMs) >= quietAfterMs;
}

/** @param eager an answer that is due after bytes of the same tick would be lost soon anyway: most often there is none */
export function isIdle({ pending, sentBytes, receivedBytes, sinceSentMs, sinceReceivedMs }: SocketTimes, eager = false): boolean {
  if (pending) return false;
  // Nothing was asked yet, but a client that has just connected is about to.
  if (receivedBytes === 0) return sinceSentMs >= unclearIdleAfterMs;
  if (sentBytes === 0 || sinceSentMs > sinceReceivedMs) return false;
  return sinceSentMs >= (eager || sinceSentMs < sinceReceivedMs ? idleAfterMs : unclearIdleAfterMs);
}
