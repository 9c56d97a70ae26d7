/** What is bridged on this node, and what of it is ending: a bridge, or one pod of a bridge. What one look at a drain asks for stands in drain.ts. */
import { pause } from '../kube/index.ts';
import type { Log } from '../log.ts';
import { advance, dismiss, drainLimitMs, refuseNew, type Drain, type DrainingPort } from './drain.ts';
import { frontendId } from './frontends.ts';
import type { PodNetwork } from './netns/pod-network.ts';
import { openOriginals } from './open-originals.ts';
import { bridgeKey, type Assignment } from './plan.ts';
import { hubPortName } from './proxy/hub-port.ts';
import type { HubPort, Route } from './proxy/model.ts';
import type { Generation } from './proxy/supervisor.ts';

const drainIntervalMs = 30;
/**
 * Who is sent away at once comes back to the same pod, by a Service whose list of endpoints has not arrived everywhere, and is then the
 * pod's own process's to send away. Only where the pod stays that long.
 */
const lingerMs = 1000;
/** Of pods that end: there may be many at once. */
const dismissIntervalMs = 200;
/** From the end of a rule until HAProxy has surely accepted all that came by it. */
export const acceptMs = 100;

export interface DrainsOptions {
  generations: () => readonly Generation[];
  /** By UID of the pod. */
  network: (uid: string) => Pick<PodNetwork, 'netns' | 'address' | 'listenerOf'> | undefined;
  log: Log;
  /** One of them is over. */
  onEnd: () => void;
}

export class Drains {
  readonly #options: DrainsOptions;
  /** Assignments whose traffic is bridged now, by bridge and pod. */
  readonly #served = new Map<string, Assignment>();
  readonly #drains = new Map<string, Drain>();
  /** Hub ports that a drain has closed in the current process. */
  #closed = new Set<string>();
  #closingStranded = false;
  #advancing = false;

  constructor(options: DrainsOptions) {
    this.#options = options;
  }

  /** Something is draining. */
  get underWay(): boolean {
    return this.#drains.size > 0;
  }

  has(assignment: Assignment): boolean {
    return this.#drains.has(bridgeKey(assignment.bridge)) || this.#drains.has(servedKey(assignment));
  }

  /** Closed for a drain, though another one may want it again. */
  isClosed(hubPort: string): boolean {
    return this.#closed.has(hubPort);
  }

  /** There is a new process of HAProxy, whose hub ports are all open. */
  noteNewProcess(): void {
    this.#closed = new Set();
  }

  /** Its traffic is bridged from now on. */
  serve(assignment: Assignment): void {
    this.#served.set(servedKey(assignment), assignment);
  }

