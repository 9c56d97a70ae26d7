/** What is told of one bridge on one pod. Pure, from what the agent knows. */
import { looksInside } from '../../../protocol/traffic.ts';
import type { EgressWays } from './egress-ways.ts';
import type { FrozenOriginals } from './freeze/frozen-originals.ts';
import { bridgeAt, frontendId } from './frontends.ts';
import type { PodNetwork } from './netns/pod-network.ts';
import { bridgeKey, type Assignment } from './plan.ts';
import { checkTimings } from './proxy/check.ts';
import { hubPortName } from './proxy/hub-port.ts';
import type { EntryState } from './status-entries.ts';
import type { Steadiness } from './steadiness.ts';

export interface EntryFacts {
  /** By UID of the pod. */
  network: (uid: string) => Pick<PodNetwork, 'address'> | undefined;
  trouble: (uid: string) => string | undefined;
  /** Ids of frontends where the application greets first. */
  serverFirst: ReadonlySet<string>;
  /** HAProxy has these: see {@link bridgeAt}. */
  running: ReadonlySet<string>;
  /** Hub ports that accept connections. */
  serving: ReadonlySet<string>;
  steadiness: Pick<Steadiness, 'wary'>;
  egress: Pick<EgressWays, 'trouble' | 'isOpen'>;
  frozen: Pick<FrozenOriginals, 'trouble' | 'has'>;
  /** HAProxy hangs now; it did a while ago, in words. */
  hangs: boolean;
  hungBefore: string | undefined;
}

export function entryState(assignment: Assignment, facts: EntryFacts): EntryState {
  const { bridge, pod, tcp, udp, egress, draining } = assignment;
  const { name, uid = '' } = pod.metadata;
  const address = facts.network(uid)?.address;
  const message = whyNotReady(assignment, facts);
  const note = noteOf(assignment, facts);
  const inForce = tcp.every(({ port, route }) => facts.running.has(bridgeAt(frontendId(uid, port), bridgeKey(bridge), route.mode === 'tap' ? undefined : route.hub.port))) && tcp.length + udp.length === bridge.spec.ports.length;
  return {
    name, ready: message === undefined && inForce, ...(address === undefined ? {} : { address }),
    ...(tcp.length === 0 || pod.leaving || bridge.spec.mode === 'tap' ? {} : { serving: !draining && tcp.every(({ route }) => facts.serving.has(hubPortName(route.hub))) }),
    ...(egress === undefined ? {} : { egress: facts.egress.isOpen(egress.tunnel) }),
    ...(bridge.spec.freeze === true ? { frozen: facts.frozen.has(assignment) } : {}),
    ...(message === undefined ? {} : { message }),
    ...(note === undefined ? {} : { note }),
  };
}

function whyNotReady({ bridge, pod, tcp, egress, draining, trouble }: Assignment, facts: EntryFacts): string | undefined {
  const { uid = '' } = pod.metadata;
  if (pod.leaving) return 'the pod ends';
  if (draining) return 'draining';
  const known = trouble ?? facts.trouble(uid);
  if (known !== undefined) return known;
  // A tap just does not see such a port.
  const greets = looksInside(bridge.spec) && bridge.spec.mode !== 'tap' ? tcp.find(({ port }) => facts.serverFirst.has(frontendId(uid, port))) : undefined;
  if (greets !== undefined) return `the server at port ${greets.port} speaks first, so nothing in it can be told apart (bridge it without rules, certificate and mirroring)`;
  if (tcp.length > 0 && facts.hangs) return 'HAProxy on this node hangs and does not end: requests go to the original';
  return (egress === undefined ? undefined : facts.egress.trouble(egress.tunnel)) ?? (facts.network(uid) === undefined ? "waiting for the pod's network" : undefined);
}

/** One of them; what happens again and again comes first. */
function noteOf(assignment: Assignment, { steadiness, hungBefore, frozen }: EntryFacts): string | undefined {
  const { tcp } = assignment;
  if (tcp.some(({ route }) => steadiness.wary(hubPortName(route.hub)))) return `the container goes up and down: it gets requests only after ${checkTimings.waryMs / 1000} s without a break`;
  return (tcp.length > 0 ? hungBefore : undefined) ?? frozen.trouble(assignment);
}
