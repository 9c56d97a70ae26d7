/** HAProxy's model of what this node bridges, and when a change of it needs a new process. */
import { words } from '../log.ts';
import type { Assignment } from './plan.ts';
import type { PodNetwork } from './netns/pod-network.ts';
import { costlyHubPorts } from './proxy/check.ts';
import { hubPortName } from './proxy/hub-port.ts';
import type { Frontend, Route } from './proxy/model.ts';
import type { Steadiness } from './steadiness.ts';

/** For each that costs something. */
const restMsPerHubPort = 5;
const mostRestMs = 2000;
const waryRestMsPerHubPort = 100;
const mostWaryRestMs = 30_000;

export interface PortFacts {
  /** Ports of a pod for which probes are answered, because the process that has them stands still. */
  frozenPorts?: (uid: string) => ReadonlySet<number>;
  network: (uid: string) => PodNetwork | undefined;
  serverFirst: (uid: string, port: number) => boolean;
  steadiness: Pick<Steadiness, 'wary' | 'proven'>;
  /** A pod in which no port is free for ours. */
  noListener?: (uid: string, port: number, error: string) => void;
}

export function frontendId(uid: string, port: number): string {
  return `${uid}_${port}`;
}

/** One frontend for each bridged TCP port of each pod that we are in, whatever number of bridges stand on it. */
export function buildFrontends(assignments: readonly Assignment[], { network, serverFirst, steadiness, frozenPorts = () => new Set(), noListener = () => undefined }: PortFacts): Frontend[] {
  const frontends = new Map<string, Frontend>();
  for (const { pod, tcp, draining } of assignments) {
    const uid = pod.metadata.uid ?? '';
    const entered = network(uid);
    if (draining || entered === undefined) continue;
    const empty = (port: number): Frontend => {
      const id = frontendId(uid, port);
      return {
        id, netns: entered.netns, podAddress: entered.address, port,
        listenPort: entered.listenPort(port, pod.containers.flatMap(({ ports }) => ports)),
        serverFirst: serverFirst(uid, port),
        probes: {
          kinds: [...new Set(pod.containers.flatMap(({ probes }) => probes).flatMap((probe) => (probe.port === port && probe.kind !== 'tcp' ? [probe.kind] : [])))].sort(),
          sources: entered.nodeAddress === undefined ? [] : [entered.nodeAddress],
        },
        frozen: frozenPorts(uid).has(port),
        routes: [],
        taps: [],
      };
    };
    const of = (port: number): Frontend | undefined => {
      const id = frontendId(uid, port);
      try {
        frontends.set(id, frontends.get(id) ?? empty(port));
      } catch (error) {
        noListener(uid, port, words(error));
      }
      return frontends.get(id);
    };
    // Nothing but probes comes to these on behalf of the bridge.
    for (const port of frozenPorts(uid)) of(port);
    for (const { port, route } of tcp) {
      const frontend = of(port);
      if (frontend === undefined) continue;
      if (route.mode === 'tap') frontend.taps.push({ bridge: route.bridge, rules: route.rules, headers: route.tapHeaders, certificate: route.certificate });
      else frontend.routes.push(temper(route, steadiness));
    }
  }
  return [...frontends.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** A container that was never up has nothing that could fail yet; one that goes up and down is checked for longer. */
function temper(route: Route, steadiness: PortFacts['steadiness']): Route {
  const name = hubPortName(route.hub);
  return { ...route, fallback: steadiness.proven(name) ? route.fallback : 'original', check: { ...route.check, wary: steadiness.wary(name) } };
}

/** Which bridges a running configuration has, at which frontend. */
export function bridgesIn(running: readonly Frontend[]): Set<string> {
  return new Set(running.flatMap(({ id, routes, taps }) => [...routes.map(({ bridge, hub }) => bridgeAt(id, bridge, hub.port)), ...taps.map(({ bridge }) => bridgeAt(id, bridge))]));
}

/** @param hubPort another one is another bridge, of the same name; not of taps, to which nothing is led */
export function bridgeAt(frontend: string, bridge: string, hubPort?: number): string {
  return [frontend, bridge, hubPort].join(' ');
}

/**
 * So long after the last process of HAProxy a new one may be started, in ms; undefined: the running one lacks nothing. Frontends that are only too many
 * do no harm: no packet is led to them any more. Where there is much in it, a new process is dear: what comes meanwhile is in the next, and that
 * containers go up and down, or do so no more, has its time.
 */
export function restBeforeNext(running: readonly Frontend[], wanted: readonly Frontend[]): number | undefined {
  if (!differs(running, wanted, (frontend) => JSON.stringify(frontend))) return undefined;
  const hubPorts = new Set(wanted.flatMap(({ routes }) => routes.map(({ hub }) => hubPortName(hub)))).size;
  const lacksMore = differs(running, wanted, (frontend) => JSON.stringify(frontend, (key, value: unknown) => (key === 'wary' ? undefined : value)));
  if (!lacksMore) return Math.min(hubPorts * waryRestMsPerHubPort, mostWaryRestMs);
  return isUrgent(running, wanted) ? 0 : Math.min(costlyHubPorts(hubPorts) * restMsPerHubPort, mostRestMs);
}

/** Somebody has to answer the probes of a process that is about to stand still; and what a bridge disturbs ends with it. */
function isUrgent(running: readonly Frontend[], wanted: readonly Frontend[]): boolean {
  const have = new Map(running.map((frontend) => [frontend.id, frontend]));
  return wanted.some(({ id, frozen, routes }) => {
    const before = have.get(id);
    const disturbing = before?.routes.filter(({ delayMs, fault }) => delayMs > 0 || fault !== undefined) ?? [];
    return (frozen && before?.frozen !== true) || disturbing.some(({ bridge }) => !routes.some((route) => route.bridge === bridge));
  });
}

function differs(running: readonly Frontend[], wanted: readonly Frontend[], text: (frontend: Frontend) => string): boolean {
  const have = new Map(running.map((frontend) => [frontend.id, text(frontend)]));
  return wanted.some((frontend) => have.get(frontend.id) !== text(frontend));
}
