/** How far a Bridge is, in words, and when it is ready or has failed. */
import { collisionReasons, labels, names, systemNamespace } from '../../protocol/names.ts';
import { refOfObject } from '../../protocol/heartbeat.ts';
import type { Bridge } from '../../protocol/objects.ts';
import { resources, type Cluster, type KubeObject } from '../adapters/cluster/index.ts';
import { BridgeError } from '../errors.ts';
import { showBridgeLine } from './bridge-object.ts';

interface AgentPod extends KubeObject {
  spec?: { nodeName?: string };
  status?: { phase?: string; conditions?: { type: string; status: string; reason?: string; message?: string }[]; containerStatuses?: { state?: { waiting?: { reason?: string; message?: string } } }[] };
}

/** What stands in the way: Ready says it in one sentence, the other conditions are about parts. */
function trouble(bridge: Bridge): string | undefined {
  const against = (bridge.status?.conditions ?? []).filter(({ status, message }) => status === 'False' && message !== '');
  return (against.find(({ type }) => type === 'Ready') ?? against[0])?.message;
}

/** Attached pods as the controller counts them. */
export function attached(bridge: Bridge): { ready: number; desired: number | undefined } {
  return { ready: (bridge.status?.pods ?? []).filter((pod) => pod.ready).length, desired: bridge.status?.desiredPods };
}

export function progressWords(bridge: Bridge | undefined): string {
  if (bridge === undefined) return 'the bridge to appear';
  const { ready, desired } = attached(bridge);
  if (desired === undefined) return 'the controller to find the pods';
  if (bridge.status?.phase === 'Suspended') return 'the link: the hub hears nothing of this machine';
  const waitingPod = (bridge.status?.pods ?? []).find((pod) => !pod.ready && pod.message !== undefined);
  const count = `pods, ${ready} of ${desired} attached`;
  return waitingPod === undefined ? count : `${count}; ${waitingPod.name}: ${waitingPod.message}`;
}

/** Throws when another bridge has the requests that this one claims. */
export function failIfLost(bridge: Bridge | undefined): void {
  const ready = bridge?.status?.conditions?.find(({ type }) => type === 'Ready');
  if (bridge?.status?.phase !== 'Failed' || ready === undefined || !(Object.values(collisionReasons) as string[]).includes(ready.reason)) return;
  throw new BridgeError({
    kind: 'refused', code: 'requests-taken', what: `the requests that bridge ${bridge.metadata.name} asks for belong to another`, why: ready.message,
    next: ready.reason === collisionReasons.takenBySilent ? 'repeat the command with --take-over' : 'bridge run ... --mark ANOTHER',
  });
}

/** True when every pod is attached. Throws when the bridge has failed or was deleted by somebody. */
export function isReady(bridge: Bridge | undefined, everSeen: boolean): boolean {
  if (bridge === undefined) {
    if (!everSeen) return false;
    throw new BridgeError({ kind: 'environment', code: 'bridge-gone', what: 'the bridge was deleted while it was being made', why: 'somebody stopped it, or its client was removed', next: 'bridge list' });
  }
  failIfLost(bridge);
  if (bridge.status?.phase === 'Failed') {
    throw new BridgeError({
      kind: 'environment', code: 'bridge-failed', what: `the cluster could not make the bridge ${bridge.metadata.name}`, ...(trouble(bridge) === undefined ? {} : { why: trouble(bridge) }),
      next: `kubectl describe bridges.podbridge.dev ${bridge.metadata.name} -n ${bridge.metadata.namespace ?? ''}`,
    });
  }
  return bridge.status?.phase === 'Ready';
}

/** Why an agent does not start: a bare pod that is Pending says it in its conditions. undefined when all run, or may not be seen. */
export async function agentTrouble(cluster: Cluster): Promise<string | undefined> {
  try {
    const { items } = await cluster.list<AgentPod>(resources.Pod, { namespace: systemNamespace, labelSelector: `${labels.component}=${names.agent}` });
    for (const pod of items) {
      if (pod.status?.phase === 'Running') continue;
      const waiting = pod.status?.containerStatuses?.find((status) => status.state?.waiting?.reason !== undefined && status.state.waiting.reason !== 'ContainerCreating')?.state?.waiting;
      const condition = pod.status?.conditions?.find((candidate) => candidate.status === 'False' && candidate.message !== undefined && candidate.message !== '' && candidate.type !== 'Ready' && candidate.type !== 'ContainersReady');
      const reason = waiting === undefined ? condition?.message : [waiting.reason, waiting.message].filter((part) => part !== undefined).join(': ');
      if (reason !== undefined) return `the agent on ${pod.spec?.nodeName ?? 'a node'} does not start: ${reason}`;
    }
  } catch {
    // Only the hint is lost: the bridge's own state is told anyway.
  }
  return undefined;
}

export async function notReady(cluster: Cluster, bridge: Bridge | undefined, error: BridgeError): Promise<BridgeError> {
  const agent = await agentTrouble(cluster);
  const why = agent ?? (bridge === undefined ? undefined : (trouble(bridge) ?? bridge.status?.pods?.find((pod) => !pod.ready && pod.message !== undefined)?.message)) ?? error.facts.why;
  return new BridgeError({ ...error.facts, ...(why === undefined ? {} : { why }), ...(bridge === undefined ? {} : { next: showBridgeLine(cluster, refOfObject(bridge)) }) });
}
