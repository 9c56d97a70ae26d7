/** The link as cargo tells of it. */
import type { LinkStatus } from '../../protocol/control.ts';
import { heartbeatSuspendMs } from '../../protocol/heartbeat.ts';
import type { StatusLink } from './snapshot.ts';

export interface TunnelBytes {
  atMs: number;
  rxBytes: number;
  txBytes: number;
}

export function median(values: readonly number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length === 0 ? null : sorted[Math.floor(sorted.length / 2)]!;
}

export function downLink(name: string): StatusLink {
  return {
    name, state: 'down', transport: null, endpoint: null, latencyMs: null, latenciesMs: [], receivedPerSecond: null, sentPerSecond: null, handshakeAgeMs: null, echoAgeMs: null, mtu: null,
  };
}

/** WireGuard's counters begin anew with its device. */
function rate(now: number, before: number, seconds: number): number {
  return now < before ? 0 : (now - before) / seconds;
}

export function linkState(name: string, status: LinkStatus, atMs: number, before: TunnelBytes | undefined): StatusLink {
  const seconds = before === undefined ? 0 : (atMs - before.atMs) / 1000;
  const { transport, endpoint, rttMs, handshakeAgeMs, echoAgeMs, mtu } = status;
  return {
    name, transport, endpoint, handshakeAgeMs, echoAgeMs, mtu,
    state: echoAgeMs !== null && echoAgeMs < heartbeatSuspendMs ? 'up' : 'silent',
    latencyMs: median(rttMs), latenciesMs: rttMs,
    receivedPerSecond: before === undefined || seconds <= 0 ? null : rate(status.rxBytes, before.rxBytes, seconds),
    sentPerSecond: before === undefined || seconds <= 0 ? null : rate(status.txBytes, before.txBytes, seconds),
  };
}
