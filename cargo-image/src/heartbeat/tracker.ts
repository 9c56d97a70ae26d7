/** What heartbeats say and what their echoes tell. No I/O: time and datagrams come from outside. */
import { heartbeatMaxBytes, heartbeatMaxEnded, sameSession, type Heartbeat, type HeartbeatEcho, type SessionRef } from '../../../protocol/heartbeat.ts';
import type { Transport } from '../../../protocol/objects.ts';

const rttKept = 60;
/** Echoes of older heartbeats tell nothing. */
const sentKept = 60;
/** A heartbeat that has no echo by then is lost. */
const lostAfterMs = 2000;

export interface Tracker {
  /** The next datagram. */
  next(transport: Transport, ended: SessionRef[], nowMs: number): Buffer;
  /** Bridges that are gone, or undefined when the datagram is no echo of ours. */
  echo(datagram: Buffer, nowMs: number): SessionRef[] | undefined;
  echoAgeMs(nowMs: number): number | null;
  rttMs(): number[];
  /** Since the first echo, of the last {@link sentKept}: sent, and not answered in time. */
  counted(nowMs: number): { sent: number; lost: number };
}

function isEcho(value: unknown): value is HeartbeatEcho {
  const echo = value as Partial<HeartbeatEcho> | null;
  return typeof echo === 'object' && echo !== null && echo.v === 1 && typeof echo.seq === 'number' && Array.isArray(echo.gone)
    && echo.gone.every((ref) => typeof ref.namespace === 'string' && typeof ref.name === 'string' && (ref.uid === undefined || typeof ref.uid === 'string'));
}

export function createTracker(): Tracker {
  const sentAtMs = new Map<number, number>();
  let seq = 0;
  let lastEchoMs: number | undefined;
  /** Those before it only waited for the tunnel. */
  let firstEchoed: number | undefined;
  const rtts: number[] = [];

  return {
    next(transport, ended, nowMs) {
      seq += 1;
      sentAtMs.set(seq, nowMs);
      sentAtMs.delete(seq - sentKept);
      const heartbeat: Heartbeat = { v: 1, seq, transport, ended: ended.slice(0, heartbeatMaxEnded) };
      let datagram = Buffer.from(JSON.stringify(heartbeat));
      // What does not fit is said later, when the first ones are gone.
      while (datagram.length > heartbeatMaxBytes && heartbeat.ended.length > 0) {
        heartbeat.ended.pop();
        datagram = Buffer.from(JSON.stringify(heartbeat));
      }
      return datagram;
    },
    echo(datagram, nowMs) {
      let value: unknown;
      try {
        value = JSON.parse(datagram.toString('utf8'));
      } catch {
        return undefined;
      }
      if (!isEcho(value)) return undefined;
      const sent = sentAtMs.get(value.seq);
      if (sent === undefined) return undefined;
      sentAtMs.delete(value.seq);
      lastEchoMs = nowMs;
      firstEchoed ??= value.seq;
      rtts.push(Math.round((nowMs - sent) * 100) / 100);
      if (rtts.length > rttKept) rtts.shift();
      return value.gone;
    },
    echoAgeMs: (nowMs) => (lastEchoMs === undefined ? null : Math.round(nowMs - lastEchoMs)),
    rttMs: () => [...rtts],
    counted(nowMs) {
      const from = firstEchoed;
      if (from === undefined) return { sent: 0, lost: 0 };
      const waiting = [...sentAtMs].filter(([number]) => number >= from);
      const lost = waiting.filter(([, sentMs]) => nowMs - sentMs > lostAfterMs).length;
      return { sent: Math.min(seq - from + 1, sentKept) - (waiting.length - lost), lost };
    },
  };
}

/** An echo may come when another session of the same name has ended already: that one is told too. */
export function withoutGone(ended: SessionRef[], gone: SessionRef[]): SessionRef[] {
  return ended.filter((ref) => !gone.some((other) => sameSession(ref, other)));
}
