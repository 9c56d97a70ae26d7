/** Where a mark arrived and where it was lost, from what agents saw at each workload. Pure. */
import type { TapEvent } from '../../protocol/tap.ts';

/** One request of the check. */
export interface Probe {
  /** Its own mark, which no bridge has. */
  mark: string;
  /** Trace id of its `traceparent`, 32 hex digits. */
  trace: string;
  /** By this machine's clock, ms since the epoch. */
  sentAt: number;
  answeredAt: number;
  /** Of the answer; absent: none came. */
  status?: number;
}

export interface Sight {
  /** `deploy/api`. */
  workload: string;
  event: TapEvent;
}

/**
 * arrived: with the mark. lost: the request came, but without it. not-reached: no request of the check came, as far as can be told.
 */
export type HopState = 'arrived' | 'lost' | 'not-reached';

export interface Hop {
  workload: string;
  state: HopState;
  /** How many of the probes came with their mark, and how many only with their trace id. */
  marked: number;
  traced: number;
  /** Requests without mark and trace that came while probes were under way. */
  unmarked: number;
  /** When the first of them came, for the order. */
  firstAt?: number;
  /** Where those without the mark were seen to come from, among the workloads that were watched. */
  callers: string[];
}

/** Who had the mark and did not pass it on; null: who is before all of them. With `between`: somebody from there on, because nobody saw who calls whom. */
export interface Drop {
  by: string | null;
  to: string;
  /** The trace context was passed on. */
  traced: boolean;
  between?: true;
}

export interface Verdict {
  probes: number;
  /** In the order in which the requests reached them; those not reached last. */
  hops: Hop[];
  /** For each hop that lost the mark, unless whoever calls it had lost it already. */
  drops: Drop[];
}

/** Not of this check: they come to every pod, always. */
function isProbeOfKubelet({ requestHeaders = [] }: TapEvent): boolean {
  return requestHeaders.some(([name, value]) => name.toLowerCase() === 'user-agent' && value.startsWith('kube-probe/'));
}

const traceOf = ({ requestHeaders = [] }: TapEvent): string | undefined => /^[0-9a-f]{2}-([0-9a-f]{32})-/.exec(requestHeaders.find(([name]) => name.toLowerCase() === 'traceparent')?.[1] ?? '')?.[1];

/** Clocks of nodes differ a little. */
const clockSlackMs = 50;
/** Unmarked requests count only if they came with so many of the probes: others' traffic does not keep step. */
const leastShare = 0.8;

/**
 * @param addresses of pods, by their names: callers are known by them
 * @param gaps there are workloads that could not be watched; any of them may be to blame
 */
export function judge(workloads: readonly string[], probes: readonly Probe[], sights: readonly Sight[], addresses: ReadonlyMap<string, string> = new Map(), gaps = false): Verdict {
  const marks = new Map(probes.map((probe) => [probe.mark, probe]));
  const traces = new Map(probes.map((probe) => [probe.trace, probe]));
  const own = sights.filter(({ event }) => !isProbeOfKubelet(event));
  // Where a probe was seen with its mark, a node's clock has said when: better than ours.
  const windows = probes.map((probe) => windowOf(probe, own));
  const workloadAt = new Map(own.flatMap(({ workload, event: { pod } }) => { const address = addresses.get(pod); return address === undefined ? [] : [[address, workload] as const]; }));
  const hops = workloads.map((workload): Hop => {
    const here = own.filter((sight) => sight.workload === workload).map(({ event }) => event);
    const marked = new Set(here.flatMap(({ mark }) => (mark !== undefined && marks.has(mark) ? [mark] : [])));
    const traced = new Set(here.flatMap((event) => { const trace = traceOf(event); return trace !== undefined && traces.has(trace) && !marks.has(event.mark ?? '') ? [trace] : []; }));
    const strangers = here.filter((event) => !marks.has(event.mark ?? '') && !traces.has(traceOf(event) ?? ''));
    const within = windows.filter(([from, to]) => strangers.some(({ at }) => Date.parse(at) >= from && Date.parse(at) <= to));
    const unmarked = probes.length > 0 && within.length >= probes.length * leastShare ? within.length : 0;
    const ofCheck = here.filter((event) => marks.has(event.mark ?? '') || traces.has(traceOf(event) ?? '') || (unmarked > 0 && strangers.includes(event)));
    const times = ofCheck.map(({ at }) => Date.parse(at));
    const callers = new Set(ofCheck.flatMap(({ mark, client }) => { const caller = marks.has(mark ?? '') ? undefined : workloadAt.get(client); return caller === undefined || caller === workload ? [] : [caller]; }));
    const state: HopState = marked.size > 0 && marked.size >= traced.size ? 'arrived' : marked.size + traced.size + unmarked > 0 ? 'lost' : 'not-reached';
    return { workload, state, marked: marked.size, traced: traced.size, unmarked, callers: [...callers].sort(), ...(times.length === 0 ? {} : { firstAt: Math.min(...times) }) };
  });
  const ordered = [...hops].sort((a, b) => (a.firstAt ?? Infinity) - (b.firstAt ?? Infinity) || 0);
  return { probes: probes.length, hops: ordered, drops: ordered.flatMap((hop, index) => (hop.state === 'lost' ? dropsOf(hop, ordered.slice(0, index), ordered, gaps) : [])) };
}

function windowOf(probe: Probe, sights: readonly Sight[]): [from: number, to: number] {
  const seen = sights.filter(({ event }) => event.mark === probe.mark).map(({ event }) => event);
  if (seen.length === 0) return [probe.sentAt - clockSlackMs, probe.answeredAt + clockSlackMs];
  const starts = seen.map(({ at }) => Date.parse(at));
  return [Math.min(...starts) - clockSlackMs, Math.max(...seen.map(({ at, ms }) => Date.parse(at) + ms)) + clockSlackMs];
}

/** @param before those that the requests had reached by then */
function dropsOf({ workload: to, traced, callers }: Hop, before: readonly Hop[], all: readonly Hop[], gaps: boolean): Drop[] {
  const drop = { to, traced: traced > 0 };
  const hadIt = (names: readonly string[]): string[] => all.filter(({ workload, state }) => state === 'arrived' && names.includes(workload)).map(({ workload }) => workload);
  // Whoever had lost it already cannot pass it on.
  if (callers.length > 0) return hadIt(callers).map((by) => ({ by, ...drop }));
  const names = before.map(({ workload }) => workload);
  const by = hadIt(names).at(-1) ?? null;
  if (by === null) return before.length === 0 ? [{ by, ...drop }] : [];
  return [{ by, ...drop, ...(before.length > 1 || gaps ? { between: true as const } : {}) }];
}
