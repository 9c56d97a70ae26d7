/**
 * One node's agent: looks at the objects, at the node's processes and at HAProxy, and makes the three agree. Level-triggered:
 * every run starts from the whole state, and doing it twice changes nothing.
 */
import { tunnelDevice } from '../../../protocol/egress.ts';
import type { BridgeCounters } from '../../../protocol/counters.ts';
import type { Bridge, BridgePod, Client } from '../../../protocol/objects.ts';
import type { PodRulesCheck } from '../../../protocol/rules-check.ts';
import { tapWaitMs, type TapAnswer } from '../../../protocol/tap.ts';
import { looksInside } from '../../../protocol/traffic.ts';
import { timestamp } from '../conditions.ts';
import { pause } from '../kube/index.ts';
import { LevelLoop } from '../level-loop.ts';
import { words, type Log } from '../log.ts';
import { advance, dismiss, drainLimitMs, refuseNew, type Drain, type DrainingPort } from './drain.ts';
import { FrozenOriginals } from './freeze/frozen-originals.ts';
import { buildFrontends, frontendId, lacks } from './frontends.ts';
import { EgressWays } from './egress-ways.ts';
import { LostRules } from './lost-rules.ts';
import { openOriginals } from './open-originals.ts';
import { bridgeKey, planAssignments, regexRules, type Assignment } from './plan.ts';
import { netnsPrefix, PodNetworks, uidOf } from './pod-networks.ts';
import type { NodePod } from './pods/node-pod.ts';
import type { Processes } from './pods/proc-table.ts';
import { RequestCounters } from './proxy/counters.ts';
import { unboundFrontends } from './proxy/bind-errors.ts';
import { checkTimings } from './proxy/check.ts';
import { frontendName, renderConfig, tlsFrontendName } from './proxy/config.ts';
import { hubPortName } from './proxy/hub-port.ts';
import { sampleProcess } from './proxy/process-sample.ts';
import type { Frontend, HubPort, Route } from './proxy/model.ts';
import { RuleCheck } from './proxy/rule-check.ts';
import { renderServerState } from './proxy/server-state.ts';
import { parseServerStats, refusingHubPorts, serverStatsCommand, servingHubPorts } from './proxy/stats.ts';
import { HaproxySupervisor, type Generation, type Launch } from './proxy/supervisor.ts';
import { Watchdog } from './proxy/watchdog.ts';
import { statusEntries, type EntryState } from './status-entries.ts';
import { Steadiness } from './steadiness.ts';
import { readTapLine } from './tap/read-line.ts';
import { readDiffLine } from './diff/read-line.ts';
import { TapEvents } from './tap/tap-events.ts';
import { UnboundFrontends } from './unbound.ts';
import { certificateLookMs, Certificates } from './tls/certificates.ts';

/** Pods whose sandbox does not exist yet are looked for this often, so that they are bridged before they are Ready. */
const scanIntervalMs = 50;
const enterAgainMs = 500;
const drainIntervalMs = 30;
/** Of pods that end: there may be many at once. */
const dismissIntervalMs = 200;
const servingIntervalMs = 250;
/** With hundreds of bridges HAProxy's numbers are a megabyte: looking at them takes a tenth of the time at most. */
const lookShare = 10;
const mostServingIntervalMs = 2000;
/** Configuration that nobody needs any more is dropped after this long: by then another change has often come. */
const cleanupDelayMs = 3000;
/** From the end of a rule until HAProxy has surely accepted all that came by it. */
const acceptMs = 100;
/** After a start hundreds of bridges may have something new to be told. */
const writersAtOnce = 8;
/** A killed process ends at once, unless the kernel itself holds it. */
const killedEndMs = 500;
/** So long the status tells of a hang that is over. */
const hangNoteMs = 60_000;
/** Changes of many pods become one reload. */
const gatherMs = 5;

export interface NodeAgentOptions {
  node: string;
  /** `address:port` where identities are asked for. */
  agent: string;
  /** Names our nft tables; tells whether their maker still lives. */
  instance: string;
  /** A process in the node's own network; 1 in the node's PID namespace. */
  nodePid: number;
  /** For HAProxy's files; private. */
  directory: string;
  threads: number;
  pods: () => Iterable<NodePod>;
  bridges: () => Iterable<Bridge>;
  client: (name: string) => Client | undefined;
  processes: Processes;
  /** Replaces this node's entries in the bridge's status. */
  writeStatus: (bridge: Bridge, entries: BridgePod[]) => Promise<void>;
  log: Log;
  signal: AbortSignal;
}

