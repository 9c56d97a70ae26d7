/** The Bridge object that a run asks the cluster for. */
import { apiGroup, groupVersion, labels, managedBy, unclaimedAnnotation } from '../../protocol/names.ts';
import type { Bridge, BridgePort, BridgeTarget } from '../../protocol/objects.ts';
import type { BridgeRef } from '../../protocol/heartbeat.ts';
import { refusedPolicy, type Limit } from '../../protocol/policy.ts';
import type { Rule } from '../../protocol/rule.ts';
import type { Traffic } from '../../protocol/traffic.ts';
import { resources, type Cluster } from '../adapters/cluster/index.ts';
import { BridgeError, isBridgeError } from '../errors.ts';
import { timing } from '../timing.ts';
import { version } from '../version.ts';

export interface BridgeRequest {
  ref: BridgeRef;
  owner: string;
  client: string;
  target: BridgeTarget;
  ports: BridgePort[];
  rules: Rule[];
  /** No {@link servedByHeader} in responses. */
  hideServedBy: boolean;
  takeOver?: boolean;
  egress?: 'hub' | 'pod';
  /** `--lifetime`. */
  lifetime?: string;
  traffic?: Traffic;
}

export function bridgeObject({ ref, owner, client, target, ports, rules, hideServedBy, takeOver, egress, lifetime, traffic }: BridgeRequest): Bridge {
  return {
    apiVersion: groupVersion, kind: 'Bridge',
    metadata: { name: ref.name, namespace: ref.namespace, labels: { [labels.managedBy]: managedBy, [labels.link]: client, [labels.version]: version }, annotations: { [unclaimedAnnotation]: String(timing.bridgeClaimLimitMs / 1000) } },
    spec: {
      owner, client, target, ports, state: 'Active', ...(rules.length === 0 ? {} : { rules }), ...(hideServedBy ? { servedBy: false } : {}), ...(takeOver === true ? { takeOver: true } : {}),
      ...(egress === 'pod' ? { egress } : {}), ...(lifetime === undefined ? {} : { lifetime }), ...traffic,
    },
  };
}

/** Throws `bridge-exists` when the name is taken. */
export async function createBridge(cluster: Cluster, request: BridgeRequest): Promise<Bridge> {
  try {
    return await cluster.create(bridgeObject(request));
  } catch (error) {
    if (isBridgeError(error) && error.facts.code === 'cluster-denied') throw refusedByPolicy(error, request.ref.namespace) ?? error;
    if (!isBridgeError(error) || error.facts.code !== 'cluster-already-exists') throw error;
    const { name, namespace } = request.ref;
    const existing = await cluster.find<Bridge>(resources.Bridge, name, namespace);
    throw bridgeExists(request.ref, existing, request.owner, error);
  }
}

const policyAdvice: Record<Limit, string> = {
  'require-rule': 'choose your requests: --mark ID, --header or --path', 'forbidden-targets': 'name another target', 'max-lifetime': '--lifetime with a time that is allowed', 'allowed-modes': '--mode with one that is allowed',
};

/** What the platform team allows in the cluster or the namespace, and whom to ask; undefined for other refusals. */
function refusedByPolicy(error: BridgeError, namespace: string): BridgeError | undefined {
  const refused = refusedPolicy(error.facts.why ?? '');
  if (refused === undefined) return undefined;
  const { policy, readable, words } = refused;
  if (!readable) {
    return new BridgeError({
      kind: 'refused', code: 'policy-refused', what: `the policy ${policy} of namespace ${namespace} cannot be read, so it allows no bridge`, why: words, next: `ask the platform team to correct the annotation of namespace ${namespace}`, cause: error,
    });
  }
  return new BridgeError({ kind: 'refused', code: 'policy-refused', what: `the policy ${policy} of ${refused.place === 'cluster' ? 'this cluster' : `namespace ${namespace}`} does not allow this bridge`, why: words, next: policyAdvice[policy], cause: error });
}

/** From now on something else sees to its end: a lifeline, or the user. */
export async function claimBridge(cluster: Cluster, { namespace, name }: BridgeRef): Promise<void> {
  await cluster.patch<Bridge>(resources.Bridge, name, { metadata: { annotations: { [unclaimedAnnotation]: null } } }, { namespace });
}

export function bridgeExists(ref: BridgeRef, existing: Bridge | undefined, owner: string, cause?: unknown): BridgeError {
  const mine = existing === undefined || existing.spec.owner === owner;
  return new BridgeError({
    kind: 'refused', code: 'bridge-exists', what: `there is a bridge ${ref.name} in namespace ${ref.namespace} already`,
    why: mine ? 'an earlier `bridge run` still runs, or was detached' : `it belongs to ${existing.spec.owner}`,
    next: mine ? `bridge stop ${ref.name} -n ${ref.namespace}  (or give this one another name with --name)` : 'give yours another name with --name', cause,
  });
}

/** `kubectl get bridges.podbridge.dev api-ann -n shop -o yaml` */
export function showBridgeLine(cluster: Cluster, { namespace, name }: BridgeRef): string {
  return `${cluster.context.kubectl} get bridges.${apiGroup} ${name} -n ${namespace} -o yaml`;
}
