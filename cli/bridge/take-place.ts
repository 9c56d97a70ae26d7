/** The place of a pod, without a container in it yet: target, link, bridge, and what the pod has. What does not depend on each other is done side by side. */
import type { Identity } from '../../protocol/identity.ts';
import { systemNamespace } from '../../protocol/names.ts';
import type { Client } from '../../protocol/objects.ts';
import { resources, type Cluster } from '../adapters/cluster/index.ts';
import { findLinkName } from '../link/connect-link.ts';
import type { Steps } from '../steps/steps.ts';
import { describeTarget, type TargetRef } from '../target/parse-target.ts';
import { resolveTarget, type ResolvedTarget } from '../target/resolve-target.ts';
import { timing } from '../timing.ts';
import { bringFiles, sessionLabels, type BroughtFiles } from '../volumes/bring.ts';
import { wantsLive } from '../volumes/wants-live.ts';
import type { ContainerOrigin } from './app-container.ts';
import { attach, type Attached } from './attach.ts';
import { claimBridge } from './bridge-object.ts';
import type { BridgeWatch } from './bridge-watch.ts';
import { fetchIdentity } from './identity.ts';
import type { UsableLink } from './needs.ts';
import { defaultBridgeName, defaultContainerName } from './owner-slug.ts';
import type { RunParts, RunRequest } from './run-request.ts';
import { podsOf, type RunSummary } from './summary.ts';
import { sessionOf } from './sweep.ts';
import { toldTreatment } from './taken-words.ts';
import { trafficFor } from './traffic.ts';

export interface Place {
  namespace: string;
  /** Of bridge and container. */
  name: string;
  link: UsableLink;
  /** All absent without a target; the files also when none are wanted. */
  target: ResolvedTarget | undefined;
  bridged: Attached | undefined;
  identity: Identity | undefined;
  files: BroughtFiles | undefined;
}

/** What the container gets of the pod; absent without a target. */
export function originOf({ name, target, bridged, identity }: Place): ContainerOrigin | undefined {
  if (bridged === undefined || identity === undefined || target === undefined) return undefined;
  return { bridge: name, bridgeUid: bridged.bridge.metadata.uid ?? '', identity, podContainer: target.container };
}

/** A container in this place, as it stands now. */
export function summaryOf({ namespace, name, target, bridged, link }: Place, more: Pick<RunSummary, 'container' | 'rules' | 'published'>, nowMs: number): RunSummary {
  const bridge = bridged?.watch.current;
  return {
    bridge: bridged === undefined ? null : { namespace, name }, container: more.container,
    target: target === undefined ? null : { ...target.ref, container: target.container.name },
    ports: target?.ports ?? [], rules: more.rules, ...toldTreatment(bridge?.spec ?? {}), published: more.published, pods: bridge === undefined ? [] : podsOf(bridge),
    link: { client: link.client, transport: link.transport }, elapsedMs: Math.round(nowMs),
  };
}

/** Marks a promise that is awaited later, so that its failure meanwhile is not an unhandled one. */
export function later<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

function portWords({ container, ports }: ResolvedTarget): string {
  const list = ports.map(({ port, protocol }) => `${port}${protocol === 'UDP' ? '/udp' : ''}`).join(', ');
  return `container ${container.name}, ${ports.length === 0 ? 'no ports' : `port${ports.length === 1 ? '' : 's'} ${list}`}`;
}

/** A number is taken as it is, since what a container declares is only a hint; but it may be a slip. */
export function undeclaredPorts({ ref, container, ports }: Pick<ResolvedTarget, 'ref' | 'container' | 'ports'>): { code: string; text: string; next: string }[] {
  const declared = (container.ports ?? []).map(({ containerPort }) => containerPort);
  const strange = ports.filter(({ port }) => declared.length > 0 && !declared.includes(port)).map(({ port }) => port);
  if (strange.length === 0) return [];
  return [{ code: 'port-undeclared', text: `container ${container.name} of ${describeTarget(ref)} does not declare port ${strange.join(', ')} (it declares ${declared.join(', ')}): if nothing in the pod is asked there, no request will come`, next: `--port ${declared[0]!}:${strange[0]!}, when your program listens on ${strange[0]!}` }];
}

