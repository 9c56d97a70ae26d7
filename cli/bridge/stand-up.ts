/**
 * Makes all that a run needs. What does not depend on each other is done side by side: the link, the target, the image;
 * then the bridge, early, so that agents start while the container is made.
 */
import type { BridgeRef } from '../../protocol/heartbeat.ts';
import type { Identity } from '../../protocol/identity.ts';
import { systemNamespace } from '../../protocol/names.ts';
import type { Client } from '../../protocol/objects.ts';
import { resources, type Cluster } from '../adapters/cluster/index.ts';
import type { Docker, ImageInfo } from '../adapters/docker/index.ts';
import { findLinkName } from '../link/connect-link.ts';
import type { Steps } from '../steps/steps.ts';
import { describeTarget } from '../target/parse-target.ts';
import { bringFiles, sessionLabels, type BroughtFiles } from '../volumes/bring.ts';
import { wantsLive } from '../volumes/wants-live.ts';
import { resolveTarget, type ResolvedTarget } from '../target/resolve-target.ts';
import { timing } from '../timing.ts';
import { appContainer } from './app-container.ts';
import { imageOf } from './app-image.ts';
import { claimBridge } from './bridge-object.ts';
import { comesBack } from './comes-back.ts';
import { shapeWarnings } from './as-pod.ts';
import { attach, attachedPods, ledTo, type Attached } from './attach.ts';
import type { BridgeWatch } from './bridge-watch.ts';
import { attachContainer, type ContainerIo } from './container-io.ts';
import { fetchIdentity } from './identity.ts';
import { removeLoopback, startLoopback } from './loopback.ts';
import { containerNames, makeContainer, type MadeContainer } from './make-container.ts';
import type { UsableLink } from './needs.ts';
import { defaultBridgeName, defaultContainerName } from './owner-slug.ts';
import { removeContainer } from './remove-container.ts';
import { trafficFor } from './traffic.ts';
import type { RunParts, RunRequest } from './run-request.ts';
import { sessionOf } from './sweep.ts';
import { podsOf } from './summary.ts';

export interface Standing {
  docker: Docker;
  link: UsableLink;
  containerId: string;
  watch: BridgeWatch | undefined;
  /** The container's streams: other ones after a restart of it. */
  readonly io: ContainerIo | undefined;
  /** The container's exit code, once it has ended for good; never, when detached. */
  exited: Promise<number>;
}

/** Marks a promise that is awaited later, so that its failure meanwhile is not an unhandled one. */
function later<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

