/** Options of curl that send the probes one after the other, and what it prints of them. */
import { markBaggageKey } from '../../protocol/rule.ts';
import type { Probe } from './verdict.ts';

const limitSeconds = 20;

/** One line for each: status, and seconds. */
export function probeCommand(url: string, probes: readonly Probe[]): string[] {
  return probes.flatMap(({ mark, trace }, index) => [
    ...(index === 0 ? [] : ['--next']), '--silent', '--insecure', '--max-time', String(limitSeconds), '--output', '/dev/null', '--write-out', '%{http_code} %{time_total}\\n',
    '-H', `baggage: ${markBaggageKey}=${mark}`, '-H', `traceparent: 00-${trace}-${trace.slice(0, 16)}-01`, '-A', 'podbridge-propagation-check', url,
  ]);
}

/** @param endedAt when the last line came, ms since the epoch */
export function readAnswers(lines: readonly string[], probes: readonly Probe[], endedAt: number): void {
  let at = endedAt;
  for (const [index, probe] of [...probes.entries()].reverse()) {
    const [status = '000', seconds = '0'] = (lines[index] ?? '').trim().split(' ');
    probe.answeredAt = at;
    probe.sentAt = at - Number(seconds) * 1000;
    at = probe.sentAt;
    if (status !== '000') probe.status = Number(status);
  }
}
