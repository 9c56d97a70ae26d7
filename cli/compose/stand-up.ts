/**
 * Joins services of a Compose project to the cluster: each takes its place (cli/bridge/take-place.ts), then Compose makes the containers from the
 * project's own model and what was added to it. Their addresses are fixed beforehand, so that requests are led to them as soon as they listen.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { labels } from '../../protocol/names.ts';
import type { Cluster } from '../adapters/cluster/index.ts';
import type { ContainerSpec, Docker, ImageInfo } from '../adapters/docker/index.ts';
import { appContainer, type ContainerOrigin } from '../bridge/app-container.ts';
import { shapeWarnings } from '../bridge/as-pod.ts';
import { attachedPods, leadTo } from '../bridge/attach.ts';
import type { BridgeWatch } from '../bridge/bridge-watch.ts';
import { refOf } from '../bridge/find-bridge.ts';
import { freeAddress } from '../bridge/free-address.ts';
import { startLoopback } from '../bridge/loopback.ts';
import type { UsableLink } from '../bridge/needs.ts';
import type { RunParts, RunRequest } from '../bridge/run-request.ts';
import { awaitServing } from '../bridge/serving.ts';
import { stopBridge } from '../bridge/stop.ts';
import { publishedWords, type RunSummary } from '../bridge/summary.ts';
import { sessionOf } from '../bridge/sweep.ts';
import { originOf, summaryOf, takePlace, targetsOf, type Place } from '../bridge/take-place.ts';
import { BridgeError } from '../errors.ts';
import { findLinkName } from '../link/connect-link.ts';
import type { Steps } from '../steps/steps.ts';
import { timing } from '../timing.ts';
import { namedReporters } from '../ui/named-reporters.ts';
import { gatewayPrioritySince, joinModel, type JoinedService } from './addition.ts';
import { joinedContainers, serviceOf } from './containers.ts';
import { unescaped, type ComposeModel, type ComposeService } from './model.ts';
import { atLeast, type ComposeChoice, type ComposeProgram } from './program.ts';
import { everyJoin } from './services.ts';

export interface UpRequest {
  compose: ComposeProgram;
  choice: ComposeChoice;
  model: ComposeModel;
  joined: ReadonlyMap<string, RunRequest>;
  /** As named by the user; empty: all. */
  services: string[];
  build: boolean;
  detach: boolean;
  /** For `docker compose up`. */
  rest: string[];
}

export type UpParts = Omit<RunParts, 'openLink' | 'onReady' | 'onLine'> & {
  openLink: (docker: Docker, cluster: Cluster, steps: Steps) => Promise<UsableLink & { created: boolean }>;
  /** At the end, when containers are stopped and not yet removed. */
  onStopped?: (docker: Docker) => Promise<void>;
};

export interface StandingProject {
  link: UsableLink;
  watches: BridgeWatch[];
  summaries: (RunSummary & { service: string })[];
}

/** First Docker API that knows the priority of gateways; older ones go by the names of networks. */
const gatewayPriorityApi = '1.48';

function imageName(model: ComposeModel, service: string): string {
  return model.services[service]?.image ?? `${model.name}-${service}`;
}

/** Built and pulled by Compose, so that its own words about both hold. */
async function images({ compose, choice, model, joined, build }: UpRequest, docker: Docker, steps: Steps): Promise<Map<string, ImageInfo>> {
  const names = [...joined.keys()];
  const find = async (): Promise<Map<string, ImageInfo>> => new Map((await Promise.all(names.map(async (name) => [name, await docker.images.find(imageName(model, name))] as const))).filter((entry): entry is [string, ImageInfo] => entry[1] !== undefined));
  const present = await find();
  const isBuilt = (name: string): boolean => model.services[name]?.build !== undefined;
  const toBuild = build ? Object.keys(model.services).filter(isBuilt) : names.filter((name) => isBuilt(name) && !present.has(name));
  const toPull = names.filter((name) => !isBuilt(name) && !present.has(name));
  if (toBuild.length + toPull.length === 0) return present;
  await steps.run({
    id: 'images', title: `Images of ${[...new Set([...toBuild, ...toPull])].join(', ')}`,
    async act({ signal, waiting }) {
      if (toBuild.length > 0) await compose.runModel(model, choice, ['build', ...toBuild], { signal, onLine: waiting });
      if (toPull.length > 0) await compose.runModel(model, choice, ['pull', ...toPull], { signal, onLine: waiting });
    },
  });
  const all = await find();
  const missing = names.find((name) => !all.has(name));
  if (missing !== undefined) throw new BridgeError({ kind: 'environment', code: 'image-not-found', what: `there is no image ${imageName(model, missing)} for service ${missing}`, why: 'Compose has neither built nor pulled it', next: `docker compose build ${missing}` });
  return all;
}

