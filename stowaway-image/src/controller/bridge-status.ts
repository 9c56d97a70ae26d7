/** What the controller says of a bridge, from everything that is known of it. Pure. */
import { shorten, summaryLengths } from '../../../protocol/bridge-summary.ts';
import { systemNamespace } from '../../../protocol/names.ts';
import type { AssignedPort, Bridge, BridgeEgress, BridgePhase, BridgePod, BridgeStatus, Client, PodSelector } from '../../../protocol/objects.ts';
import { describeRule } from '../../../protocol/rule.ts';
import { previewsServed } from '../../../protocol/preview.ts';
import { targetWords } from '../../../protocol/target.ts';
import { modeWords } from '../../../protocol/traffic.ts';
import type { NewCondition } from '../conditions.ts';
import { chooseEgress } from './egress.ts';
import { hubPortsOfOwner, type PortClaim } from './hub-ports.ts';
import type { SystemPod, TargetPod } from './pods.ts';
import type { Problem } from './problem.ts';
import type { TargetState } from './target.ts';

export interface BridgeFacts {
  bridge: Bridge;
  client: Client | undefined;
  /** Undefined: not known yet. */
  target: TargetState | undefined;
  /** Those of the target that are not over; undefined: not known yet. */
  pods: TargetPod[] | undefined;
  /** Undefined: no port is left, or it is not known yet whether it gets any. */
  ports: AssignedPort[] | undefined;
  /** None is given, because its owner has all that he may have. */
  overShare?: boolean;
  hub: SystemPod | undefined;
  /** With `egress: pod`: its address (undefined: none is left), and what was decided last. */
  egress?: { address: string | undefined; before: BridgeEgress | undefined };
  /** Another bridge has the requests that this one claims. */
  taken?: Problem;
  /** Which of its previews the gateway does not show, and why; absent: none. */
  unserved?: string;
  /** The agent of a node. */
  agent: (node: string) => SystemPod | undefined;
  /** Why the cluster does not let a node's agent be made; absent when no agent is refused. */
  refusal?: (node: string) => string | undefined;
}

/** The controller's part of the status; conditions still without their times. */
export interface DerivedStatus extends Omit<BridgeStatus, 'conditions' | 'pods' | 'phase'> {
  phase: BridgePhase;
  conditions: NewCondition[];
}

/** Namespaces whose pods are never bridged. */
const forbiddenNamespaces = new Set([systemNamespace, 'kube-system']);
/** Pods named in a message; the rest is counted. */
const namedPods = 3;

/** Pods that can and shall be bridged, each on a node. */
export function wantedPods({ pods = [] }: Pick<BridgeFacts, 'pods'>): TargetPod[] {
  return pods.filter(({ node, hostNetwork }) => node !== '' && !hostNetwork);
}

/** Is everything known that the status depends on? Until then an earlier status stays: taking the selector away would make agents let go. */
export function isKnown(facts: BridgeFacts): boolean {
  return failure(facts) !== undefined || (facts.target !== undefined && facts.pods !== undefined);
}

/** Why this bridge cannot work at all, whatever pods do; undefined when it can. No agent is made for one that cannot. */
export function failure({ bridge, client, target, ports, overShare, egress, taken }: Pick<BridgeFacts, 'bridge' | 'client' | 'target' | 'ports' | 'overShare' | 'egress' | 'taken'>): Problem | undefined {
  const { namespace = '' } = bridge.metadata;
  if (forbiddenNamespaces.has(namespace)) return { reason: 'NamespaceNotAllowed', message: `Workloads in ${namespace} cannot be bridged.` };
  if (client === undefined) return { reason: 'ClientNotFound', message: `The link ${bridge.spec.client} does not exist (any more). Make it anew with 'bridge up'.` };
  if (client.spec.owner !== bridge.spec.owner) {
    return { reason: 'ClientOfAnotherOwner', message: `The link ${bridge.spec.client} belongs to ${client.spec.owner}, not to ${bridge.spec.owner}. Use your own: 'bridge up'.` };
  }
  if (target !== undefined && 'problem' in target) return target.problem;
  if (overShare === true) return { reason: 'HubPortShare', message: `${bridge.spec.owner} has ${hubPortsOfOwner} ports of the hub, or would have more with this bridge, and nobody gets more. Use fewer ports, or stop bridges: kubectl get bridges -A` };
  if (ports === undefined && target !== undefined) return { reason: 'NoHubPort', message: 'All ports of the hub are in use. Stop bridges that nobody needs: kubectl get bridges -A' };
  if (egress !== undefined && egress.address === undefined) return { reason: 'NoAddress', message: 'All addresses of the pool are in use. Remove links that nobody needs: kubectl -n bridge-system get clients' };
  return taken;
}

/** Hub ports are few, and everybody may make objects: they are for bridges that can work. One that could, and may again in a moment, keeps its own. */
export function portClaim(facts: Pick<BridgeFacts, 'bridge' | 'client' | 'target'>): PortClaim {
  if (failure({ ...facts, ports: [] }) !== undefined) return 'spare';
  return facts.target === undefined ? 'held' : 'full';
}

