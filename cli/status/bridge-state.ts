/** A Bridge object in the words of a status. */
import type { Bridge } from '../../protocol/objects.ts';
import { curlWords } from '../bridge/summary.ts';
import { toldTreatment } from '../bridge/taken-words.ts';
import type { StatusBridge } from './snapshot.ts';

/** `curl -H 'baggage: bridge=ann' http://`, for a path `http://.../view`; null when the rules cannot be put into a command. */
export function curlLine(bridge: Pick<Bridge, 'spec'>): string | null {
  const { rules = [], ports } = bridge.spec;
  if (!ports.some(({ protocol }) => protocol === 'TCP')) return null;
  const words = rules.length === 0 ? ['http://'] : curlWords(rules, '');
  return words === undefined ? null : ['curl', ...words].join(' ');
}

export function servingOf(bridge: Pick<Bridge, 'status'>): boolean | null {
  const known = (bridge.status?.pods ?? []).flatMap(({ serving }) => (serving === undefined ? [] : [serving]));
  return known.length === 0 ? null : known.some((serving) => serving);
}

export function bridgeState(bridge: Bridge, container: string | null): Omit<StatusBridge, 'requests'> {
  const { metadata, spec, status } = bridge;
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  const serving = servingOf(bridge);
  const deaf = status?.phase === 'Ready' && serving === false;
  return {
    namespace: metadata.namespace ?? '', name: metadata.name, target: spec.target, ports: spec.ports, rules: spec.rules ?? [], ...toldTreatment(spec),
    phase: status?.phase ?? 'Pending', reason: deaf ? 'NotListening' : (ready?.reason ?? 'Resolving'),
    message: deaf ? `Nothing listens on port ${[...new Set(spec.ports.map(({ local }) => local))].join(', ')} of the container: requests go to the pods.` : (ready?.message ?? 'The controller has not seen it yet.'),
    pods: (status?.pods ?? []).map(({ name, node, ready: attached, serving: serves, message, frozen }) => ({ name, node, ready: attached, serving: serves ?? null, message: message ?? null, ...(frozen === undefined ? {} : { frozen }) })),
    desiredPods: status?.desiredPods ?? null, serving, container, created: metadata.creationTimestamp ?? null, curl: curlLine(bridge),
  };
}
