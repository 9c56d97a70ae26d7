/**
 * When the tunnel has been silent for some time, WireGuard is made to begin anew, with the next endpoint of the hub. By itself it would take 5 s
 * after a lost first handshake and 15 s after a restart of the hub until it tries again.
 */

/** No echo since the configuration: one lost datagram at the start must not cost 5 s. */
export const firstSilenceMs = 1000;
/** No echo for this long although there was one: two heartbeats are missing. */
export const silenceMs = 2500;
const firstPauseMs = 1000;
const longestPauseMs = 10_000;

export interface WatchdogInput {
  nowMs: number;
  echoAgeMs: number | null;
  /** Since the configuration. */
  configuredForMs: number;
  /** Everything that ever came in by the tunnel. */
  rxBytes: number;
}

export interface Watchdog {
  /** Number of the attempt (from 1) to renew the tunnel now; undefined when nothing is to be done. */
  check(input: WatchdogInput): number | undefined;
}

export function createWatchdog(): Watchdog {
  let attempts = 0;
  let nextAtMs = 0;
  let lastRxBytes = 0;
  return {
    check({ nowMs, echoAgeMs, configuredForMs, rxBytes }) {
      // Something comes in: the tunnel works, only the echo is missing.
      const flowing = rxBytes > lastRxBytes && echoAgeMs !== null;
      lastRxBytes = rxBytes;
      const silent = echoAgeMs === null ? configuredForMs >= firstSilenceMs : echoAgeMs >= silenceMs;
      if (!silent || flowing) {
        attempts = 0;
        return undefined;
      }
      if (attempts > 0 && nowMs < nextAtMs) return undefined;
      attempts += 1;
      nextAtMs = nowMs + Math.min(firstPauseMs * 2 ** (attempts - 1), longestPauseMs);
      return attempts;
    },
  };
}
