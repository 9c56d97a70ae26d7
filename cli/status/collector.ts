/** Looks at everything, as often as it is asked to, and remembers what rates and events need. Asks; changes nothing. */
import type { LinkStatus } from '../../protocol/control.ts';
import { refOfObject } from '../../protocol/heartbeat.ts';
import type { Bridge } from '../../protocol/objects.ts';
import { resources, type Cluster } from '../adapters/cluster/index.ts';
import type { ContainerSummary, ContainerUsage, Docker } from '../adapters/docker/index.ts';
import { appsOf, refOf } from '../bridge/find-bridge.ts';
import { isBridgeError, type BridgeError } from '../errors.ts';
import { openControl, type Control } from '../link/control-client.ts';
import { cargoName } from '../link/link-name.ts';
import { timing } from '../timing.ts';
import { factsOf } from '../ui/error-text.ts';
import { bridgeState } from './bridge-state.ts';
import { bridgeOf, changes, mostEvents, past } from './events.ts';
import { downLink, linkState, type TunnelBytes } from './link-state.ts';
import { RequestTotals, type AgentCount } from './request-totals.ts';
import type { StatusBridge, StatusContainer, StatusEvent, StatusLink, StatusSnapshot } from './snapshot.ts';

export interface CollectorOptions {
  docker: Docker;
  cluster: Cluster;
  /** Name and owner of the link. */
  link: string;
  owner: string;
  /** `-n`; absent: the context's namespace and those that containers of this machine stand for. */
  namespace?: string;
  allNamespaces: boolean;
  /** The cluster has just been found out of reach: the first look does without it. */
  unreachable?: BridgeError;
  /** Milliseconds, monotonic. */
  now: () => number;
  clock?: () => Date;
}

interface Usage {
  atMs: number;
  usage: ContainerUsage;
}

export class StatusCollector {
  readonly #options: CollectorOptions;
  #control: Promise<Control> | undefined;
  #bytes: TunnelBytes | undefined;
  #totals = new Map<string, RequestTotals>();
  #usages = new Map<string, Usage>();
  #last: StatusSnapshot | undefined;
  #events: StatusEvent[] = [];

  constructor(options: CollectorOptions) {
    this.#options = options;
  }