/** Bridges of the project as it stood before: new ones take their place, with what the pods have now. */
async function endEarlier({ model, joined }: UpRequest, docker: Docker, cluster: Cluster, steps: Steps): Promise<void> {
  const earlier = (await joinedContainers(docker, model.name)).filter((container) => joined.has(serviceOf(container)) && refOf(container) !== undefined);
  if (earlier.length === 0) return;
  const { name: link } = await findLinkName(docker, cluster);
  const elsewhere = earlier.find((container) => container.labels[labels.link] !== link);
  if (elsewhere !== undefined) {
    throw new BridgeError({
      kind: 'refused', code: 'compose-elsewhere', what: `service ${serviceOf(elsewhere)} of the project is joined to another cluster`, why: `its link is ${elsewhere.labels[labels.link]}, this one would be ${link}`, next: 'bridge compose down --context THE-OTHER',
    });
  }
  await Promise.all(earlier.map((container) => stopBridge({ docker, cluster, steps, link, ref: refOf(container)!, container, force: steps.signal })));
}

function ownEnv({ environment = {} }: ComposeService): [string, string][] {
  return Object.entries(environment).flatMap(([name, value]) => (value === null ? [] : [[name, unescaped(String(value))]]));
}

interface SpecQuestion {
  request: RunRequest;
  service: ComposeService;
  place: Place;
  image: ImageInfo;
  address: string | undefined;
  madeLink: boolean;
  detach: boolean;
  session: string;
  cpus: number;
}

function specOf({ request, service, place, image, address, madeLink, detach, session, cpus }: SpecQuestion): { spec: ContainerSpec; origin: ContainerOrigin | undefined } {
  const { link, namespace, name, target, files } = place;
  const origin = originOf(place);
  const { command, entrypoint, user, working_dir: workdir } = service;
  const spec = appContainer({
    ...request.flags, name, ownPorts: (target?.ports ?? []).map(({ local }) => local), env: ownEnv(service), binds: files?.binds ?? [], command: command ?? [], detach,
    // Compose sees to what becomes of the project's containers, unless this process is to end them.
    retain: detach,
    ...(entrypoint === undefined || entrypoint === null ? {} : { entrypoint: entrypoint[0] ?? '' }), ...(user === undefined ? {} : { user }), ...(workdir === undefined ? {} : { workdir }),
  }, image, { network: link.network, ...(address === undefined ? {} : { address }), dns: link.gateway, domain: link.domain, client: link.client, namespace, owner: link.owner, session, cpus }, origin);
  return { spec: { ...spec, labels: { ...spec.labels, ...(madeLink ? { [labels.madeLink]: 'true' } : {}) } }, origin };
}

/** The user's own `volumes`, as far as the pod's volumes must know: by their place in the container. */
function ownBinds({ volumes = [] }: ComposeService): string[] {
  return volumes.map(({ source = '', target }) => `${source}:${target}`);
}