export class NodeAgent {
  readonly #options: NodeAgentOptions;
  readonly #loop: LevelLoop;
  readonly #networks: PodNetworks;
  readonly #proxy: HaproxySupervisor;
  readonly #ruleCheck: RuleCheck;
  readonly #certificates: Certificates;
  readonly #tapped = new TapEvents();
  #running: Frontend[] = [];
  /** Assignments whose traffic is bridged now, by bridge and pod. */
  #served = new Map<string, Assignment>();
  readonly #drains = new Map<string, Drain>();
  /** Hub ports that a drain has closed in the current process. */
  #closed = new Set<string>();
  #serving = new Set<string>();
  readonly #frozen: FrozenOriginals;
  /** Hub ports whose last check was refused. */
  #refusing = new Set<string>();
  #closingStranded = false;
  readonly #watching = new AbortController();
  /** When HAProxy was found hung last. */
  #hungAt: Date | undefined;
  readonly #steadiness = new Steadiness();
  readonly #written = new Map<string, { uid: string | undefined; entries: BridgePod[] }>();
  /** Troubles found while acting, by pod UID. */
  #troubles = new Map<string, string>();
  readonly #unbound = new UnboundFrontends();
  #cleanupAt: number | undefined;
  readonly #egress: EgressWays;
  readonly #lost: LostRules;
  readonly #counters = new RequestCounters();
  /** By name of their network namespace. */
  #podNames = new Map<string, string>();