function portWords({ container, ports }: ResolvedTarget): string {
  const list = ports.map(({ port, protocol }) => `${port}${protocol === 'UDP' ? '/udp' : ''}`).join(', ');
  return `container ${container.name}, ${ports.length === 0 ? 'no ports' : `port${ports.length === 1 ? '' : 's'} ${list}`}`;
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
async function hold(cluster: Cluster, { control }: UsableLink, bridge: BridgeRef, retain: boolean): Promise<void> {
  if (!retain) await control.call('lifeline', { bridge });
  await claimBridge(cluster, bridge);
}

function identify(watch: BridgeWatch, link: UsableLink, steps: Steps): Promise<Identity> {
  return steps.run({
    id: 'identity', title: 'Environment of the pod',
    act: ({ signal, waiting }) => fetchIdentity({ watch, control: link.control, signal, waiting }), detail: (identity) => `pod ${identity.pod.name}`,
  });
}

/** @param onIo called as soon as the container's streams are ours, so that they are given back whatever happens then */
export async function standUp(request: RunRequest, parts: RunParts, steps: Steps, onIo: (io: ContainerIo) => void): Promise<Standing> {
  const { host } = parts;
  const [docker, cluster] = await Promise.all([parts.docker(), parts.cluster()]);
  const namespace = request.namespace ?? cluster.context.namespace;
  const { target: ref } = request;

  const imaged = later(imageOf(request, docker, host, steps));
  const swept = later(parts.sweep(docker, cluster, host));
  const linked = later(parts.openLink(docker, cluster, steps));
  const named = later(findLinkName(docker, cluster));
  const target = ref === undefined ? undefined : await steps.run({
    id: 'target', title: `Target ${describeTarget(ref)} in ${namespace}`,
    act: async () => {
      const resolved = await resolveTarget(cluster, { ref, namespace, container: request.container, ports: request.ports, withRules: request.rules.length > 0 || request.traffic?.mode === 'mirror' });
      // What does not go with this target is told before anything is made.
      trafficFor(request.traffic ?? {}, resolved);
      return resolved;
    },
    detail: portWords,
  });
  const { name: client, owner } = await named;
  const name = request.name ?? (request.base !== undefined ? defaultBridgeName(request.base, owner) : ref === undefined ? defaultContainerName(request.flags.image, owner) : defaultBridgeName(ref.name, owner));

  let bridged: Attached | undefined;
  if (target !== undefined) {
    await clientExists(cluster, client, linked, steps.signal);
    bridged = await attach({ request, egress: request.flags.egress, cluster, client, owner, link: linked, target, name, steps });
  }
  const link = await linked;
  // From here to the end of this process, or until a detached run stands by itself, cargo ends the bridge should we die.
  const held = bridged === undefined ? undefined : later(hold(cluster, link, bridged.watch.ref, request.flags.retain));
  const identified = bridged === undefined ? undefined : later(identify(bridged.watch, link, steps));
  const brought = bridged === undefined || target === undefined || request.volumes.none ? undefined : later(bringFiles({
    docker, steps, reporter: parts.reporter, now: () => host.now(), link, watch: bridged.watch, bridgeUid: bridged.bridge.metadata.uid ?? '', modes: request.volumes.modes, ownBinds: request.flags.binds,
    expects: { any: target.mountsToken || Object.keys(target.volumes).length > 0, live: wantsLive(target.volumes, request.volumes.modes) }, more: sessionLabels({ ...request.flags, session: sessionOf(host) }),
  }));
  const [image, identity, , , files] = await Promise.all([imaged, identified, swept, held, brought]);
  const { container, streams, exited } = await startContainer({ request, parts, steps, docker, link, namespace, name, image, target, bridged, identity, files, onIo });
  bridged?.undoFirst();

  // An app that ends before the bridge is ready decides the run: nothing is left to wait for.
  const endedEarly = bridged === undefined ? false : await Promise.race([later(attachedPods(bridged.watch, cluster, steps)).then(() => false), exited.then(() => true)]);
  await parts.reporter.release?.();
  if (bridged !== undefined && request.flags.detach) await link.control.call('release', { bridge: bridged.watch.ref });
  if (!endedEarly) {
    const bridge = bridged?.watch.current;
    parts.onReady({
      bridge: bridged === undefined ? null : { namespace, name },
      container: { ...container, image: request.flags.image },
      target: target === undefined ? null : { ...target.ref, container: target.container.name },
      ports: target?.ports ?? [], rules: request.rules, pods: bridge === undefined ? [] : podsOf(bridge),
      link: { client: link.client, transport: link.transport }, elapsedMs: Math.round(host.now()),
    });
  }
  streams.show();
  return { docker, link, containerId: container.id, watch: bridged?.watch, get io() { return streams.current(); }, exited };
}

interface ContainerQuestion {
  request: RunRequest;
  parts: RunParts;
  steps: Steps;
  docker: Docker;
  link: UsableLink;
  namespace: string;
  name: string;
  image: ImageInfo;
  target: ResolvedTarget | undefined;
  bridged: Attached | undefined;
  identity: Identity | undefined;
  files: BroughtFiles | undefined;
  onIo: (io: ContainerIo) => void;
}

interface Started {
  container: MadeContainer;
  streams: { current(): ContainerIo | undefined; show(): void };
  exited: Promise<number>;
}

async function startContainer({ request, parts, steps, docker, link, namespace, name, image, target, bridged, identity, files, onIo }: ContainerQuestion): Promise<Started> {
  const { host, onLine } = parts;
  const { flags } = request;
  const origin = bridged === undefined || identity === undefined || target === undefined ? undefined : { bridge: name, bridgeUid: bridged.bridge.metadata.uid ?? '', identity, podContainer: target.container };
  const { cpus } = flags.asPod === true || flags.limits === true ? await docker.info() : { cpus: Infinity };
  if (origin !== undefined) for (const warning of shapeWarnings(flags, origin, { cpus })) parts.reporter.emit({ type: 'warning', ...warning, at: host.now() });
  const place = { network: link.network, dns: link.gateway, domain: link.domain, client: link.client, namespace, owner: link.owner, session: sessionOf(host), cpus };
  let io: ContainerIo | undefined;
  let shown = false;
  let exited: Promise<number> = new Promise(() => undefined);
  let made: MadeContainer | undefined;

  const lead = async (watch: BridgeWatch, address: string): Promise<void> => {
    const { forwards, egress } = await ledTo(watch, address, steps.signal);
    if (forwards.length > 0 || egress !== undefined) await link.control.call('forward', { bridge: watch.ref, forwards, ...(egress === undefined ? {} : { egress }) });
  };

  const tie = async (id: string): Promise<void> => {
    io?.detach();
    io = await attachContainer(docker, host, { container: id, interactive: flags.interactive, tty: flags.tty, ...(onLine === undefined ? {} : { onLine }) });
    onIo(io);
    if (shown) io.show();
  };

  const untilEnd = async (id: string): Promise<number> => {
    for (;;) {
      const code = await docker.containers.wait(id, 'next-exit');
      if (steps.signal.aborted || !await comesBack(docker, id)) return code;
      // Its address is fixed, so what leads to it needs no change.
      await tie(id);
      if (flags.egress === 'pod') await startLoopback(docker, id);
    }
  };

  const start = async (container: MadeContainer): Promise<void> => {
    if (!flags.detach) {
      await tie(container.id);
      // Asked before the start: a container that ends at once must not be missed.
      exited = later(untilEnd(container.id));
    }
    const led = bridged === undefined ? undefined : later(lead(bridged.watch, container.address));
    // Its first packet already leaves as the pod.
    if (flags.egress === 'pod') await led;
    await docker.containers.start(container.id);
    if (flags.egress === 'pod') await startLoopback(docker, container.id);
    await led;
  };

  const container = await steps.run({
    id: 'container', title: `Container ${name}`,
    act: ({ undo }) => makeContainer({
      docker, client: link.client, network: link.network, start,
      names: containerNames(name, request.name !== undefined, { namespace, client: link.client }),
      describe: (containerName, address) => appContainer({ ...request.flags, ownPorts: (target?.ports ?? []).map(({ local }) => local), name: containerName, binds: [...request.flags.binds, ...files?.binds ?? []] }, image, { ...place, address }, origin),
      onMade: (fresh) => {
        if (made === undefined) {
          undo(`Remove container ${fresh.name}`, async (force, waiting) => {
            await removeContainer(docker, made!.id, force, waiting);
            if (flags.egress === 'pod') await removeLoopback(docker, made!.id);
          });
        }
        made = fresh;
      },
    }),
    detail: ({ address }) => address,
  });
  const streams = {
    current: () => io,
    show() {
      shown = true;
      io?.show();
    },
  };
  return { container, streams, exited };
}