export function deriveStatus(facts: BridgeFacts): DerivedStatus {
  const { bridge, target, ports, hub, taken } = facts;
  const wanted = wantedPods(facts);
  const attached = wanted.filter((pod) => isAttached(entryOf(bridge, pod), facts));
  const egress = failure(facts) === undefined ? egressOf(facts, wanted) : undefined;
  const { phase, ready, others } = judge(facts, wanted, attached, egress);
  // Agents let go of a bridge that selects no pods.
  const selector: PodSelector | undefined = target !== undefined && 'selector' in target && taken === undefined ? target.selector : undefined;
  return {
    phase,
    desiredPods: wanted.length,
    ...(selector === undefined ? {} : { podSelector: selector }),
    ...(ports === undefined || ports.length === 0 ? {} : { ports }),
    ...(egress === undefined ? {} : { egress }),
    // Also while the hub's pod is ending: it refuses what is new itself, and what is under way shall end in peace. Not when it is gone, because its address may become another pod's.
    ...(hub?.address === undefined || hub.dead ? {} : { hubAddress: hub.address }),
    summary: {
      target: shorten(targetWords(bridge.spec.target), summaryLengths.target),
      pods: `${attached.length}/${wanted.length}`,
      ports: shorten(bridge.spec.ports.map(({ port, local, protocol }) => `${port}${local === port ? '' : `:${local}`}${protocol === 'UDP' ? '/UDP' : ''}`).join(','), summaryLengths.ports),
      match: bridge.spec.ports.length === 0 ? 'none' : shorten(`${modeWords[bridge.spec.mode ?? 'steal']}${(bridge.spec.rules ?? []).map(describeRule).join(' or ') || 'all'}`, summaryLengths.match),
    },
    conditions: [...others, { type: 'Ready', status: phase === 'Ready' ? 'True' : 'False', ...ready }],
    ...(bridge.metadata.generation === undefined ? {} : { observedGeneration: bridge.metadata.generation }),
  };
}

interface Judgement {
  phase: BridgePhase;
  ready: Problem;
  others: NewCondition[];
}

/** Until all is known that it depends on, what was decided before stays. */
function egressOf(facts: BridgeFacts, wanted: TargetPod[]): BridgeEgress | undefined {
  const { bridge, egress } = facts;
  if (egress?.address === undefined) return undefined;
  if (facts.pods === undefined) return egress.before;
  return chooseEgress({
    address: egress.address, before: egress.before, pods: wanted,
    entryOf: (pod) => { const entry = entryOf(bridge, pod); return entry !== undefined && isByLivingAgent(entry, facts) ? entry : undefined; },
  });
}

function judge(facts: BridgeFacts, wanted: TargetPod[], attached: TargetPod[], egress: BridgeEgress | undefined): Judgement {
  const { bridge, client, target, pods, hub } = facts;
  const failed = failure(facts);
  const hubRuns = hub !== undefined && hub.ready && !hub.deleting;
  const others: NewCondition[] = [
    condition('TargetFound', target === undefined ? 'Unknown' : 'selector' in target, target !== undefined && 'problem' in target ? target.problem : { reason: target === undefined ? 'Resolving' : 'Found', message: targetWords(bridge.spec.target) }),
    condition('ClientOnline', client?.status?.phase === 'Online', clientState(bridge, client)),
    condition('HubRunning', hubRuns, hubRuns ? { reason: 'Running', message: 'The hub runs.' } : hubTrouble(hub)),
    ...(facts.unserved === undefined ? [] : [condition(previewsServed, false, { reason: 'PreviewsNotServed', message: facts.unserved })]),
    condition('PodsAttached', wanted.length > 0 && attached.length === wanted.length, facts.taken ?? attachment(facts, wanted, attached)),
  ];
  const say = (phase: BridgePhase, ready: Problem): Judgement => ({ phase, ready, others });
  if (failed !== undefined) return say('Failed', failed);
  if (bridge.spec.state === 'Draining') return say('Draining', { reason: 'Draining', message: draining(bridge) });
  const forbidden = agentsForbidden(facts, wanted, attached);
  if (forbidden !== undefined) return say('Failed', forbidden);
  if (target === undefined || pods === undefined) return say('Pending', { reason: 'Resolving', message: 'Looking for the pods of the target.' });
  if (!hubRuns) return say('Suspended', hubTrouble(hub));
  if (client?.status?.phase !== 'Online') return say(client?.status?.phase === 'Suspended' ? 'Suspended' : 'Pending', clientState(bridge, client));
  if (wanted.length === 0) return say(pods.some(({ hostNetwork }) => hostNetwork) ? 'Failed' : 'Pending', attachment(facts, wanted, attached));
  if (attached.length < wanted.length) return say('Attaching', attachment(facts, wanted, attached));
  const open = egress === undefined || bridge.status?.pods?.some(({ name, egress: isOpen }) => name === egress.pod && isOpen === true) === true;
  if (!open) return say('Attaching', { reason: 'OpeningEgress', message: `The way out through pod ${egress?.pod ?? 'of the target'} is being opened.` });
  return say('Ready', attachment(facts, wanted, attached));
}

