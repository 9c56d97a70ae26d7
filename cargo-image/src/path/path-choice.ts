/**
 * Which way the tunnel takes: straight to the hub's UDP port, or over the API server while that port is silent. Pure: a state
 * machine that is asked every half second and gives an order.
 */

/** Two heartbeats are missing, and the tunnel was begun anew to no avail. The hub suspends a client after 5 s: the relay should stand by then. */
export const openRelayAfterMs = 3000;
/** Over the API server the hub itself may be restarting: the connection stands, and nothing comes back. */
const relaySilenceMs = 8000;
/** The API server cannot be reached: perhaps the straight way is open again. */
const relayClosedMs = 3000;
/** The straight way is tried (beside the other, which goes on) this soon, then half as often each time in vain. */
const firstProbeMs = 5000;
const longestProbePauseMs = 120_000;
/** A straight way that held this long counts as sound: the next fall-back probes early again. */
const soundMs = 60_000;
const freshMs = 2500;

export type Path = 'straight' | 'relay';
export type PathOrder = 'stay' | 'open-relay' | 'close-relay' | 'take-relay' | 'take-straight' | 'probe';

export interface PathInput {
  nowMs: number;
  /** null: none since the configuration. */
  echoAgeMs: number | null;
  relay: 'unknown' | 'off' | 'connecting' | 'open';
  /** For how long the relay has been wanted and not open. */
  relayClosedForMs: number;
}

export interface PathChoice {
  readonly path: Path;
  check(input: PathInput): PathOrder;
  /** The order was carried out, or a probe was answered. */
  took(path: Path, nowMs: number): void;
}

/** @param only no other way is wanted */
export function createPathChoice({ nowMs, only }: { nowMs: number; only?: Path }): PathChoice {
  let path: Path = only ?? 'straight';
  let sinceMs = nowMs;
  let probePauseMs = firstProbeMs;
  let nextProbeMs = Infinity;

  return {
    get path() { return path; },
    check({ nowMs: now, echoAgeMs, relay, relayClosedForMs }) {
      const onPathMs = now - sinceMs;
      const silentMs = Math.min(echoAgeMs ?? Infinity, onPathMs);
      const heard = echoAgeMs !== null && echoAgeMs < Math.min(freshMs, onPathMs);
      if (only === 'relay') return relay === 'off' ? 'open-relay' : 'stay';
      if (only === 'straight' || relay === 'unknown') return 'stay';
      if (path === 'straight') {
        if (heard && onPathMs > soundMs) probePauseMs = firstProbeMs;
        if (heard) return relay === 'off' ? 'stay' : 'close-relay';
        if (silentMs < openRelayAfterMs) return 'stay';
        return relay === 'off' ? 'open-relay' : relay === 'open' ? 'take-relay' : 'stay';
      }
      if (relay !== 'open') return relayClosedForMs >= relayClosedMs ? 'take-straight' : 'stay';
      if (silentMs >= relaySilenceMs) return 'take-straight';
      if (!heard || now < nextProbeMs) return 'stay';
      probePauseMs = Math.min(probePauseMs * 2, longestProbePauseMs);
      nextProbeMs = now + probePauseMs;
      return 'probe';
    },
    took(taken, now) {
      path = taken;
      sinceMs = now;
      if (taken === 'relay') nextProbeMs = now + probePauseMs;
    },
  };
}
