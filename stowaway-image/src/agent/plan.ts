/** Which bridges does this node serve, on which pods? Pure: from the objects alone. */
import type { Bridge, Client } from '../../../protocol/objects.ts';
import { systemNamespace } from '../../../protocol/names.ts';
import type { Rule } from '../../../protocol/rule.ts';
import { LoadLimit, loadOf } from './load-limit.ts';
import type { PodEgress } from './netns/egress.ts';
import type { NodePod } from './pods/node-pod.ts';
import { podMatcher } from './pods/selector.ts';
import { checkOf } from './proxy/check.ts';
import type { HubPort, Route } from './proxy/model.ts';
import { older } from './proxy/order.ts';
import { hasRegex } from './proxy/rule-acl.ts';

/** One bridge on one pod of this node. */
export interface Assignment {
  bridge: Bridge;
  pod: NodePod;
  /** The bridge asks to end: nothing new goes to its client. */
  draining: boolean;
  /** Its client is known to be away. */
  silent: boolean;
  tcp: { port: number; route: Route }[];
  udp: { port: number; hub: HubPort; silent: boolean }[];
  /** The bridge's way out leads through this pod. */
  egress: PodEgress | undefined;
  /** Why traffic cannot be bridged (fully), for people. */
  trouble: string | undefined;
}

export interface World {
  bridges: Iterable<Bridge>;
  pods: Iterable<NodePod>;
  client: (name: string) => Client | undefined;
  /** Why HAProxy cannot apply these rules, or not yet, for people; undefined only when it surely can. */
  rulesTrouble: (rules: readonly Rule[]) => string | undefined;
  /** The certificate that the pod's container has; undefined when the bridge asks for none. */
  certificate?: (bridge: Bridge, pod: NodePod) => Certificate | undefined;
}

/** A file of ours with certificate and key, or why there is none. */
export type Certificate = { file: string } | { trouble: string };

/** Nobody bridges the cluster's own parts, or ours. */
const forbiddenNamespaces: ReadonlySet<string> = new Set([systemNamespace, 'kube-system']);

export function bridgeKey({ metadata: { namespace = '', name } }: Bridge): string {
  return `${namespace}/${name}`;
}

/** What this node has to do for every bridge; a bridge that may not be served is left out. */
export function planAssignments({ rulesTrouble, certificate = () => undefined, ...world }: World): Assignment[] {
  const assignments = pairings(world).map((pairing) => assign(pairing, rulesTrouble, certificate));
  reportCollisions(assignments);
  return assignments;
}

/** Sets of rules whose regular expressions have to be checked, because a bridge that may be served has a pod here. */
export function regexRules({ bridges, ...world }: Pick<World, 'bridges' | 'pods' | 'client'>): (readonly Rule[])[] {
  const asking = [...bridges].filter(({ spec }) => spec.rules?.some(hasRegex) === true);
  return asking.length === 0 ? [] : [...new Set(pairings({ ...world, bridges: asking }).filter(({ tooMuch }) => tooMuch === undefined).map(({ bridge }) => bridge))].map(({ spec }) => spec.rules ?? []);
}

interface Pairing {
  bridge: Bridge;
  pod: NodePod;
  silent: boolean;
  /** Why the agent does not take it in, for people. */
  tooMuch: string | undefined;
}

function pairings({ bridges, pods, client }: Pick<World, 'bridges' | 'pods' | 'client'>): Pairing[] {
  const byNamespace = new Map<string, NodePod[]>();
  for (const pod of pods) {
    const { namespace = '' } = pod.metadata;
    byNamespace.set(namespace, [...byNamespace.get(namespace) ?? [], pod]);
  }
  const pairs: Pairing[] = [];
  const limit = new LoadLimit();
  for (const bridge of [...bridges].sort((a, b) => older(ageOf(a), ageOf(b)))) {
    const selector = bridge.status?.podSelector;
    const owner = client(bridge.spec.client);
    if (selector === undefined || !mayServe(bridge, owner)) continue;
    const silent = owner?.status?.phase !== 'Online';
    const matches = podMatcher(selector);
    const load = loadOf(bridge);
    for (const pod of byNamespace.get(bridge.metadata.namespace ?? '') ?? []) {
      if (!pod.completed && matches(pod)) pairs.push({ bridge, pod, silent, tooMuch: limit.refuse(bridge.spec.owner, load) });
    }
  }
  return pairs;
}

/** An admission policy sees to this too; a bridge that got around it must still not lead traffic to somebody else's client. */
export function mayServe(bridge: Bridge, client: Client | undefined): boolean {
  if (forbiddenNamespaces.has(bridge.metadata.namespace ?? '')) return false;
  return client !== undefined && client.spec.owner === bridge.spec.owner && bridge.metadata.deletionTimestamp === undefined;
}

