/** `bridge tap`: requests that pass a target's ports, live, by a bridge of mode tap that lives only for the view. */
import { randomBytes } from 'node:crypto';
import type { Bridge } from '../../protocol/objects.ts';
import type { Rule } from '../../protocol/rule.ts';
import type { TapEvent } from '../../protocol/tap.ts';
import type { Cluster } from '../adapters/cluster/index.ts';
import type { Host } from '../host.ts';
import type { Steps } from '../steps/steps.ts';
import { describeTarget, type TargetRef } from '../target/parse-target.ts';
import { resolveTarget } from '../target/resolve-target.ts';
import { timing } from '../timing.ts';
import { attach, attachedPods } from './attach.ts';
import { claimBridge } from './bridge-object.ts';
import type { BridgeWatch } from './bridge-watch.ts';
import { watchInterrupts } from './interrupts.ts';
import type { Control, UsableLink } from './needs.ts';
import { defaultBridgeName } from './owner-slug.ts';
import type { TrafficRequest } from './traffic.ts';

export interface TapQuestion {
  host: Host;
  cluster: Cluster;
  steps: Steps;
  link: () => Promise<UsableLink>;
  ref: TargetRef;
  namespace: string;
  container?: string;
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

/** Nothing of it stays, neither in the cluster nor here (but a link that was up already). */
export async function tap(question: TapQuestion): Promise<void> {
  const { host, cluster, steps, ref, namespace, container, ports, rules, traffic } = question;
  const ended = new AbortController();
  const interrupts = watchInterrupts(host, () => {
    ended.abort();
    steps.abort(new Error('interrupted'));
  });
  try {
    const opened = question.link();
    opened.catch(() => undefined);
    const target = await steps.run({
      id: 'target', title: `Target ${describeTarget(ref)} in ${namespace}`, detail: (resolved) => `port ${resolved.ports.map(({ port }) => port).join(', ')}`,
      act: () => resolveTarget(cluster, { ref, namespace, ports, withRules: true, ...(container === undefined ? {} : { container }) }),
    });
    const link = await opened;
    const name = `tap-${defaultBridgeName(ref.name, link.owner).slice(0, 50).replace(/-+$/, '')}-${randomBytes(3).toString('hex')}`;
    const { watch } = await attach({ request: { rules, hideServedBy: false, traffic: { ...traffic, mode: 'tap' } }, cluster, client: link.client, owner: link.owner, link: opened, target, name, steps });
    // Should this process die, the bridge goes too.
    await link.control.call('lifeline', { bridge: watch.ref });
    await claimBridge(cluster, watch.ref);
    question.onReady(await attachedPods(watch, cluster, steps));
    await followEvents(watch, link.control, { ...question, onEnough: () => ended.abort() }, ended.signal);
  } catch (error) {
    // Ctrl-C is how a tap ends.
    if (interrupts.signal() === undefined) throw error;
  } finally {
    await steps.undo(interrupts.force);
    interrupts.stop();
  }
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