function condition(type: string, status: boolean | 'Unknown', { reason, message }: Problem): NewCondition {
  return { type, status: status === 'Unknown' ? status : status ? 'True' : 'False', reason, message };
}

function clientState({ spec }: Bridge, client: Client | undefined): Problem {
  switch (client?.status?.phase) {
    case 'Online': return { reason: 'Online', message: `The link ${spec.client} is up.` };
    case 'Suspended': return { reason: 'ClientSuspended', message: `The link ${spec.client} of ${spec.owner} is silent (laptop asleep or offline): requests go to the original until it is back.` };
    case 'Gone': return { reason: 'ClientGone', message: `The link ${spec.client} of ${spec.owner} has been silent for too long: its bridges are removed.` };
    case 'Pending':
    case undefined: return { reason: 'ClientPending', message: `The link ${spec.client} has not been up yet.` };
  }
}

function hubTrouble(hub: SystemPod | undefined): Problem {
  const why = hub === undefined ? 'its pod does not exist' : hub.trouble ?? (hub.deleting ? 'its pod is ending' : 'its pod is starting');
  return { reason: 'HubNotRunning', message: `The hub does not run (${why}): requests go to the original until it does.` };
}

function attachment(facts: BridgeFacts, wanted: TargetPod[], attached: TargetPod[]): Problem {
  const { bridge, pods = [] } = facts;
  const text = targetWords(bridge.spec.target);
  if (wanted.length === 0) {
    if (pods.some(({ hostNetwork }) => hostNetwork)) return { reason: 'HostNetwork', message: `The pods of ${text} use their node's network, which cannot be bridged.` };
    return { reason: 'NoPods', message: pods.length > 0 ? `No pod of ${text} has a node yet.` : `${text} has no pods now: they are bridged when they come.` };
  }
  if (attached.length === wanted.length) return { reason: 'PodsAttached', message: `${attached.length} of ${wanted.length} pods attached.` };
  const reasons = new Map<string, string[]>();
  for (const pod of wanted.filter((candidate) => !attached.includes(candidate))) {
    const why = whyNot(facts, pod);
    reasons.set(why, [...reasons.get(why) ?? [], pod.metadata.name]);
  }
  const waiting = [...reasons].map(([why, names]) => `${listed(names)}: ${why}`).join('; ');
  return { reason: 'AttachingPods', message: `${attached.length} of ${wanted.length} pods attached. Waiting for ${waiting}.` };
}

function listed(names: string[]): string {
  return names.length <= namedPods ? names.join(', ') : `${names.slice(0, namedPods).join(', ')} and ${names.length - namedPods} more`;
}

/** No pod can be attached, because the cluster forbids all the agents that would do it. */
function agentsForbidden({ agent, refusal }: BridgeFacts, wanted: TargetPod[], attached: TargetPod[]): Problem | undefined {
  const nodes = [...new Set(wanted.map(({ node }) => node))];
  const [first] = nodes;
  if (first === undefined || attached.length > 0 || nodes.some((node) => agent(node) !== undefined || refusal?.(node) === undefined)) return undefined;
  return {
    reason: 'AgentForbidden',
    message: `The cluster forbids podbridge's agent on ${listed(nodes)}, and without it no pod can be bridged: ${refusal?.(first)}. An administrator can exempt namespace ${systemNamespace} from that policy; what agents need and why stands in docs/security.md.`,
  };
}

function whyNot({ bridge, agent, refusal }: BridgeFacts, pod: TargetPod): string {
  const message = entryOf(bridge, pod)?.message;
  if (message !== undefined && message !== '') return message;
  const runs = agent(pod.node);
  const forbidden = runs === undefined ? refusal?.(pod.node) : undefined;
  if (forbidden !== undefined) return `the cluster forbids the agent on ${pod.node}: ${forbidden}`;
  if (runs === undefined) return `no agent on ${pod.node} yet`;
  return runs.trouble === undefined ? `agent on ${pod.node} ${runs.ready ? 'attaches it' : 'is starting'}` : `agent on ${pod.node}: ${runs.trouble}`;
}

function draining(bridge: Bridge): string {
  const left = bridge.status?.pods?.length ?? 0;
  return left === 0 ? 'All open requests have ended.' : `Open requests end in ${left} ${left === 1 ? 'pod' : 'pods'}.`;
}

function entryOf(bridge: Bridge, pod: TargetPod): BridgePod | undefined {
  return bridge.status?.pods?.find(({ name }) => name === pod.metadata.name);
}

/**
 * An entry counts only as long as the agent that wrote it lives: a dead one's rules are not in force any more. Readiness probes are not asked:
 * on a starved node they fail although requests are served.
 */
function isAttached(entry: BridgePod | undefined, facts: BridgeFacts): boolean {
  return entry !== undefined && entry.ready && isByLivingAgent(entry, facts) && facts.agent(entry.node)?.down !== true;
}

/** A container that is started again goes on with what it had: the way out of a bridge does not move to another pod for that. */
function isByLivingAgent(entry: BridgePod, { agent }: BridgeFacts): boolean {
  const address = agent(entry.node)?.address;
  return address !== undefined && entry.agent.startsWith(`${address}:`);
}