function ageOf(bridge: Bridge): { createdAt: string; bridge: string } {
  return { createdAt: bridge.metadata.creationTimestamp ?? '', bridge: bridgeKey(bridge) };
}

function assign({ bridge, pod, silent, tooMuch }: Pairing, rulesTrouble: World['rulesTrouble'], certificate: NonNullable<World['certificate']>): Assignment {
  const { spec, status = {} } = bridge;
  const rules = spec.rules ?? [];
  const assignment: Assignment = { bridge, pod, draining: spec.state === 'Draining' || pod.leaving, silent, tcp: [], udp: [], egress: egressOf(bridge, pod), trouble: undefined };
  if (spec.ports.length === 0) return assignment;
  if (pod.hostNetwork) return { ...assignment, trouble: "the pod uses its node's network (hostNetwork), whose ports cannot be bridged" };
  if (tooMuch !== undefined) return { ...assignment, trouble: tooMuch };
  const unusable = rulesTrouble(rules);
  if (unusable !== undefined) return { ...assignment, trouble: unusable };
  const tls = certificate(bridge, pod);
  if (tls !== undefined && 'trouble' in tls) return { ...assignment, trouble: tls.trouble };
  const hubPortOf = (wanted: number | undefined): number | undefined => {
    const asked = wanted ?? spec.ports.find(({ protocol }) => protocol === 'TCP')?.port;
    return status.ports?.find(({ port, protocol }) => port === asked && protocol === 'TCP')?.hubPort;
  };
  const proxyProtocol = spec.proxyProtocol === true;
  const traffic = {
    servedBy: spec.servedBy !== false, fallback: spec.fallback ?? 'original', check: { http: checkOf(spec.check, hubPortOf), wary: false, proxyProtocol },
    certificate: tls?.file, plaintext: spec.plaintext === true, proxyProtocol,
    mode: spec.mode ?? 'steal', tapHeaders: spec.tapHeaders === true, diff: spec.diff === true, delayMs: spec.delayMs ?? 0, fault: spec.fault === undefined ? undefined : { percent: spec.fault.percent, status: spec.fault.status ?? 503 },
  };
  for (const { port, protocol } of spec.ports) {
    const hubPort = status.ports?.find((assigned) => assigned.port === port && assigned.protocol === protocol)?.hubPort;
    if (hubPort === undefined || status.hubAddress === undefined) return { ...assignment, tcp: [], udp: [], trouble: 'waiting for the controller to assign hub ports' };
    const hub = { address: status.hubAddress, port: hubPort };
    if (protocol === 'TCP') assignment.tcp.push({ port, route: { ...ageOf(bridge), hub, rules, ...traffic } });
    else if (rules.length === 0 && (spec.mode ?? 'steal') === 'steal') assignment.udp.push({ port, hub, silent });
    else assignment.trouble = `UDP port ${port} is not bridged: rules and copies are for HTTP only`;
  }
  return assignment;
}

function egressOf({ spec, status }: Bridge, { metadata: { name }, hostNetwork }: NodePod): PodEgress | undefined {
  const { egress, hubAddress: hub } = status ?? {};
  if (spec.egress !== 'pod' || egress?.pod !== name || hub === undefined || hostNetwork) return undefined;
  return { address: egress.address, tunnel: egress.tunnel, hub };
}

/** Of several bridges that want all of a pod's port, the oldest has it (see proxy/order.ts); the others must say so. */
function reportCollisions(assignments: Assignment[]): void {
  const holders = new Map<string, Assignment>();
  // In order of age already.
  for (const assignment of assignments) {
    if (assignment.draining) continue;
    const { bridge, pod } = assignment;
    const taken = (port: number, protocol: string): boolean => {
      const holder = holders.get(`${pod.metadata.uid} ${protocol} ${port}`);
      if (holder === undefined) holders.set(`${pod.metadata.uid} ${protocol} ${port}`, assignment);
      else assignment.trouble = `port ${port} is taken by bridge ${bridgeKey(holder.bridge)} of ${holder.bridge.spec.owner}, which takes all traffic; use a rule (--mark, --header, --path) to share it`;
      return holder !== undefined;
    };
    // Who only looks takes nothing.
    if (bridge.spec.mode === 'tap') continue;
    if ((bridge.spec.rules ?? []).length === 0) assignment.tcp = assignment.tcp.filter(({ port }) => !taken(port, 'TCP'));
    assignment.udp = assignment.udp.filter(({ port }) => !taken(port, 'UDP'));
  }
}