  /** One at a time. Throws only what makes every answer impossible (no Docker, no cluster) at the first look; later that is a problem in the answer. */
  async sample(): Promise<StatusSnapshot> {
    const { docker, link: name, owner, cluster, unreachable, clock = () => new Date() } = this.#options;
    const problems: string[] = [];
    const tell = (error: unknown): undefined => {
      if (this.#last === undefined && error !== unreachable) throw error;
      problems.push(factsOf(error).what);
      return undefined;
    };
    const apps = await appsOf(docker, name).catch(tell);
    const [link, bridges, containers] = await Promise.all([
      this.#link(problems), apps === undefined ? undefined : (this.#last === undefined && unreachable !== undefined ? Promise.reject(unreachable) : this.#bridges(apps)).catch(tell), Promise.all((apps ?? []).map((app) => this.#container(app))),
    ]);
    const known = bridges ?? [];
    const containerOf = (bridge: Bridge) => apps?.find((app) => bridgeOf(app) === `${bridge.metadata.namespace}/${bridge.metadata.name}`)?.name ?? null;
    const mine = await Promise.all(known.filter(({ spec }) => spec.client === name).map(async (bridge): Promise<StatusBridge> => ({ ...bridgeState(bridge, containerOf(bridge)), requests: await this.#requests(bridge, link) })));
    const at = clock().toISOString();
    const state = { at, link, bridgesKnown: bridges !== undefined, bridges: bridges === undefined ? (this.#last?.bridges ?? []) : mine, containers: apps === undefined ? (this.#last?.containers ?? []) : containers };
    this.#events = [...(this.#last === undefined ? past(known.filter(({ spec }) => spec.client === name)) : [...this.#events, ...changes(this.#last, state)])].slice(-mostEvents);
    this.#last = { ...state, context: cluster.context.name, server: cluster.context.server, owner, events: this.#events, problems };
    return this.#last;
  }

  close(): void {
    void this.#control?.then((control) => control.close(), () => undefined);
    this.#control = undefined;
  }

  async #link(problems: string[]): Promise<StatusLink> {
    const { docker, link: name, now } = this.#options;
    const status = await this.#ask<LinkStatus>((control) => control.call('status', {}, timing.statusAnswerTimeoutMs)).catch((error: unknown) => {
      if (!(isBridgeError(error) && ['container-not-found', 'cargo-gone'].includes(error.facts.code))) problems.push(`the link: ${factsOf(error).why ?? factsOf(error).what}`);
      return undefined;
    });
    if (status === undefined) {
      const cargo = await docker.containers.find(cargoName(name)).catch(() => undefined);
      this.#bytes = undefined;
      return cargo?.running === true ? { ...downLink(name), state: 'silent' } : downLink(name);
    }
    const atMs = now();
    const link = linkState(name, status, atMs, this.#bytes);
    this.#bytes = { atMs, rxBytes: status.rxBytes, txBytes: status.txBytes };
    return link;
  }

  /** Over one connection that is opened again when it broke (cargo restarted or replaced). */
  async #ask<T>(question: (control: Control) => Promise<T>): Promise<T> {
    const { docker, link } = this.#options;
    this.#control ??= openControl(docker, cargoName(link));
    const used = this.#control;
    try {
      const control = await used;
      void control.ended.then(() => { if (this.#control === used) this.#control = undefined; });
      return await question(control);
    } catch (error) {
      const lost = !isBridgeError(error) || ['container-not-found', 'cargo-gone', 'docker-error', 'docker-unreachable'].includes(error.facts.code);
      if (lost && this.#control === used) this.#control = undefined;
      throw error;
    }
  }

  async #bridges(apps: readonly ContainerSummary[]): Promise<Bridge[]> {
    const { cluster, namespace, allNamespaces } = this.#options;
    const namespaces = allNamespaces ? [undefined] : namespace !== undefined ? [namespace] : [...new Set([cluster.context.namespace, ...apps.flatMap((app) => refOf(app)?.namespace ?? [])])];
    return (await Promise.all(namespaces.map(async (each) => {
      try {
        return (await cluster.list<Bridge>(resources.Bridge, each === undefined ? {} : { namespace: each })).items;
      } catch (error) {
        // Not installed, or a namespace that this user may not see (the context's own): then there are none of theirs.
        if (isBridgeError(error) && ['cluster-kind-missing', 'cluster-forbidden'].includes(error.facts.code) && namespace === undefined && !allNamespaces) return [];
        throw error;
      }
    }))).flat().sort((a, b) => `${a.metadata.namespace}/${a.metadata.name}`.localeCompare(`${b.metadata.namespace}/${b.metadata.name}`));
  }

  async #requests(bridge: Bridge, link: StatusLink): Promise<StatusBridge['requests']> {
    const key = `${bridge.metadata.namespace}/${bridge.metadata.name} ${bridge.metadata.uid}`;
    if (!bridge.spec.ports.some(({ protocol }) => protocol === 'TCP')) return null;
    const totals = this.#totals.get(key) ?? new RequestTotals();
    this.#totals.set(key, totals);
    const agents = new Set((bridge.status?.pods ?? []).flatMap(({ agent, ready }) => (agent === '' || !ready ? [] : [agent])));
    const ref = refOfObject(bridge);
    const asked = link.state !== 'up' ? [] : [...agents].map(async (agent): Promise<AgentCount[]> => {
      try {
        return [{ agent, ...await this.#ask((control) => control.call('counters', { agent, bridge: ref }, timing.statusAnswerTimeoutMs)) }];
      } catch {
        // A slow or an older agent, an older cargo: what it has told before stays.
        return [];
      }
    });
    return totals.take(agents, (await Promise.all(asked)).flat(), this.#options.now());
  }

  async #container(app: ContainerSummary): Promise<StatusContainer> {
    const { docker, now } = this.#options;
    const usage = app.state === 'running' ? await docker.containers.usage(app.id).catch(() => undefined) : undefined;
    const atMs = now();
    const before = this.#usages.get(app.id);
    if (usage === undefined) this.#usages.delete(app.id);
    else this.#usages.set(app.id, { atMs, usage });
    const cpuPercent = usage === undefined || before === undefined || atMs <= before.atMs ? null : Math.max(0, (usage.cpuNs - before.usage.cpuNs) / ((atMs - before.atMs) * 1e6) * 100);
    return {
      name: app.name, id: app.id, image: app.image, bridge: bridgeOf(app), state: app.state, address: Object.values(app.addresses).find((address) => address !== '') ?? null,
      published: app.ports.map(({ hostIp, hostPort, containerPort, protocol }) => `${hostIp ?? ''}:${hostPort ?? '?'}->${containerPort}/${protocol}`),
      cpuPercent, memoryBytes: usage?.memoryBytes ?? null,
    };
  }
}
