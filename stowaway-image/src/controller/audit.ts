/** Events on the target of a bridge: who has bridged it, what and when. `kubectl describe deploy/api` and `kubectl get events` show them, as long as the cluster keeps events. */
import { names } from '../../../protocol/names.ts';
import type { Bridge, BridgeTarget } from '../../../protocol/objects.ts';
import { parseResource } from '../../../protocol/target.ts';
import { timestamp } from '../conditions.ts';
import type { KubeObject } from '../kube/index.ts';
import { modeWords } from '../../../protocol/traffic.ts';

export interface AuditEvent extends KubeObject {
  involvedObject: { apiVersion: string; kind: string; namespace: string; name: string; uid?: string };
  type: 'Normal';
  reason: string;
  message: string;
  source: { component: string };
  firstTimestamp: string;
  lastTimestamp: string;
  count: number;
}

const apiVersions: Record<string, string> = { Pod: 'v1', Service: 'v1', Job: 'batch/v1' };

function apiVersionOf({ kind, resource }: BridgeTarget): string {
  if (resource === undefined) return apiVersions[kind] ?? 'apps/v1';
  const { group, version } = parseResource(resource);
  return `${group}/${version}`;
}

/** A bridge without ports only reads the environment (and files); a tap only looks. */
function kindOf({ mode, ports }: Bridge['spec']): { reason: string; verb: string; ended: string } {
  if (ports.length === 0) return { reason: 'IdentityTaken', verb: 'takes the environment and files of', ended: 'IdentityReleased' };
  if (mode === 'tap') return { reason: 'Tapped', verb: 'watches requests of', ended: 'TapEnded' };
  if (mode === 'mirror') return { reason: 'Mirrored', verb: 'gets copies of requests of', ended: 'MirrorEnded' };
  return { reason: 'Bridged', verb: 'bridges', ended: 'BridgeEnded' };
}

/** One for the beginning and one for the end of each incarnation of a bridge: their names are fixed, so nothing is told twice. @param uid of the target, so that `kubectl describe` finds the event. @param from whose requests it has taken over */
export function auditEvent({ metadata, spec, status }: Bridge, what: 'begun' | 'ended', uid: string | undefined, now: Date, from: readonly Bridge[] = []): AuditEvent {
  const { name, namespace = '', uid: own = '' } = metadata;
  const { kind, name: target } = spec.target;
  const { reason, verb, ended } = kindOf(spec);
  const { target: text = target, ports = '', match = 'all' } = status?.summary ?? {};
  // What is done with them, the verb says.
  const said = modeWords[spec.mode ?? 'steal'];
  const requests = spec.ports.length === 0 ? '' : `, port ${ports}: ${match.startsWith(said) ? match.slice(said.length) : match}`;
  const taken = from.length === 0 ? '' : `, taken over from ${from.map((other) => `bridge ${other.metadata.name} of ${other.spec.owner}`).join(', ')}, whose link was silent`;
  const at = timestamp(now);
  return {
    metadata: { name: `${name}.${own.slice(0, 8)}.${what}`, namespace },
    involvedObject: { apiVersion: apiVersionOf(spec.target), kind, namespace, name: target, ...(uid === undefined ? {} : { uid }) },
    type: 'Normal', reason: what === 'begun' ? reason : ended,
    message: what === 'begun' ? `${spec.owner} ${verb} ${text}${requests} (bridge ${name})${taken}.` : `Bridge ${name} of ${spec.owner} has ended${requests}.`,
    source: { component: names.controller }, firstTimestamp: at, lastTimestamp: at, count: 1,
  };
}
