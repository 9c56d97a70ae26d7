/**
 * Heartbeats: one UDP datagram of JSON from cargo to the hub's WireGuard address per interval, and the hub's echo.
 * They go through the data path, so a link that carries no heartbeat carries no traffic either.
 */

export const heartbeatIntervalMs = 1000;
/** After this long without a heartbeat the hub refuses the client's ports (RST) and writes Suspended. */
export const heartbeatSuspendMs = 5000;
export const heartbeatMaxBytes = 8192;
/** One heartbeat names this many ended bridges; the others are said when these are gone. */
export const heartbeatMaxEnded = 64;

export interface BridgeRef {
  namespace: string;
  name: string;
}

export interface Heartbeat {
  v: 1;
  seq: number;
  transport: 'docker' | 'udp' | 'api';
  /** Bridges whose foreground session ended without removing them (CLI killed): the hub deletes those that belong to this client. Repeated until they are gone. */
  ended: BridgeRef[];
}

export interface HeartbeatEcho {
  v: 1;
  seq: number;
  /** Those of `ended` that no longer exist; cargo forgets them. */
  gone: BridgeRef[];
}
