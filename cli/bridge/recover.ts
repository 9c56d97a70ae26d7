/**
 * Finds what crashes have left, by label, and removes it: containers and bridges whose other half is gone, networks and volumes
 * of links without cargo, the link's own object in the cluster. Safe at any time: what somebody is just making is held by a
 * lock, a lifeline, or the claim that its maker has not given up yet.
 */
import type { BridgeRef } from '../../protocol/heartbeat.ts';
import { labels, systemNamespace, unclaimedAnnotation } from '../../protocol/names.ts';
import type { Bridge } from '../../protocol/objects.ts';
import { resources, type Cluster } from '../adapters/cluster/index.ts';
import type { Docker } from '../adapters/docker/index.ts';
import type { Host } from '../host.ts';
import { openRunningControl, type Control } from '../link/control-client.ts';
import { bridgesOfLink } from '../link/disconnect-link.ts';
import { withLinkLock } from '../lock.ts';
import { takeDownLink } from '../link/take-down.ts';
import { timing } from '../timing.ts';
import { endBridge } from './end-bridge.ts';
import { sweepLeftovers } from './sweep.ts';

export interface Recovered {
  containers: string[];
  bridges: BridgeRef[];
  networks: string[];
  volumes: string[];
  /** Client objects. */
  clients: string[];
  /** Bridges without a container here that somebody may still be starting. */
  left: BridgeRef[];
}

/** Links of which something is here, but neither cargo nor a container that might still be wanted. */
async function linksWithoutCargo(docker: Docker): Promise<string[]> {
  const [containers, networks, volumes] = await Promise.all([docker.containers.list({ [labels.link]: '' }), docker.networks.list({ [labels.link]: '' }), docker.volumes.list({ [labels.link]: '' })]);
  const living = new Set(containers.map((container) => container.labels[labels.link]));
  return [...new Set([...networks, ...volumes].flatMap((object) => object.labels[labels.link] ?? []))].filter((link) => !living.has(link));
}

/** The laptop's side alone; needs no cluster. */
export async function recoverHere(docker: Docker): Promise<Pick<Recovered, 'networks' | 'volumes'>> {
  const removed = await Promise.all((await linksWithoutCargo(docker)).map((link) => withLinkLock(link, async () => {
    // Somebody may have made it whole while we waited.
    if (!(await linksWithoutCargo(docker)).includes(link)) return undefined;
    return takeDownLink({ docker, link });
  })));
  return { networks: removed.flatMap((each) => each?.networks ?? []), volumes: removed.flatMap((each) => each?.volumes ?? []) };
}

export interface RecoverRequest {
  docker: Docker;
  cluster: Cluster;
  host: Pick<Host, 'process'>;
  link: string;
  /** Ends waiting for open requests. */
  force: AbortSignal;
  now: number;
}

export async function recover({ docker, cluster, host, link, force, now }: RecoverRequest): Promise<Recovered> {
  const containers = (await sweepLeftovers(docker, cluster, host)).map(({ name }) => name);
  const { bridges, left } = await endOrphans({ docker, cluster, link, force, now });
  const here = await recoverHere(docker);
  return { containers, bridges, ...here, clients: await forgetClient(docker, cluster, link), left };
}

async function withCargo<T>(docker: Docker, link: string, ask: (control: Control) => Promise<T>): Promise<T | undefined> {
  const control = (await openRunningControl(docker, link))?.control;
  if (control === undefined) return undefined;
  try {
    return await ask(control);
  } finally {
    control.close();
  }
}

/** Bridges of this link whose container is not here, and that nobody is just making. */
async function endOrphans({ docker, cluster, link, force, now }: Omit<RecoverRequest, 'host'>): Promise<Pick<Recovered, 'bridges' | 'left'>> {
  // In this order: whoever holds a lifeline makes his container only then, and lets go of it only when it is there.
  const refs = await bridgesOfLink(docker, cluster, link);
  if (refs.length === 0) return { bridges: [], left: [] };
  const sessions = await withCargo(docker, link, async (control) => (await control.call('status', {}, timing.cargoLastWordsTimeoutMs)).sessions).catch(() => undefined) ?? [];
  const uids = new Set((await docker.containers.list({ [labels.link]: link, [labels.role]: 'app' })).map((container) => container.labels[labels.bridgeUid]));
  const alone = (await Promise.all(refs.map(async (ref) => {
    const bridge = await cluster.find<Bridge>(resources.Bridge, ref.name, ref.namespace);
    return bridge === undefined || uids.has(bridge.metadata.uid) ? [] : [{ ref, orphan: isOrphan(bridge, { uids, sessions, now }) }];
  }))).flat();
  const orphans = alone.filter(({ orphan }) => orphan).map(({ ref }) => ref);
  await Promise.all(orphans.map((ref) => endBridge(cluster, ref, link, force)));
  await withCargo(docker, link, async (control) => {
    for (const bridge of orphans) await control.call('unforward', { bridge });
  }).catch(() => undefined);
  return { bridges: orphans, left: alone.filter(({ orphan }) => !orphan).map(({ ref }) => ref) };
}

/** Exported for tests. An unclaimed one is its maker's, or the controller removes it within a minute. */
export function isOrphan({ metadata }: Bridge, { uids, sessions, now }: { uids: ReadonlySet<string | undefined>; sessions: readonly BridgeRef[]; now: number }): boolean {
  if (uids.has(metadata.uid) || sessions.some(({ namespace, name }) => namespace === metadata.namespace && name === metadata.name)) return false;
  return metadata.annotations?.[unclaimedAnnotation] === undefined && now - Date.parse(metadata.creationTimestamp ?? '') > timing.bridgeClaimLimitMs;
}

/** The Client of a link that this machine has nothing of any more. */
async function forgetClient(docker: Docker, cluster: Cluster, link: string): Promise<string[]> {
  return withLinkLock(link, async () => {
    if ((await docker.containers.list({ [labels.link]: link })).length > 0) return [];
    return await cluster.delete(resources.Client, link, { namespace: systemNamespace }) ? [link] : [];
  });
}

export function recoveredText({ containers, bridges, networks, volumes, clients, left }: Recovered): string {
  const lines = [
    ...containers.map((name) => `container ${name}`), ...bridges.map(({ namespace, name }) => `bridge ${namespace}/${name}`),
    ...networks.map((name) => `network ${name}`), ...volumes.map((name) => `volume ${name}`), ...clients.map((name) => `link ${name} in the cluster`),
  ];
  const removed = lines.length === 0 ? (left.length === 0 ? 'Nothing was left behind.' : 'Nothing was removed.') : `Removed:\n${lines.map((line) => `  ${line}`).join('\n')}`;
  const waits = left.map(({ namespace, name }) => `  bridge ${namespace}/${name}; at once: bridge stop ${name} -n ${namespace}`);
  return left.length === 0 ? removed : [
    removed, 'Left alone, without a container here, because a command that is just starting may be making it (for a minute):', ...waits, '  later: bridge recover',
  ].join('\n');
}