export async function standUpProject(request: UpRequest, parts: UpParts, steps: Steps): Promise<StandingProject> {
  const { compose, choice, model, joined, services, detach, rest } = request;
  const { host, reporter } = parts;
  const [docker, cluster] = await Promise.all([parts.docker(), parts.cluster()]);
  if (joined.size > 1) everyJoin([...joined.keys()], await targetsOf([...joined.values()], cluster));
  await endEarlier(request, docker, cluster, steps);
  const imaged = images(request, docker, steps);
  imaged.catch(() => undefined);
  const opened = parts.openLink(docker, cluster, steps);
  opened.catch(() => undefined);
  let swept: Promise<void> | undefined;
  const shared = { ...parts, docker: () => Promise.resolve(docker), cluster: () => Promise.resolve(cluster), openLink: () => opened, sweep: (...all: Parameters<UpParts['sweep']>) => (swept ??= parts.sweep(...all)) };
  const reporterOf = namedReporters(reporter);
  const places = await Promise.all([...joined].map(async ([name, each]) => {
    const named = reporterOf(name);
    const place = await takePlace({ ...each, flags: { ...each.flags, binds: ownBinds(model.services[name]!) } }, { ...shared, reporter: named }, steps.toldBy(named));
    return [name, place] as const;
  }));
  const [link, found, info] = await Promise.all([opened, imaged, docker.info()]);

  const gatewayPriority = atLeast(info.apiVersion, gatewayPriorityApi) && atLeast(compose.version, gatewayPrioritySince);
  const chosen = new Set<string>();
  const additions = new Map<string, JoinedService>();
  for (const [name, place] of places) {
    const address = place.bridged === undefined ? undefined : await freeAddress(docker, link.network, link.client, place.name, chosen);
    if (address !== undefined) chosen.add(address);
    const each = joined.get(name)!;
    const { spec, origin } = specOf({ request: each, service: model.services[name]!, place, image: found.get(name)!, address, madeLink: link.created, detach, session: sessionOf(host), cpus: info.cpus });
    if (origin !== undefined) for (const { code, text } of shapeWarnings(each.flags, origin, info)) reporter.emit({ type: 'warning', code, text: `${name}: ${text}`, at: host.now() });
    additions.set(name, { spec, gatewayPriority });
    if (place.bridged !== undefined && address !== undefined) {
      await leadTo(link.control, place.bridged.watch, address, steps.signal);
    }
  }

  const full = joinModel(model, additions);
  await steps.run({
    id: 'compose', title: `Containers of ${model.name}`, detail: () => `${Object.keys(model.services).length}`,
    async act({ signal, waiting, undo }) {
      undo(`Remove the joined containers of ${model.name}`, async () => {
        // As `docker compose up` does when it ends. What is not ours is left there, stopped.
        if (!detach) await compose.runModel(model, choice, ['stop', ...services]);
        await parts.onStopped?.(docker);
        await compose.runModel(model, choice, ['rm', '--stop', '--force', ...joined.keys()]);
      });
      // Only some services are in the model when only some are named: the others are no orphans.
      await compose.runModel(full, choice, ['up', '--detach', ...rest, ...services], { signal, onLine: waiting, env: services.length > 0 ? { COMPOSE_IGNORE_ORPHANS: 'true' } : {} });
    },
  });
  for (const [, { bridged }] of places) bridged?.undoFirst();
  for (const container of await joinedContainers(docker, model.name)) if (joined.get(serviceOf(container))?.flags.egress === 'pod') await startLoopback(docker, container.id);
  await Promise.all(places.map(async ([name, { bridged }]) => bridged === undefined ? undefined : attachedPods(bridged.watch, cluster, steps.toldBy(reporterOf(name)))));
  await reporter.release?.();
  if (detach) for (const [, { bridged }] of places) if (bridged !== undefined) await link.control.call('release', { bridge: bridged.watch.ref });
  const summaries = await Promise.all(places.map(async ([name, place]) => ({ service: name, ...await summaryOfService(request, docker, name, place, host.now()) })));
  // Whoever stays sees by himself what becomes of it.
  if (detach) {
    await Promise.all(places.map(async ([name, { bridged }], index) => bridged === undefined ? undefined : awaitServing({
      docker, container: summaries[index]!.container.id, watch: bridged.watch, steps, reporter: reporterOf(name), now: () => host.now(), wait: false,
    })));
  }
  return { link, watches: places.flatMap(([, { bridged }]) => (bridged === undefined ? [] : [bridged.watch])), summaries };
}

async function summaryOfService({ model, joined }: UpRequest, docker: Docker, service: string, place: Place, nowMs: number): Promise<RunSummary> {
  const find = async () => (await joinedContainers(docker, model.name)).find((container) => serviceOf(container) === service);
  let container = await find();
  for (const deadline = Date.now() + timing.restartLimitMs; container === undefined && Date.now() < deadline; await sleep(timing.restartPollIntervalMs)) container = await find();
  return summaryOf(place, {
    container: { id: container?.id ?? '', name: container?.name ?? service, address: container?.addresses[place.link.network] ?? '', image: imageName(model, service) }, rules: joined.get(service)?.rules ?? [], published: publishedWords(container?.ports ?? []),
  }, nowMs);
}
