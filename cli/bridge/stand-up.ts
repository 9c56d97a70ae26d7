/** Makes all that a run needs: the place of a pod and, side by side with it, the image; then the container in that place. */
import type { ContainerSpec, Docker, ImageInfo } from '../adapters/docker/index.ts';
import type { Steps } from '../steps/steps.ts';
import { appContainer } from './app-container.ts';
import { imageOf } from './app-image.ts';
import { shapeWarnings } from './as-pod.ts';
import { attachedPods, leadTo } from './attach.ts';
import type { BridgeWatch } from './bridge-watch.ts';
import type { ContainerIo } from './container-io.ts';
import { removeLoopback, startLoopback } from './loopback.ts';
import { containerNames, makeContainer, type MadeContainer } from './make-container.ts';
import type { UsableLink } from './needs.ts';
import { removeContainer } from './remove-container.ts';
import { RunningContainer } from './running-container.ts';
import { rest } from './rest.ts';
import type { RunParts, RunRequest } from './run-request.ts';
import { awaitServing } from './serving.ts';
import { sessionOf } from './sweep.ts';
import { publishedWords, type RunSummary } from './summary.ts';
import { later, originOf, summaryOf, takePlace, type Place } from './take-place.ts';
import { watchRun } from './watch-run.ts';
import { factsOf } from '../ui/error-text.ts';

export interface Standing {
  docker: Docker;
  link: UsableLink;
  /** Another one after each image that was built anew. */
  containerId: () => string;
  watch: BridgeWatch | undefined;
  /** What it is, as it was when it stood first. */
  summary: RunSummary;
  /** The container's streams: other ones after a restart of it. */
  readonly io: ContainerIo | undefined;
  /** The container's exit code, once it has ended for good; never, when detached. */
  exited: Promise<number>;
}

/** @param onIo called as soon as the container's streams are ours, so that they are given back whatever happens then */
export async function standUp(request: RunRequest, parts: RunParts, steps: Steps, onIo: (io: ContainerIo) => void): Promise<Standing> {
  const [docker, cluster] = await Promise.all([parts.docker(), parts.cluster()]);
  const imaged = later(imageOf(request, docker, parts.host, steps));
  const [image, place] = await Promise.all([imaged, takePlace(request, parts, steps)]);
  const { link, bridged } = place;
  const { container, running, restart, exited } = await startContainer({ request, parts, steps, docker, image, place, onIo });
  bridged?.undoFirst();

  // An app that ends before the bridge is ready decides the run: nothing is left to wait for.
  const endedEarly = bridged === undefined ? false : await Promise.race([later(attachedPods(bridged.watch, cluster, steps)).then(() => false), exited.then(() => true)]);
  if (bridged !== undefined && !endedEarly && (request.flags.detach ? request.serving !== 'later' : request.serving === 'wait')) await awaitServing({ docker, container: container.id, watch: bridged.watch, steps, reporter: parts.reporter, now: () => parts.host.now(), wait: request.serving === 'wait' });
  await parts.reporter.release?.();
  if (bridged !== undefined && request.flags.detach) await link.control.call('release', { bridge: bridged.watch.ref });
  const published = request.flags.publish.length === 0 ? [] : publishedWords((await docker.containers.find(container.id))?.ports ?? []);
  const summary = summaryOf(place, { container: { ...container, image: request.flags.image }, rules: request.rules, published }, parts.host.now());
  if (!endedEarly) parts.onReady(summary);
  running.show();
  if (request.watch === true) {
    void watchRun({ request, steps, reporter: parts.reporter, now: () => parts.host.now(), build: () => imageOf(request, docker, parts.host, steps), image: image.id, restart }).catch((error: unknown) => {
      const { code, what, why } = factsOf(error);
      parts.reporter.emit({ type: 'warning', code, text: why === undefined ? what : `${what}: ${why}`, at: parts.host.now() });
    });
  }
  return { docker, link, summary, containerId: () => running.id ?? container.id, watch: bridged?.watch, get io() { return running.io; }, exited };
}

interface ContainerQuestion {
  request: RunRequest;
  parts: RunParts;
  steps: Steps;
  docker: Docker;
  image: ImageInfo;
  place: Place;
  onIo: (io: ContainerIo) => void;
}

interface Started {
  container: MadeContainer;
  running: RunningContainer;
  restart: (image: ImageInfo | undefined) => Promise<void>;
  exited: Promise<number>;
}

async function startContainer({ request, parts, steps, docker, image, place, onIo }: ContainerQuestion): Promise<Started> {
  const { link, namespace, name, target, bridged, files } = place;
  const { host, onLine } = parts;
  const { flags } = request;
  const origin = originOf(place);
  const { cpus } = flags.asPod === true || flags.limits === true ? await docker.info() : { cpus: Infinity };
  if (origin !== undefined) for (const warning of shapeWarnings(flags, origin, { cpus })) parts.reporter.emit({ type: 'warning', ...warning, at: host.now() });
  const surroundings = { network: link.network, dns: link.gateway, domain: link.domain, client: link.client, namespace, owner: link.owner, session: sessionOf(host), cpus };
  let made: MadeContainer | undefined;

  const lead = async (address: string): Promise<void> => {
    if (bridged !== undefined) await leadTo(link.control, bridged.watch, address, steps.signal);
  };
  const running = new RunningContainer({
    docker, host, interactive: flags.interactive, tty: flags.tty, onIo, signal: steps.signal, ...(onLine === undefined ? {} : { onLine }),
    rest: async () => (bridged === undefined ? undefined : await rest(docker, link.client, bridged.watch.ref)),
    ...(flags.egress === 'pod' ? { onStarted: (id: string) => startLoopback(docker, id) } : {}),
    ...(request.watch === true ? { onEnd: (code: number) => parts.reporter.emit({ type: 'warning', code: 'container-ended', text: `the container has ended with exit code ${code}: requests go to the pods until the next change`, at: host.now() }) } : {}),
  });
  const describe = (containerName: string, address: string, info: ImageInfo): ContainerSpec => {
    const spec = appContainer({ ...request.flags, ownPorts: (target?.ports ?? []).map(({ local }) => local), name: containerName, binds: [...request.flags.binds, ...files?.binds ?? []] }, info, { ...surroundings, address }, origin);
    return { ...spec, labels: { ...spec.labels, ...parts.labels?.() } };
  };

  const start = async (container: MadeContainer): Promise<void> => {
    if (!flags.detach) await running.tie(container.id);
    const led = later(lead(container.address));
    // Its first packet already leaves as the pod.
    if (flags.egress === 'pod') await led;
    await docker.containers.start(container.id);
    if (flags.egress === 'pod') await startLoopback(docker, container.id);
    await led;
  };

  const container = await steps.run({
    id: 'container', title: `Container ${request.containerName ?? name}`,
    act: ({ undo }) => makeContainer({
      docker, client: link.client, network: link.network, start,
      names: request.containerName === undefined ? containerNames(name, request.name !== undefined, { namespace, client: link.client }) : [request.containerName],
      describe: (containerName, address) => describe(containerName, address, image),
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
  const restart = (other: ImageInfo | undefined): Promise<void> => running.restart(other === undefined ? undefined : async () => {
    const id = await docker.containers.create(describe(container.name, container.address, other));
    made = { ...container, id };
    return id;
  });
  return { container, running, restart, exited: flags.detach ? new Promise<number>(() => undefined) : later(running.ended()) };
}