  /** Does a pod end, of these, whose traffic is bridged? */
  isLeft(assignments: readonly Assignment[]): boolean {
    const leaving = new Set(assignments.filter(({ pod }) => pod.leaving).map(({ pod }) => pod.metadata.uid));
    return [...this.#served.values()].some(({ pod }) => leaving.has(pod.metadata.uid));
  }

  /** Whatever is bridged and not among these any more begins to drain, and does so beside everything else. After its rules were removed. */
  async start(assignments: readonly Assignment[]): Promise<void> {
    await this.#note(assignments);
    void this.#advance();
  }

  async #note(assignments: readonly Assignment[]): Promise<void> {
    const { generations, network } = this.#options;
    const active = new Set(assignments.filter(({ draining }) => !draining).map(servedKey));
    const leaving = new Set(assignments.filter(({ bridge, pod }) => pod.leaving && bridge.spec.state !== 'Draining').map(servedKey));
    for (const [name, drain] of this.#drains) if (drain.leaving && !leaving.has(name)) this.#drains.delete(name);
    const ending: { frontend: string; route: Route }[] = [];
    for (const [key, assignment] of this.#served) {
      if (active.has(key)) continue;
      this.#served.delete(key);
      const { bridge, pod: { metadata: { uid = '' }, lingers }, tcp } = assignment;
      const place = network(uid);
      if (place === undefined || tcp.length === 0) continue;
      const name = leaving.has(key) ? key : bridgeKey(bridge);
      const drain = this.#drains.get(name) ?? { name, leaving: leaving.has(key), ports: [], startsAt: Date.now() + (leaving.has(key) && lingers ? lingerMs : 0), shut: new Set() };
      drain.ports.push(...portsOf(assignment, place));
      this.#drains.set(name, drain);
      if (!drain.leaving) ending.push(...tcp.map(({ port, route }) => ({ frontend: frontendId(uid, port), route })));
    }
    // A pod may go while its bridge stays: hub ports that others still use stay open.
    const used = new Set(assignments.filter(({ bridge }) => bridge.spec.state !== 'Draining').flatMap(({ tcp }) => tcp.map(({ route }) => hubPortName(route.hub))));
    const closing = [...this.#drains.values()].filter((drain) => !drain.leaving).flatMap(({ ports }) => ports.map(({ hub }) => hub)).filter((hub) => !used.has(hubPortName(hub)) && !this.isClosed(hubPortName(hub)));
    if (closing.length === 0) return;
    await openOriginals(ending, generations());
    await refuseNew(unique(closing), generations());
    for (const hub of closing) this.#closed.add(hubPortName(hub));
  }

  /** Looks at all of them again and again, until they are over. A pod that ends waits neither for the API server nor for a new process. */
  async #advance(): Promise<void> {
    if (this.#advancing) return;
    this.#advancing = true;
    while (this.underWay) {
      await Promise.all([...this.#drains.values()].map((drain) => this.#look(drain)));
      await pause(drainIntervalMs);
    }
    this.#advancing = false;
  }

  async #look(drain: Drain): Promise<void> {
    const { generations, log, onEnd } = this.#options;
    const now = Date.now();
    const ageMs = now - drain.startsAt;
    if (ageMs < 0) return;
    const open = await advance(drain, generations());
    if (drain.leaving && ageMs > acceptMs && now - (drain.dismissedAt ?? 0) > dismissIntervalMs) {
      drain.dismissedAt = now;
      // The pod may be gone in the middle of it.
      await dismiss(drain, generations(), ageMs).catch(() => undefined);
    }
    // A pod that ends may have clients that ask nothing at the moment.
    if (ageMs < drainLimitMs && (open > 0 || drain.leaving)) return;
    if (this.#drains.get(drain.name) !== drain) return;
    this.#drains.delete(drain.name);
    log('drained', { what: drain.name, ms: ageMs, leftOpen: open });
    onEnd();
  }

  /**
   * Where container or hub refuse what is new, open TCP connections have no future either: idle ones are closed, before the next
   * request is lost in them, and the client's new connection gets the original. A link that is only silent may come back with all of them.
   *
   * @param refusing hub ports whose last check was refused
   */
  async closeStranded(refusing: ReadonlySet<string>): Promise<void> {
    if (refusing.size === 0 || this.#closingStranded) return;
    this.#closingStranded = true;
    const ports = [...this.#served.values()].flatMap((assignment): DrainingPort[] => {
      const place = this.#options.network(assignment.pod.metadata.uid ?? '');
      const stranded = assignment.tcp.filter(({ route }) => route.fallback === 'original' && refusing.has(hubPortName(route.hub)));
      return place === undefined ? [] : portsOf({ ...assignment, tcp: stranded }, place);
    });
    try {
      if (ports.length > 0) await advance({ name: '', leaving: false, ports, startsAt: Date.now(), shut: new Set() }, this.#options.generations(), { hopeless: true });
    } finally {
      this.#closingStranded = false;
    }
  }
}

function portsOf({ pod: { metadata: { uid = '' } }, tcp }: Assignment, network: Pick<PodNetwork, 'netns' | 'address' | 'listenerOf'>): DrainingPort[] {
  const { netns, address } = network;
  return tcp.map(({ port, route }) => ({ frontend: frontendId(uid, port), netns, address, port, listenPort: network.listenerOf(port), hub: route.hub }));
}

function servedKey({ bridge, pod }: Assignment): string {
  return `${bridgeKey(bridge)} ${bridge.metadata.uid} ${pod.metadata.uid}`;
}

function unique(hubs: readonly HubPort[]): HubPort[] {
  return [...new Map(hubs.map((hub) => [hubPortName(hub), hub])).values()];
}
