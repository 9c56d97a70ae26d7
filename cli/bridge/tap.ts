/** `bridge tap`: requests that pass a target's ports, live. */
import type { Bridge } from '../../protocol/objects.ts';
import type { Rule } from '../../protocol/rule.ts';
import type { TapEvent } from '../../protocol/tap.ts';
import { targetWords } from '../../protocol/target.ts';
import { BridgeError } from '../errors.ts';
import { describeTarget } from '../target/parse-target.ts';
import { timing } from '../timing.ts';
import { attachedPods } from './attach.ts';
import { claimBridge } from './bridge-object.ts';
import type { BridgeWatch } from './bridge-watch.ts';
import type { Control } from './needs.ts';
import { withPassingBridge, type PassingLink, type PassingQuestion } from './passing-bridge.ts';
import type { TrafficRequest } from './traffic.ts';

export interface TapQuestion extends PassingQuestion<PassingLink> {
  ports: string[];
  rules: Rule[];
  traffic: TrafficRequest;
  /** Ends after so many requests; absent: with Ctrl-C. */
  count?: number;
  onReady: (bridge: Bridge) => void;
  onEvent: (event: TapEvent) => void;
  /** So many were not told, because they came faster than they could be fetched. */
  onLost: (count: number) => void;
}

export async function tap(question: TapQuestion): Promise<void> {
  const { cluster, steps, ports, rules, traffic } = question;
  const ended = new AbortController();
  let [ready, interrupted] = [false, false];
  const onInterrupt = (): void => {
    interrupted = true;
    ended.abort();
  };
  try {
    await withPassingBridge(question, { purpose: 'tap', traffic: { ports, request: { rules, traffic: { ...traffic, mode: 'tap' } } }, onInterrupt }, async ({ link, watch, bridge: { metadata: { uid } } }) => {
      // Should this process die, the bridge goes too.
      await link.control.call('lifeline', { bridge: { ...watch.ref, uid } });
      await claimBridge(cluster, watch.ref);
      const bridge = await attachedPods(watch, cluster, steps);
      ready = true;
      question.onReady(bridge);
      await followEvents(watch, link.control, { ...question, onEnough: () => ended.abort() }, ended.signal);
      if (!ended.signal.aborted) throw endedElsewhere(watch, question);
    });
  } catch (error) {
    // Ctrl-C is how a tap ends, once it watches.
    if (!ready || !interrupted) throw error;
  }
}

/** A tap is a bridge, too: whoever ends bridges ends it. */
function endedElsewhere({ ref: { name } }: BridgeWatch, { ref, namespace }: Pick<TapQuestion, 'ref' | 'namespace'>): BridgeError {
  return new BridgeError({
    kind: 'environment', code: 'tap-ended', what: `the tap of ${describeTarget(ref)} was ended`, why: `its bridge ${name} is gone: stopped from another terminal (bridge stop --all, bridge down), or removed from the cluster`,
    next: `bridge tap ${targetWords(ref)} -n ${namespace}`,
  });
}

/** Asks every agent of the bridge, also those that appear later, until it is enough. */
export async function followEvents(watch: BridgeWatch, control: Control, { onEvent, onLost, onEnough = () => undefined, count = Infinity }: Pick<TapQuestion, 'onEvent' | 'onLost' | 'count'> & { onEnough?: () => void }, ended: AbortSignal): Promise<void> {
  let left = count;
  const agents = (): Set<string> => new Set((watch.current?.status?.pods ?? []).map(({ agent }) => agent));
  const asked = new Map<string, Promise<void>>();

  async function ask(agent: string): Promise<void> {
    let after = 0;
    while (!ended.aborted && agents().has(agent)) {
      try {
        const { events, next, lost } = await control.call('tap', { agent, bridge: watch.ref, after });
        after = next;
        if (lost > 0) onLost(lost);
        for (const event of events.slice(0, left)) onEvent(event);
        left -= Math.min(left, events.length);
        if (left === 0) onEnough();
      } catch {
        // The agent or the link is away for a moment; the bridge's end is seen by the watch.
        await pause(timing.identityRetryDelayMs, ended);
      }
    }
    asked.delete(agent);
  }

  while (!ended.aborted && watch.current !== undefined) {
    for (const agent of agents()) if (!asked.has(agent)) asked.set(agent, ask(agent));
    await pause(lookForAgentsMs, ended);
  }
}

const lookForAgentsMs = 500;

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => { clearTimeout(timer); resolve(); }, { once: true });
  });
}

/** One line for people, and one for each header. */
export function tapLine({ at, pod, port, client, method, path, status, ms, version, tls, mark, by, requestHeaders, responseHeaders }: TapEvent): string {
  const headers = (sign: string, list: [name: string, value: string][] | undefined): string[] => (list ?? []).map(([name, value]) => `    ${sign} ${name}: ${value}`);
  return [
    `${at.slice(11, 23)} ${pod}:${port} ${method} ${path} ${status ?? 'no answer'} ${ms} ms HTTP/${version}${tls ? ' TLS' : ''} from ${client} by ${by}${mark === undefined ? '' : ` mark ${mark}`}`,
    ...headers('>', requestHeaders), ...headers('<', responseHeaders),
  ].join('\n');
}
