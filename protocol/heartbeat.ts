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

/** Of a Bridge object. */
export function refOfObject({ metadata: { namespace = '', name } }: { metadata: { namespace?: string | undefined; name: string } }): BridgeRef {
  return { namespace, name };
}

/** One incarnation of a bridge. */
export interface SessionRef extends BridgeRef {
  /** Of the Bridge object: another one of the same name may have been made since. Older versions do not tell it. */
  uid?: string | undefined;
}

export const bridgeUidPattern = /^[A-Za-z0-9-]{1,63}$/;

/** Of the same name, and not known to be two. */
export function sameSession(a: SessionRef, b: SessionRef): boolean {
  return a.namespace === b.namespace && a.name === b.name && (a.uid === undefined || b.uid === undefined || a.uid === b.uid);
}

export interface Heartbeat {
  v: 1;
  seq: number;
  transport: 'docker' | 'udp' | 'api';
  /** Bridges whose foreground session ended without removing them (CLI killed): the hub deletes those that belong to this client. Repeated until they are gone. */
  ended: SessionRef[];
}

export interface HeartbeatEcho {
  v: 1;
  seq: number;
  /** Those of `ended` that no longer exist; cargo forgets them. */
  gone: SessionRef[];
}
