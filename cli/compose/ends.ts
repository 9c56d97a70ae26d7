/** Ends of a project's containers while it stands in the foreground, those included that were over before anybody looked. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ContainerInfo, ContainerSummary, Docker } from '../adapters/docker/index.ts';
import { comesBack } from '../bridge/comes-back.ts';
import { timing } from '../timing.ts';
import { projectContainers, serviceOf } from './containers.ts';
import type { ComposeModel } from './model.ts';

export interface Ended {
  service: string;
  exitCode: number;
}

/** As options of `docker compose up`. */
export interface EndPolicy {
  /** Service whose exit code is the project's. Implies the other. */
  exitCodeFrom?: string;
  /** The project ends with the first of its containers that does. */
  abortOnContainerExit: boolean;
}

/** Services that others wait for to complete: their good end is a part of the start. */
function startersOf({ services }: ComposeModel): Set<string> {
  return new Set(Object.values(services).flatMap(({ depends_on: needs = {} }) => Object.entries(needs).filter(([, need]) => (need as { condition?: string } | null)?.condition === 'service_completed_successfully').map(([name]) => name)));
}

/** The exit code with which the project is at its end, as of `docker compose up`; undefined while it goes on. `stopped`: the chosen service has yet to be stopped, and its code is the project's. */
export function endOf(ended: readonly Ended[], running: number, model: ComposeModel, { exitCodeFrom, abortOnContainerExit }: EndPolicy): number | 'stopped' | undefined {
  const starters = startersOf(model);
  const first = ended.find(({ service, exitCode }) => exitCode !== 0 || !starters.has(service) || service === exitCodeFrom);
  if (exitCodeFrom !== undefined) return ended.find(({ service }) => service === exitCodeFrom)?.exitCode ?? (first !== undefined || running === 0 ? 'stopped' : undefined);
  if (abortOnContainerExit && first !== undefined) return first.exitCode;
  return running === 0 ? 0 : undefined;
}

/** @param services as named by the user; empty: all */
export function namesOf(model: ComposeModel, services: readonly string[]): readonly string[] {
  return services.length === 0 ? Object.keys(model.services) : services;
}

async function followedContainers(docker: Docker, model: ComposeModel, services: readonly string[]): Promise<ContainerSummary[]> {
  const names = namesOf(model, services);
  return (await projectContainers(docker, model.name)).filter((container) => names.includes(serviceOf(container)));
}

const isOver = ({ state }: ContainerSummary): boolean => state === 'exited' || state === 'dead';

/** Services of which a container has ended already. */
export async function overServices(docker: Docker, model: ComposeModel, services: readonly string[]): Promise<string[]> {
  return [...new Set((await followedContainers(docker, model, services)).filter(isOver).map(serviceOf))];
}

export interface EndsQuestion {
  docker: Docker;
  model: ComposeModel;
  /** Those that are followed; empty: all. */
  services: readonly string[];
  policy: EndPolicy;
  onEnd: (ended: Ended) => void;
  signal: AbortSignal;
}

/** Tells of each end, and resolves with that of the project. Never after the signal. */
export async function followEnds({ docker, model, services, policy, onEnd, signal }: EndsQuestion): Promise<number | 'stopped'> {
  const ended = new Map<string, Ended>();
  for (;;) {
    const containers = await followedContainers(docker, model, services);
    const fresh: ContainerInfo[] = [];
    for (const container of containers) {
      const { id, state } = container;
      if (state === 'running' || state === 'paused') ended.delete(id);
      else if (isOver(container) && !ended.has(id)) {
        const found = await docker.containers.find(id);
        if (found !== undefined && !found.running && !(await comesBack(docker, id))) fresh.push(found);
      }
    }
    if (signal.aborted) return new Promise(() => undefined);
    for (const { id, labels, exitCode } of fresh.sort((a, b) => Date.parse(a.finishedAt) - Date.parse(b.finishedAt))) {
      const end = { service: serviceOf({ labels }), exitCode };
      ended.set(id, end);
      onEnd(end);
    }
    const end = endOf([...ended.values()], containers.filter(({ id }) => !ended.has(id)).length, model, policy);
    if (end !== undefined) return end;
    await sleep(timing.composeEndsIntervalMs, undefined, { signal }).catch(() => undefined);
  }
}
