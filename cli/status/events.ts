/** What has happened, from two looks at the state: nothing has to be watched for it, and nothing is missed that lasts. */
import { labels } from '../../protocol/names.ts';
import type { StatusBridge, StatusContainer, StatusEvent, StatusSnapshot } from './snapshot.ts';

type State = Pick<StatusSnapshot, 'at' | 'link' | 'bridges' | 'containers'>;

export const mostEvents = 100;

function severityOf(phase: string): StatusEvent['severity'] {
  return phase === 'Failed' ? 'error' : phase === 'Suspended' ? 'warning' : 'info';
}

const keyOf = ({ namespace, name }: { namespace: string; name: string }) => `${namespace}/${name}`;

function bridgeEvents(before: StatusBridge | undefined, now: StatusBridge | undefined, at: string): StatusEvent[] {
  const subject = `bridge ${keyOf((now ?? before)!)}`;
  if (now === undefined) return [{ at, severity: 'info', subject, text: 'ended' }];
  if (before === undefined || before.created !== now.created) return [{ at, severity: severityOf(now.phase), subject, text: `${now.phase}: ${now.message}` }];
  if (before.phase !== now.phase) return [{ at, severity: severityOf(now.phase), subject, text: `${now.phase}: ${now.message}` }];
  if (before.serving !== now.serving && now.serving !== null) {
    return [{ at, severity: now.serving ? 'info' : 'warning', subject, text: now.serving ? 'the container answers: requests come to it' : 'the container does not answer: requests go to the pods' }];
  }
  const attached = (bridge: StatusBridge) => bridge.pods.filter(({ ready }) => ready).length;
  if (attached(before) !== attached(now) || before.desiredPods !== now.desiredPods) return [{ at, severity: 'info', subject, text: `${attached(now)} of ${now.desiredPods ?? '?'} pods attached` }];
  return [];
}

function containerEvents(before: StatusContainer | undefined, now: StatusContainer | undefined, at: string): StatusEvent[] {
  const subject = `container ${(now ?? before)!.name}`;
  if (now === undefined) return [{ at, severity: 'info', subject, text: 'removed' }];
  if (before?.state === now.state && before.id === now.id) return [];
  return [{ at, severity: now.state === 'running' || now.state === 'created' ? 'info' : 'warning', subject, text: before !== undefined && before.id !== now.id ? `replaced: ${now.state}` : now.state }];
}

function linkEvents(before: State, now: State): StatusEvent[] {
  const { state, transport, endpoint } = now.link;
  const words = { up: `up over ${transport} (${endpoint})`, silent: 'the cluster does not answer: requests go to the pods', down: 'down' };
  if (before.link.state !== state || (state === 'up' && before.link.endpoint !== endpoint)) return [{ at: now.at, severity: state === 'up' ? 'info' : 'warning', subject: 'link', text: words[state] }];
  return [];
}

function pairs<T>(before: readonly T[], now: readonly T[], key: (item: T) => string): [T | undefined, T | undefined][] {
  const keys = new Set([...before.map(key), ...now.map(key)]);
  return [...keys].map((each) => [before.find((item) => key(item) === each), now.find((item) => key(item) === each)]);
}

export function changes(before: State, now: State): StatusEvent[] {
  return [
    ...linkEvents(before, now),
    ...pairs(before.bridges, now.bridges, keyOf).flatMap(([old, fresh]) => bridgeEvents(old, fresh, now.at)),
    ...pairs(before.containers, now.containers, ({ name }) => name).flatMap(([old, fresh]) => containerEvents(old, fresh, now.at)),
  ];
}

/** What objects remember of the time before the first look. */
export function past(bridges: readonly { metadata: { namespace?: string; name: string; creationTimestamp?: string }; status?: { phase?: string; conditions?: { type: string; message: string; lastTransitionTime: string }[]; pods?: { name: string; node: string; since: string; ready: boolean }[] } }[]): StatusEvent[] {
  const events = bridges.flatMap(({ metadata, status }): StatusEvent[] => {
    const subject = `bridge ${metadata.namespace ?? ''}/${metadata.name}`;
    const ready = status?.conditions?.find(({ type }) => type === 'Ready');
    return [
      ...(metadata.creationTimestamp === undefined ? [] : [{ at: metadata.creationTimestamp, severity: 'info' as const, subject, text: 'created' }]),
      ...(status?.pods ?? []).filter((pod) => pod.ready).map((pod) => ({ at: pod.since, severity: 'info' as const, subject, text: `pod ${pod.name} attached on ${pod.node}` })),
      ...(ready === undefined ? [] : [{ at: ready.lastTransitionTime, severity: severityOf(status?.phase ?? ''), subject, text: `${status?.phase ?? ''}: ${ready.message}` }]),
    ];
  });
  return events.sort((a, b) => Date.parse(a.at) - Date.parse(b.at)).slice(-mostEvents);
}

/** Label of a container that stands for a bridge. */
export function bridgeOf(container: { labels: Record<string, string> }): string | null {
  const [name, namespace] = [container.labels[labels.bridge], container.labels[labels.namespace]];
  return name === undefined || namespace === undefined || container.labels[labels.bridgeUid] === undefined ? null : `${namespace}/${name}`;
}