  constructor(options: NodeAgentOptions) {
    this.#options = options;
    const { log, signal } = options;
    this.#networks = new PodNetworks(options.processes, options);
    this.#egress = new EgressWays(this.#networks, log);
    this.#lost = new LostRules({
      networks: () => [...this.#networks.entries()].map(([, network]) => network), log, trigger: () => this.#loop.trigger(), triggerIn: (ms) => this.#loop.triggerIn(ms),
    });
    this.#ruleCheck = new RuleCheck(options.directory);
    this.#certificates = new Certificates(options.directory, options.processes);
    this.#proxy = new HaproxySupervisor({ directory: options.directory, log, onEnd: () => this.#loop.trigger(), onTapLine: (line) => this.#tap(line) });
    const watchdog = new Watchdog({ watched: () => this.#proxy.generations, sample: sampleProcess, onHung: (generation, facts) => this.#endHung(generation, facts) });
    this.#frozen = new FrozenOriginals({
      processes: options.processes, wary: (name) => this.#steadiness.wary(name), log, trigger: () => this.#loop.trigger(), triggerIn: (ms) => this.#loop.triggerIn(ms),
    });
    this.#loop = new LevelLoop(async () => await this.#reconcile(), {
      gatherMs, signal, onError: (error) => log('reconciling failed; it is tried again', { error: words(error) }),
    });
    void this.#look();
    // Longer than everything else: whoever stops asks HAProxy, too.
    void watchdog.run(this.#watching.signal);
  }

  #endHung(generation: Generation, { silentMs, states }: { silentMs: number; states: string }): void {
    const { number, child: { pid }, retiredAt } = generation;
    this.#options.log(retiredAt === undefined
      ? 'haproxy hangs and is killed; the kernel sends new connections to the originals until it is back'
      : 'a replaced haproxy hangs and is killed', { generation: number, pid, silentMs, states });
    this.#proxy.killHung(generation);
    if (retiredAt !== undefined) return;
    this.#hungAt = new Date();
    this.#loop.triggerIn(killedEndMs);
  }

  /** At what HAProxy says, again and again. */
  async #look(): Promise<void> {
    const { signal } = this.#options;
    while (!signal.aborted) {
      const startedAt = performance.now();
      await this.#pollServing();
      const tookMs = performance.now() - startedAt;
      void this.#closeStranded();
      // A process that ends takes its numbers along: asked before.
      void this.#count(({ retiredAt }) => retiredAt !== undefined).then(() => this.#proxy.endIdle());
      await pause(Math.min(Math.max(servingIntervalMs, tookMs * lookShare), mostServingIntervalMs), signal);
    }
  }

  /** Pods, bridges or clients have changed. */
  trigger(): void {
    this.#loop.trigger();
  }

  /** Does any bridge want this tunnel? Told from the objects, so that one that is about to be made counts too; a tunnel never comes back in another pod. */
  wantsTunnel(device: string): boolean {
    return [...this.#options.bridges()].some(({ status }) => status?.egress !== undefined && tunnelDevice(status.egress.tunnel) === device);
  }

  addressesOf(pod: NodePod): string[] {
    const entered = this.#networks.get(pod.metadata.uid ?? '');
    return entered === undefined ? pod.addresses : [entered.address];
  }

  /** Of one bridge on this node, up to this moment; undefined when it is not served here. */
  async countersOf(bridge: Bridge): Promise<BridgeCounters | undefined> {
    await this.#count(() => true);
    return this.#counters.of(countedKey(bridge));
  }

  /** Looked up in the kernel, not remembered; undefined when the bridge is not served here. */
  async checkRules(bridge: Bridge): Promise<PodRulesCheck[] | undefined> {
    const { bridges, pods, client } = this.#options;
    const mine = planAssignments({ bridges: [...bridges()], pods: pods(), client, rulesTrouble: (rules) => this.#ruleCheck.trouble(rules) }).filter((assignment) => assignment.bridge.metadata.uid === bridge.metadata.uid);
    if (mine.length === 0) return undefined;
    return await Promise.all(mine.map(async ({ pod, tcp, udp }): Promise<PodRulesCheck> => {
      const network = this.#networks.get(pod.metadata.uid ?? '');
      if (network === undefined) return { pod: pod.metadata.name, entered: false, ports: [] };
      const force = await network.inForce();
      return {
        pod: pod.metadata.name, entered: true, ports: [
          ...tcp.map(({ port }) => ({ port, protocol: 'TCP' as const, rule: force.tcp.has(port), listener: force.listening.has(network.listenerOf(port) ?? -1) })),
          ...udp.map(({ port }) => ({ port, protocol: 'UDP' as const, rule: force.udp.has(port), listener: null })),
        ],
      };
    }));
  }

  /** Requests that passed since number `after`; waits a moment when there are none. */
  async tapped(bridge: string, after: number): Promise<TapAnswer> {
    return await this.#tapped.read(bridge, after, tapWaitMs);
  }

  #tap(line: string): void {
    const compared = readDiffLine(line, this.#running, (netns) => this.#podNames.get(netns) ?? netns);
    if (compared !== undefined) return this.#tapped.push(compared);
    const request = readTapLine(line, this.#running, (netns) => this.#podNames.get(netns) ?? netns);
    if (request !== undefined) this.#tapped.push(request);
  }

  /** Traffic goes back to the originals at once; open connections get until `graceMs`. After the signal was aborted. */
  async stop(graceMs: number): Promise<void> {
    const until = Date.now() + graceMs;
    await this.#loop.idle();
    this.#frozen.stop();
    this.#lost.stop();
    await this.#applyRules([], []);
    // What the kernel has accepted for a listener is lost when that is closed: HAProxy takes it first.
    await pause(acceptMs);
    await this.#startDrains([]);
    // The listeners stay open as long as HAProxy lives, for the same reason.
    while (Date.now() < until && (this.#drains.size > 0 || await this.#proxy.openConnections() > 0)) {
      await this.#advanceDrains();
      await pause(drainIntervalMs);
    }
    await this.#proxy.stop('SIGTERM');
    this.#watching.abort();
    for (const [uid] of [...this.#networks.entries()]) await this.#networks.leave(uid).catch(() => undefined);
  }

  async #reconcile(): Promise<void> {
    const { bridges, pods, client, log } = this.#options;
    await this.#lost.look();
    const all = [...bridges()];
    // Bridges whose rules are not checked yet wait; all others go on.
    if (!await this.#ruleCheck.prepare(regexRules({ bridges: all, pods: pods(), client }))) this.#loop.trigger();
    if (all.some(({ spec }) => spec.tls !== undefined)) {
      this.#options.processes.refresh();
      this.#loop.triggerIn(certificateLookMs);
    }
    const assignments = planAssignments({
      bridges: all, pods: pods(), client, rulesTrouble: (rules) => this.#ruleCheck.trouble(rules), certificate: (bridge, pod) => this.#certificates.of(bridge, pod),
    });
    this.#troubles = new Map();
    this.#podNames = new Map(assignments.map(({ pod: { metadata } }) => [`${netnsPrefix}${metadata.uid}`, metadata.name]));
    this.#tapped.keep(new Set(assignments.filter(({ bridge }) => bridge.spec.mode === 'tap' || bridge.spec.diff === true).map(({ bridge }) => bridgeKey(bridge))));
    // Where nobody else answers, the originals must.
    const toFreeze = this.#frozen.wanted(this.#proxy.hangs ? [] : assignments);
    // Who shall go on does so before anything else changes.
    await this.#frozen.release(toFreeze);
    const frozenPorts = (uid: string): Set<number> => new Set([...toFreeze.values()].filter(({ assignment: { pod } }) => pod.metadata.uid === uid).flatMap(({ container }) => container.probes.map(({ port }) => port)));
    // Pods that end do not wait for new ones to be entered and for HAProxy to start.
    if ([...this.#served.values()].some(({ pod }) => assignments.some((now) => now.pod.leaving && now.pod.metadata.uid === pod.metadata.uid))) {
      await this.#applyRules(assignments, this.#running, frozenPorts);
      await this.#startDrains(assignments);
      await this.#advanceDrains();
    }
    const wantedPods = [...new Map(assignments.map(({ pod }) => [pod.metadata.uid, pod])).values()];
    const { absent, failed } = await this.#networks.enter(wantedPods);
    if (absent.length > 0) this.#loop.triggerIn(scanIntervalMs);
    for (const [uid, error] of failed) {
      this.#troubles.set(uid, `the pod's network cannot be entered: ${error.slice(0, 300)}`);
      log('a pod cannot be entered; it is tried again', { uid, error });
    }
    if (failed.size > 0) this.#loop.triggerIn(enterAgainMs);
    const serverFirst = await this.#whoSpeaksFirst(assignments);
    const frontends = buildFrontends(assignments, {
      frozenPorts,
      network: (uid) => this.#networks.get(uid),
      serverFirst: (uid, port) => serverFirst.has(frontendId(uid, port)),
      steadiness: this.#steadiness,
      noListener: (uid, port, error) => this.#troubles.set(uid, `no listener for port ${port}: ${error}`),
    }).filter((frontend) => !this.#isLeftOut(frontend));

    await this.#applyRules(assignments, this.#running, frozenPorts);
    await this.#startDrains(assignments);
    // A process that hangs hands nothing over; its end brings us here again.
    if (!this.#proxy.hangs && (lacks(this.#running, frontends) || this.#reopens(frontends) || this.#cleanupDue(frontends))) await this.#launch(frontends);
    await this.#applyRules(assignments, frontends, frozenPorts);
    await this.#frozen.set(toFreeze);
    this.#remember(assignments);
    await this.#advanceDrains();
    await this.#egress.apply(assignments);
    await this.#writeStatuses(all, assignments, serverFirst);
    await this.#leavePods(wantedPods, log);
    this.#lost.watch();
  }

  /** Leads to HAProxy what it has a frontend for, and nothing else; nothing at all while it hangs. Called before a reload with the old ones and after it with the new ones. */
  async #applyRules(assignments: readonly Assignment[], frontends: readonly Frontend[], frozenPorts: (uid: string) => ReadonlySet<number> = () => new Set()): Promise<void> {
    await Promise.all([...this.#networks.entries()].map(async ([uid, network]) => {
      const mine = assignments.filter(({ pod, draining }) => pod.metadata.uid === uid && !draining);
      const answered = frozenPorts(uid);
      const wanted = new Set([...mine.flatMap(({ tcp }) => tcp.map(({ port }) => port)), ...answered].map((port) => frontendId(uid, port)));
      const probed = new Set(mine.flatMap(({ pod }) => pod.containers.flatMap(({ probes }) => probes.filter(({ kind }) => kind === 'tcp').map(({ port }) => port))));
      const tcp = (this.#proxy.hangs ? [] : frontends).filter(({ id }) => wanted.has(id)).map(({ port, listenPort }) => ({
        port, listenPort, exclude: probed.has(port) && !answered.has(port) && network.nodeAddress !== undefined ? [network.nodeAddress] : [],
      }));
      try {
        if (await network.apply(tcp, mine.flatMap(({ udp }) => udp))) this.#options.log('rules', { netns: network.netns, tcp: tcp.map(({ port }) => port) });
      } catch (error) {
        this.#troubles.set(uid, nftTrouble(words(error), this.#options.node));
        this.#options.log('rules cannot be applied', { netns: network.netns, error: words(error) });
      }
    }));
  }

  async #launch(frontends: readonly Frontend[]): Promise<void> {
    const started = Date.now();
    for (const { netns } of frontends) await this.#networks.at(netns)?.prepareReturn();
    const hubs = new Map(frontends.flatMap(({ routes }) => routes).map(({ hub }) => [hubPortName(hub), hub]));
    await this.#pollServing();
    const unknown = [...hubs.keys()].filter((name) => !this.#serving.has(name) || this.#closed.has(name));
    const launch: Launch = {
      config: ({ socket, stateFile }) => renderConfig({ frontends: [...frontends] }, { socket, stateFile, threads: this.#options.threads }),
      serverState: renderServerState(unknown, hubs),
      contents: new Set(frontends.map(({ netns }) => netns)),
      frontends: frontends.map(frontendName),
      inner: frontends.filter(({ routes }) => routes.some(({ certificate }) => certificate !== undefined)).map(tlsFrontendName),
    };
    const generation = await this.#proxy.launch(launch).catch((error: unknown) => {
      this.#leaveOut(frontends, words(error));
      throw error;
    });
    this.#unbound.opened(frontends.map(({ id }) => id));
    this.#running = [...frontends];
    for (const [, network] of this.#networks.entries()) network.keepListenPorts(new Set(frontends.filter(({ netns }) => netns === network.netns).map(({ port }) => port)));
    this.#steadiness.keep(new Set(hubs.keys()));
    this.#certificates.keep(new Set(frontends.flatMap(({ routes }) => routes.flatMap(({ certificate }) => certificate ?? []))));
    this.#closed = new Set();
    this.#cleanupAt = undefined;
    this.#options.log('haproxy', { generation: generation.number, frontends: frontends.length, ms: Date.now() - started });
  }

  /** Those that HAProxy could not bind: the next attempt does without them, so that all other pods get what they need. */
  #leaveOut(frontends: readonly Frontend[], error: string): void {
    const unbound = unboundFrontends(error);
    for (const frontend of frontends.filter((each) => unbound.has(frontendName(each)))) {
      this.#networks.at(frontend.netns)?.refuseListenPort(frontend.port);
      this.#unbound.refuse(frontend.id, `no listener for port ${frontend.port} can be opened in the pod: something else has its port there`, Date.now());
    }
  }

  #isLeftOut({ id, netns }: Frontend): boolean {
    const refusal = this.#unbound.leftOut(id, Date.now());
    if (refusal === undefined) return false;
    this.#troubles.set(uidOf(netns), refusal.words);
    this.#loop.triggerIn(refusal.retryInMs);
    return true;
  }

  /** A hub port that was closed for a drain is wanted again. */
  #reopens(frontends: readonly Frontend[]): boolean {
    return frontends.some(({ routes }) => routes.some(({ hub }) => this.#closed.has(hubPortName(hub))));
  }

  #cleanupDue(frontends: readonly Frontend[]): boolean {
    if (frontends.length === this.#running.length) { this.#cleanupAt = undefined; return false; }
    this.#cleanupAt ??= Date.now() + cleanupDelayMs;
    if (Date.now() >= this.#cleanupAt && this.#drains.size === 0) return true;
    this.#loop.triggerIn(Math.max(this.#cleanupAt - Date.now(), drainIntervalMs));
    return false;
  }

  async #startDrains(assignments: readonly Assignment[]): Promise<void> {
    const active = new Set(assignments.filter(({ draining }) => !draining).map(servedKey));
    const leaving = new Set(assignments.filter(({ bridge, pod }) => pod.leaving && bridge.spec.state !== 'Draining').map(servedKey));
    for (const [name, drain] of this.#drains) if (drain.leaving && !leaving.has(name)) this.#drains.delete(name);
    const ending: { frontend: string; route: Route }[] = [];
    for (const [key, { bridge, pod, tcp }] of this.#served) {
      if (active.has(key)) continue;
      this.#served.delete(key);
      const network = this.#networks.get(pod.metadata.uid ?? '');
      if (network === undefined || tcp.length === 0) continue;
      const name = leaving.has(key) ? key : bridgeKey(bridge);
      const drain = this.#drains.get(name) ?? { name, leaving: leaving.has(key), ports: [], startedAt: Date.now(), shut: new Set() };
      for (const { port, route } of tcp) drain.ports.push({ frontend: frontendId(pod.metadata.uid ?? '', port), netns: network.netns, address: network.address, port, hub: route.hub });
      this.#drains.set(drain.name, drain);
      if (!drain.leaving) ending.push(...tcp.map(({ port, route }) => ({ frontend: frontendId(pod.metadata.uid ?? '', port), route })));
    }
    // A pod may go while its bridge stays: hub ports that others still use stay open.
    const used = new Set(assignments.filter(({ bridge }) => bridge.spec.state !== 'Draining').flatMap(({ tcp }) => tcp.map(({ route }) => hubPortName(route.hub))));
    const closing = [...this.#drains.values()].filter(({ leaving: ofPod }) => !ofPod).flatMap(({ ports }) => ports.map(({ hub }) => hub)).filter((hub) => !used.has(hubPortName(hub)) && !this.#closed.has(hubPortName(hub)));
    if (closing.length === 0) return;
    await openOriginals(ending, this.#proxy.generations);
    await refuseNew(unique(closing), this.#proxy.generations);
    for (const hub of closing) this.#closed.add(hubPortName(hub));
  }

  async #advanceDrains(): Promise<void> {
    for (const [key, drain] of this.#drains) {
      const now = Date.now();
      const open = await advance(drain, this.#proxy.generations);
      const ageMs = now - drain.startedAt;
      if (drain.leaving && ageMs > acceptMs && now - (drain.dismissedAt ?? 0) > dismissIntervalMs) {
        drain.dismissedAt = now;
        // The pod may be gone in the middle of it.
        await dismiss(drain, this.#proxy.generations, ageMs).catch(() => undefined);
      }
      // A pod that ends may have clients that ask nothing at the moment.
      if (ageMs < drainLimitMs && (open > 0 || drain.leaving)) continue;
      this.#drains.delete(key);
      this.#options.log('drained', { what: key, ms: ageMs, leftOpen: open });
    }
    if (this.#drains.size > 0) this.#loop.triggerIn(drainIntervalMs);
  }

  #remember(assignments: readonly Assignment[]): void {
    for (const assignment of assignments) {
      const uid = assignment.pod.metadata.uid ?? '';
      if (assignment.draining || this.#networks.get(uid) === undefined) continue;
      this.#served.set(servedKey(assignment), assignment);
      this.#counters.begin(countedKey(assignment.bridge), assignment.tcp.map(({ port, route }) => ({ frontend: frontendId(uid, port), hubPort: route.hub.port })));
    }
    this.#counters.retain(new Set(assignments.map(({ bridge }) => countedKey(bridge))));
  }

  /** Ports with rules where the application greets first. */
  async #whoSpeaksFirst(assignments: readonly Assignment[]): Promise<Set<string>> {
    const now = Date.now();
    const found = new Set<string>();
    await Promise.all(assignments.flatMap(({ bridge, pod, tcp, draining }) => {
      const uid = pod.metadata.uid ?? '';
      const network = this.#networks.get(uid);
      if (network === undefined || draining || !looksInside(bridge.spec)) return [];
      return tcp.map(async ({ port }) => {
        const answer = await network.speaksFirst(port, now).catch(() => 'closed' as const);
        if (answer === 'server') found.add(frontendId(uid, port));
        if (answer === 'closed') this.#loop.triggerIn(1000);
      });
    }));
    return found;
  }

  async #count(which: (generation: Generation) => boolean): Promise<void> {
    await Promise.all(this.#proxy.generations.filter(which).map(async ({ number, api }) => {
      const answer = await api.ask(serverStatsCommand).catch(() => undefined);
      if (answer !== undefined) this.#counters.take(number, parseServerStats(answer));
    }));
    this.#counters.keep(new Set(this.#proxy.generations.map(({ number }) => number)));
  }

  async #pollServing(): Promise<void> {
    const { current } = this.#proxy;
    if (current === undefined || this.#running.length === 0) return;
    try {
      const stats = parseServerStats(await current.api.ask(serverStatsCommand));
      this.#counters.take(current.number, stats);
      if (this.#steadiness.note(stats, current.number, Date.now())) this.#loop.trigger();
      this.#refusing = refusingHubPorts(stats);
      const serving = servingHubPorts(stats);
      if (serving.size === this.#serving.size && [...serving].every((name) => this.#serving.has(name))) return;
      this.#serving = serving;
      this.#frozen.noteServing(serving);
      this.#loop.trigger();
    } catch {
      // It is being replaced or has ended; the next look asks its successor. One that hangs is the watchdog's business.
    }
  }

  /**
   * Where container or hub refuse what is new, open TCP connections have no future either: idle ones are closed, before the next
   * request is lost in them, and the client's new connection gets the original. A link that is only silent may come back with all of them.
   */
  async #closeStranded(): Promise<void> {
    const refusing = this.#refusing;
    if (refusing.size === 0 || this.#closingStranded) return;
    this.#closingStranded = true;
    const ports = [...this.#served.values()].flatMap(({ pod, tcp }) => tcp.flatMap(({ port, route }): DrainingPort[] => {
      const network = this.#networks.get(pod.metadata.uid ?? '');
      const stranded = network !== undefined && route.fallback === 'original' && refusing.has(hubPortName(route.hub));
      return stranded ? [{ frontend: frontendId(pod.metadata.uid ?? '', port), netns: network.netns, address: network.address, port, hub: route.hub }] : [];
    }));
    try {
      if (ports.length > 0) await advance({ name: '', leaving: false, ports, startedAt: Date.now(), shut: new Set() }, this.#proxy.generations, { hopeless: true });
    } finally {
      this.#closingStranded = false;
    }
  }

  async #writeStatuses(bridges: readonly Bridge[], assignments: readonly Assignment[], serverFirst: ReadonlySet<string>): Promise<void> {
    const { node, agent, writeStatus, log } = this.#options;
    const byBridge = Map.groupBy(assignments, ({ bridge }) => bridgeKey(bridge));
    const running = new Set(this.#running.map(({ id }) => id));
    const due: { bridge: Bridge; entries: BridgePod[] }[] = [];
    for (const bridge of bridges) {
      const key = bridgeKey(bridge);
      const { uid } = bridge.metadata;
      const known = this.#written.get(key);
      const before = known !== undefined && known.uid === uid ? known.entries : (bridge.status?.pods ?? []).filter((entry) => entry.node === node);
      const states = (byBridge.get(key) ?? [])
        .filter((assignment) => !assignment.draining || this.#drains.has(key) || this.#drains.has(servedKey(assignment)))
        .map((assignment) => this.#state(assignment, serverFirst, running));
      const entries = statusEntries(states, before, node, agent, new Date());
      if (JSON.stringify(entries) !== JSON.stringify(before)) due.push({ bridge, entries });
    }
    const write = async ({ bridge, entries }: typeof due[number]): Promise<void> => {
      const key = bridgeKey(bridge);
      try {
        await writeStatus(bridge, entries);
        this.#written.set(key, { uid: bridge.metadata.uid, entries });
      } catch (error) {
        log('status cannot be written', { bridge: key, error: words(error) });
        this.#loop.triggerIn(1000);
      }
    };
    await Promise.all(Array.from({ length: writersAtOnce }, async () => {
      for (let next = due.shift(); next !== undefined; next = due.shift()) await write(next);
    }));
    const present = new Set(bridges.map(bridgeKey));
    for (const key of this.#written.keys()) if (!present.has(key)) this.#written.delete(key);
  }

  /** @param running ids of the frontends that HAProxy has */
  #state(assignment: Assignment, serverFirst: ReadonlySet<string>, running: ReadonlySet<string>): EntryState {
    const { bridge, pod, tcp, udp, egress, draining, trouble } = assignment;
    const { name, uid = '' } = pod.metadata;
    // A tap just does not see such a port.
    const greets = looksInside(bridge.spec) && bridge.spec.mode !== 'tap' ? tcp.find(({ port }) => serverFirst.has(frontendId(uid, port))) : undefined;
    const message = pod.leaving ? 'the pod ends' : draining ? 'draining'
      : trouble ?? this.#troubles.get(uid)
      ?? (greets !== undefined ? `the server at port ${greets.port} speaks first, so nothing in it can be told apart (bridge it without rules, certificate and mirroring)` : undefined)
      ?? (tcp.length > 0 && this.#proxy.hangs ? 'HAProxy on this node hangs and does not end: requests go to the original' : undefined)
      ?? (egress === undefined ? undefined : this.#egress.trouble(egress.tunnel))
      ?? (this.#networks.get(uid) === undefined ? "waiting for the pod's network" : undefined);
    const inForce = tcp.every(({ port }) => running.has(frontendId(uid, port))) && tcp.length + udp.length === bridge.spec.ports.length;
    const address = this.#networks.get(uid)?.address;
    const unfrozen = this.#frozen.trouble(assignment);
    const hung = tcp.length > 0 ? this.#hangNote() : undefined;
    const flapping = tcp.some(({ route }) => this.#steadiness.wary(hubPortName(route.hub)));
    return {
      name, ready: message === undefined && inForce, ...(address === undefined ? {} : { address }),
      ...(tcp.length === 0 || pod.leaving || bridge.spec.mode === 'tap' ? {} : { serving: !draining && tcp.every(({ route }) => this.#serving.has(hubPortName(route.hub))) }),
      ...(egress === undefined ? {} : { egress: this.#egress.isOpen(egress.tunnel) }),
      ...(bridge.spec.freeze === true ? { frozen: this.#frozen.has(assignment) } : {}),
      ...(message === undefined ? {} : { message }),
      ...(unfrozen !== undefined && !flapping ? { note: unfrozen } : {}),
      ...(hung === undefined ? {} : { note: hung }),
      ...(flapping ? { note: `the container goes up and down: it gets requests only after ${checkTimings.waryMs / 1000} s without a break` } : {}),
    };
  }

  #hangNote(): string | undefined {
    const leftMs = this.#hungAt === undefined ? 0 : this.#hungAt.getTime() + hangNoteMs - Date.now();
    if (leftMs <= 0) return undefined;
    this.#loop.triggerIn(leftMs);
    return `HAProxy on this node hung and was killed at ${timestamp(this.#hungAt!)}: connections through it broke, and the original answered until it was back`;
  }

  /** A namespace is left when nothing is bridged there and no process of HAProxy, also no replaced one, has connections in it. */
  async #leavePods(wanted: readonly NodePod[], log: Log): Promise<void> {
    const keep = new Set([...wanted.map(({ metadata }) => `${netnsPrefix}${metadata.uid}`), ...this.#running.map(({ netns }) => netns)]);
    for (const { contents } of this.#proxy.generations) for (const netns of contents) keep.add(netns);
    const existing = new Set([...this.#options.pods()].map(({ metadata }) => metadata.uid));
    for (const [uid, network] of this.#networks.entries()) if (!existing.has(uid)) await network.cutOff();
    for (const [uid, { netns }] of [...this.#networks.entries()]) {
      if (keep.has(netns)) continue;
      await this.#networks.leave(uid).catch((error: unknown) => log('leaving a pod', { netns, error: words(error) }));
    }
  }
}

function servedKey({ bridge, pod }: Assignment): string {
  return `${bridgeKey(bridge)} ${bridge.metadata.uid} ${pod.metadata.uid}`;
}

/** A bridge that is made anew begins at zero. */
function countedKey(bridge: Bridge): string {
  return `${bridgeKey(bridge)} ${bridge.metadata.uid}`;
}

function unique(hubs: readonly HubPort[]): HubPort[] {
  return [...new Map(hubs.map((hub) => [hubPortName(hub), hub])).values()];
}

/** The kernel's answer to an expression that it does not have is ENOENT or EOPNOTSUPP for the whole line. */
function nftTrouble(error: string, node: string): string {
  const noTproxy = /tproxy/.test(error) && /No such file or directory|Operation not supported/.test(error);
  return noTproxy
    ? `the kernel of node ${node} has no nft tproxy (CONFIG_NFT_TPROXY, module nft_tproxy), which bridging needs`
    : `the rules cannot be applied: ${error.slice(0, 300)}`;
}
