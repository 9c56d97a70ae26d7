/** Whose processes shall stand still now. Pure. */
import { bridgeKey, type Assignment } from '../plan.ts';
import type { PodContainer } from '../pods/node-pod.ts';
import { hubPortName } from '../proxy/hub-port.ts';

/** The container has served for so long without a break before the original is stopped; it goes on at once when that ends. */
export const freezeAfterMs = 2000;

export interface Candidate {
  assignment: Assignment;
  container: PodContainer;
}

export interface FreezeFacts {
  /** Since when a hub port has been served without a break; undefined: it is not. */
  servingSince: (hubPortName: string) => number | undefined;
  /** Since when the hub has answered at this address without a break; undefined: it does not. */
  hubSince: (address: string | undefined) => number | undefined;
  /** It goes up and down too often. */
  wary: (hubPortName: string) => boolean;
  /** It stands still already. */
  frozen: (container: PodContainer) => boolean;
  now: number;
}

/** @returns those that shall stand still, and when to look again because somebody has not served for long enough */
export function freezeCandidates(assignments: readonly Assignment[], { servingSince, hubSince, wary, frozen, now }: FreezeFacts): { candidates: Candidate[]; lookAgainMs: number | undefined } {
  const candidates: Candidate[] = [];
  let lookAgainMs: number | undefined;
  for (const assignment of assignments) {
    const { bridge: { spec, status }, pod, draining, silent, trouble, tcp } = assignment;
    const container = pod.containers.find(({ name }) => name === spec.target.container);
    if (spec.freeze !== true || draining || silent || trouble !== undefined || container?.id === undefined || container.execProbe) continue;
    if (!container.ready && !frozen(container)) continue;
    const names = tcp.map(({ route }) => hubPortName(route.hub));
    const since = tcp.length > 0 ? names.map(servingSince) : [hubSince(status?.hubAddress)];
    if (since.some((at) => at === undefined) || names.some(wary)) continue;
    const remainingMs = Math.max(0, ...since.map((at) => (at ?? now) + freezeAfterMs - now));
    if (remainingMs > 0 && !frozen(container)) lookAgainMs = Math.min(lookAgainMs ?? Infinity, remainingMs);
    else candidates.push({ assignment, container });
  }
  return { candidates, lookAgainMs };
}

/** Hubs that must answer, because nothing else shows whether the link of such a bridge is up: no port of it is checked. */
export function hubsToAsk(assignments: readonly Assignment[]): Set<string> {
  return new Set(assignments.flatMap(({ bridge: { spec, status }, tcp }) => (spec.freeze === true && tcp.length === 0 ? status?.hubAddress ?? [] : [])));
}

/** Why the original of a bridge that asks for it cannot be frozen at all; undefined when it can. */
export function freezeObstacle({ bridge: { spec }, pod }: Assignment): string | undefined {
  const container = pod.containers.find(({ name }) => name === spec.target.container);
  return spec.freeze === true && container?.execProbe === true ? 'it is not frozen: one of its probes is a program that runs in the container, and would stand still too' : undefined;
}

export function candidateKey({ assignment: { bridge, pod } }: Pick<Candidate, 'assignment'>): string {
  return `${bridgeKey(bridge)} ${pod.metadata.uid}`;
}