/** As soon as the Client is there (it long is, with a warm link) the Bridge may be made, and agents begin their part while the link comes up. */
async function clientExists(cluster: Cluster, client: string, linked: Promise<UsableLink>, signal: AbortSignal): Promise<void> {
  const enough = new AbortController();
  const seen = cluster.until<Client>(resources.Client, client, (object) => object !== undefined, { namespace: systemNamespace, timeoutMs: timing.clientSeenTimeoutMs, signal: AbortSignal.any([signal, enough.signal]) });
  try {
    // Where the kind or the right to watch is missing, the link says what is wrong, or makes it right.
    await Promise.race([linked, seen.catch(() => linked)]);
  } finally {
    enough.abort();
  }
}

/** A bridge that is to be kept whatever happens has no lifeline. */
async function hold(cluster: Cluster, { control }: UsableLink, { watch: { ref }, bridge: { metadata: { uid } } }: Attached, retain: boolean): Promise<void> {
  if (!retain) await control.call('lifeline', { bridge: { ...ref, uid } });
  await claimBridge(cluster, ref);
}

function identify(watch: BridgeWatch, link: UsableLink, steps: Steps): Promise<Identity> {
  return steps.run({
    id: 'identity', title: 'Environment of the pod',
    act: ({ signal, waiting }) => fetchIdentity({ watch, control: link.control, signal, waiting }), detail: (identity) => `pod ${identity.pod.name}`,
  });
}

/** What does not go with the target is told before anything is made. Throws as resolveTarget does. */
export async function targetOf(request: RunRequest, ref: TargetRef, namespace: string, cluster: Cluster): Promise<ResolvedTarget> {
  const resolved = await resolveTarget(cluster, { ref, namespace, container: request.container, ports: request.ports, withRules: request.rules.length > 0 || request.traffic?.mode === 'mirror' });
  trafficFor(request.traffic ?? {}, resolved);
  return resolved;
}

/** Targets of several requests, asked for beforehand, so that what is wrong with them can be told at once. */
export function targetsOf(requests: readonly RunRequest[], cluster: Cluster): Promise<PromiseSettledResult<unknown>[]> {
  return Promise.allSettled(requests.map(async (request) => (request.target === undefined ? undefined : targetOf(request, request.target, request.namespace ?? cluster.context.namespace, cluster))));
}

/**
 * The bridge is made early, so that agents start while everything else is made. From then to the end of this process, or until it is
 * released, cargo ends it should we die.
 */
export async function takePlace(request: RunRequest, parts: Pick<RunParts, 'host' | 'reporter' | 'docker' | 'cluster' | 'openLink' | 'sweep'>, steps: Steps): Promise<Place> {
  const { host } = parts;
  const [docker, cluster] = await Promise.all([parts.docker(), parts.cluster()]);
  const namespace = request.namespace ?? cluster.context.namespace;
  const { target: ref } = request;

  const swept = later(parts.sweep(docker, cluster, host, parts.reporter));
  const linked = later(parts.openLink(docker, cluster, steps));
  const named = later(findLinkName(docker, cluster));
  const target = ref === undefined ? undefined : await steps.run({
    id: 'target', title: `Target ${describeTarget(ref)} in ${namespace}`,
    act: () => targetOf(request, ref, namespace, cluster),
    detail: portWords,
  });
  for (const warning of target === undefined || request.ports.length === 0 ? [] : undeclaredPorts(target)) parts.reporter.emit({ type: 'warning', ...warning, at: host.now() });
  const { name: client, owner } = await named;
  const name = request.name ?? (request.base !== undefined ? defaultBridgeName(request.base, owner) : ref === undefined ? defaultContainerName(request.flags.image, owner) : defaultBridgeName(ref.name, owner));

  let bridged: Attached | undefined;
  if (target !== undefined) {
    await clientExists(cluster, client, linked, steps.signal);
    bridged = await attach({ request, egress: request.flags.egress, cluster, client, owner, link: linked, target, name, steps });
  }
  const link = await linked;
  const held = bridged === undefined ? undefined : later(hold(cluster, link, bridged, request.flags.retain));
  const identified = bridged === undefined ? undefined : later(identify(bridged.watch, link, steps));
  const brought = bridged === undefined || target === undefined || request.volumes.none ? undefined : later(bringFiles({
    docker, steps, reporter: parts.reporter, now: () => host.now(), link, watch: bridged.watch, bridgeUid: bridged.bridge.metadata.uid ?? '', modes: request.volumes.modes, ownBinds: request.flags.binds,
    expects: { any: target.mountsToken || Object.keys(target.volumes).length > 0, live: wantsLive(target.volumes, request.volumes.modes) }, more: sessionLabels({ ...request.flags, session: sessionOf(host) }),
  }));
  const [identity, , , files] = await Promise.all([identified, swept, held, brought]);
  return { namespace, name, link, target, bridged, identity, files };
}
