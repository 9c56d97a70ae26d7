/** A verdict for people: hop by hop, and what to do where the mark is lost. */
import { table } from '../ui/table.ts';
import type { Drop, Hop, Verdict } from './verdict.ts';

const stateWords: Record<Hop['state'], string> = { arrived: 'arrived', lost: 'LOST', 'not-reached': 'not reached' };

function seen({ state, marked, traced, unmarked }: Hop, probes: number): string {
  if (state === 'arrived') return `${marked} of ${probes} with the mark`;
  if (state === 'not-reached') return 'no request of the check came here';
  return traced > 0 ? `${traced} of ${probes} with the trace id, ${marked} with the mark` : `${unmarked} of ${probes} without mark and trace id, ${marked} with the mark`;
}

/** What is wrong in one place, and what to do there. */
export function advice({ by, to, traced, between }: Drop): string {
  const who = by === null ? `what is before ${to}` : by;
  const how = traced
    ? 'It passes the trace context on, but not the baggage: set OTEL_PROPAGATORS=tracecontext,baggage there.'
    : 'It makes its requests without the headers of those that it serves: with OpenTelemetry\'s auto-instrumentation it does that without a change of code, or hand on the header baggage. If it is instrumented already, look there for OTEL_SDK_DISABLED=true and OTEL_PROPAGATORS, which switch that off.';
  return between === true
    ? `the mark gets lost somewhere between ${who} and ${to}; who calls ${to} could not be seen. Whoever does: ${how.charAt(0).toLowerCase()}${how.slice(1)}`
    : `${who} drops the mark on the way to ${to}. ${how}`;
}

/** @param refused workloads that nobody may watch, and why */
export function verdictText({ probes, hops, drops }: Verdict, entry: string, refused: ReadonlyMap<string, string> = new Map()): string {
  const lines = [`${probes} marked request${probes === 1 ? '' : 's'} to ${entry}`, '', table(['WORKLOAD', 'MARK', 'SEEN'], hops.map((hop) => [hop.workload, stateWords[hop.state], seen(hop, probes)]))];
  if (refused.size > 0) lines.push('', ...[...refused].map(([workload, why]) => `- ${workload} was not watched: ${why}`));
  if (drops.length > 0) lines.push('', ...drops.map((drop) => `- ${advice(drop)}`), ...hops.filter(({ workload, state, callers }) => state === 'lost' && callers.length > 0 && !drops.some(({ to }) => to === workload)).map(({ workload, callers }) => `- ${workload} is called by ${callers.join(', ')}, which had no mark to pass on.`), '', 'How in Node, Java, Python and Go: docs/propagation.md');
  else if (hops.every(({ state }) => state === 'not-reached')) lines.push('', 'None of these workloads was reached: is the entry or the path another one?');
  return lines.join('\n');
}
