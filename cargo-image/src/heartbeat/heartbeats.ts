/** Sends heartbeats through the tunnel and hears their echoes. */
import { createSocket, type Socket } from 'node:dgram';
import { heartbeatIntervalMs, type SessionRef } from '../../../protocol/heartbeat.ts';
import type { LinkConfig } from '../../../protocol/control.ts';
import type { Transport } from '../../../protocol/objects.ts';
import { ports } from '../../../protocol/ports.ts';
import { createTracker, type Tracker } from './tracker.ts';

/** Until the first echo: the first heartbeat starts the WireGuard handshake, and link-up waits for the echo. */
const firstIntervalMs = 100;

export interface Heartbeats {
  /** Starts anew, with an empty history. @param transport the one in use at the moment */
  start(link: LinkConfig, transport: () => Transport): void;
  /** One at once, so that the hub hears of an ended session without delay. */
  now(): void;
  stop(): void;
  /** Until the next echo; at once when the last one is fresh. */
  untilEcho(limitMs: number): Promise<void>;
  echoAgeMs(): number | null;
  rttMs(): number[];
  /** See LinkStatus.heartbeats. */
  counted(): { sent: number; lost: number };
}

export function createHeartbeats(ended: () => SessionRef[], onGone: (gone: SessionRef[]) => void, nowMs: () => number = () => performance.now()): Heartbeats {
  let socket: Socket | undefined;
  let timer: NodeJS.Timeout | undefined;
  let tracker: Tracker = createTracker();
  let send: () => void = () => undefined;
  const waiting: (() => void)[] = [];

  function stop(): void {
    clearTimeout(timer);
    socket?.close();
    socket = undefined;
    send = () => undefined;
  }

  return {
    start(link, transport) {
      stop();
      tracker = createTracker();
      const opened = createSocket('udp4');
      socket = opened;
      const mine = (): boolean => socket === opened;
      opened.on('error', () => undefined);
      opened.on('message', (datagram, from) => {
        if (!mine() || from.address !== link.hub.address) return;
        const gone = tracker.echo(datagram, nowMs());
        if (gone === undefined) return;
        for (const heard of waiting.splice(0)) heard();
        if (gone.length > 0) onGone(gone);
      });
      opened.bind({ address: link.address, port: 0 }, () => {
        if (!mine()) return;
        send = () => opened.send(tracker.next(transport(), ended(), nowMs()), ports.heartbeat, link.hub.address, () => undefined);
        const beat = (): void => {
          if (!mine()) return;
          send();
          timer = setTimeout(beat, tracker.echoAgeMs(nowMs()) === null ? firstIntervalMs : heartbeatIntervalMs);
        };
        beat();
      });
    },
    now: () => send(),
    untilEcho(limitMs) {
      const ageMs = tracker.echoAgeMs(nowMs());
      if (ageMs !== null && ageMs <= heartbeatIntervalMs) return Promise.resolve();
      return new Promise((resolve) => {
        setTimeout(resolve, limitMs).unref();
        waiting.push(resolve);
      });
    },
    stop,
    echoAgeMs: () => tracker.echoAgeMs(nowMs()),
    rttMs: () => tracker.rttMs(),
    counted: () => tracker.counted(nowMs()),
  };
}
