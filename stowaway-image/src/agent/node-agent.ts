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
import { readDiffLine } from './diff/read-line.ts';
import { allTaken } from './drain.ts';
import { acceptMs, Drains } from './drains.ts';
import { EgressWays } from './egress-ways.ts';
import { entryState } from './entry-state.ts';
import { FrozenOriginals } from './freeze/frozen-originals.ts';
import { bridgesIn, buildFrontends, frontendId, restBeforeNext } from './frontends.ts';
import { LostRules } from './lost-rules.ts';
import { bridgeKey, planAssignments, regexRules, type Assignment } from './plan.ts';
import { netnsPrefix, PodNetworks, uidOf } from './pod-networks.ts';
import { checkRules, nftTrouble, rulesFor } from './pod-rules.ts';
import type { NodePod } from './pods/node-pod.ts';
import type { Processes } from './pods/proc-table.ts';
import { unboundFrontends } from './proxy/bind-errors.ts';
import { checkOrder } from './proxy/check.ts';
import { frontendName, renderConfig, tlsFrontendName } from './proxy/config.ts';
import { hubPortName } from './proxy/hub-port.ts';
import type { Frontend } from './proxy/model.ts';
import { sampleProcess } from './proxy/process-sample.ts';
import { RuleCheck } from './proxy/rule-check.ts';
import { renderServerState } from './proxy/server-state.ts';
import { HaproxySupervisor, type Generation, type Launch } from './proxy/supervisor.ts';
import { Watchdog } from './proxy/watchdog.ts';
import { QuietOriginals, type BridgedPort } from './quiet-originals.ts';
import { Statuses } from './statuses.ts';
import { readTapLine } from './tap/read-line.ts';
import { TapEvents } from './tap/tap-events.ts';
import { certificateLookMs, Certificates } from './tls/certificates.ts';
import { TrafficLooks } from './traffic-looks.ts';
import { UnboundFrontends } from './unbound.ts';

/** Pods whose sandbox does not exist yet are looked for this often, so that they are bridged before they are Ready. */
const scanIntervalMs = 50;
const enterAgainMs = 500;
const servingIntervalMs = 250;
/** With hundreds of bridges HAProxy's numbers are a megabyte: looking at them takes a tenth of the time at most. */
const lookShare = 10;
const mostServingIntervalMs = 2000;
/** Configuration that nobody needs any more is dropped after this long: by then another change has often come. */
const cleanupDelayMs = 3000;
/** A killed process ends at once, unless the kernel itself holds it. */
const killedEndMs = 500;
/** So long the status tells of a hang that is over. */
const hangNoteMs = 60_000;
/** Is all over that an agent which stops has waited for? */
const stopIntervalMs = 30;
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
  cpuUs?: () => number;
}

export class NodeAgent {
  readonly #options: NodeAgentOptions;
  readonly #loop: LevelLoop;
  readonly #networks: PodNetworks;
  readonly #proxy: HaproxySupervisor;
  readonly #ruleCheck: RuleCheck;
  readonly #certificates: Certificates;
  readonly #tapped = new TapEvents();
  readonly #looks: TrafficLooks;
  readonly #drains: Drains;
  readonly #frozen: FrozenOriginals;
  readonly #egress: EgressWays;
  readonly #quietOriginals: QuietOriginals;
  readonly #lost: LostRules;
  readonly #statuses: Statuses;
  readonly #unbound = new UnboundFrontends();
  readonly #watching = new AbortController();
  /** HAProxy has these. */
  #running: Frontend[] = [];
  /** When the current HAProxy was started, by a clock that nobody sets. */
  #launchedAt = -Infinity;
  /** When HAProxy is made to drop what nobody needs any more. */
  #cleanupAt: number | undefined;
  /** When HAProxy was found hung last. */
  #hungAt: Date | undefined;
  /** Troubles found while acting, by pod UID. */
  #troubles = new Map<string, string>();
  /** By name of their network namespace. */
  #podNames = new Map<string, string>();

  constructor(options: NodeAgentOptions) {
    this.#options = options;
    const { log, signal, processes, cpuUs } = options;
    const trigger = (): void => this.#loop.trigger();
    const triggerIn = (ms: number): void => this.#loop.triggerIn(ms);
    this.#networks = new PodNetworks(processes, options);
    this.#egress = new EgressWays(this.#networks, log);
    this.#quietOriginals = new QuietOriginals({ log, signal });
    this.#lost = new LostRules({ networks: () => [...this.#networks.entries()].map(([, network]) => network), log, trigger, triggerIn });
    this.#ruleCheck = new RuleCheck(options.directory);
    this.#certificates = new Certificates(options.directory, processes);
    this.#proxy = new HaproxySupervisor({ directory: options.directory, log, onEnd: (_, unexpected) => this.#onProcessEnd(unexpected), onTapLine: (line) => this.#tap(line) });
    const generations = (): readonly Generation[] => this.#proxy.generations;
    const watchdog = new Watchdog({ watched: generations, sample: sampleProcess, onHung: (generation, facts) => this.#endHung(generation, facts) });
    this.#drains = new Drains({ generations, network: (uid) => this.#networks.get(uid), log, onEnd: trigger });
    this.#looks = new TrafficLooks({
      generations, serving: () => (this.#running.length === 0 ? undefined : this.#proxy.current),
      onChange: () => {
        this.#frozen.noteServing(this.#looks.serving);
        trigger();
      },
    });
    this.#frozen = new FrozenOriginals({ processes, wary: (name) => this.#looks.steadiness.wary(name), log, trigger, triggerIn });
    this.#statuses = new Statuses({ ...options, triggerIn });
    this.#loop = new LevelLoop(async () => await this.#reconcile(), {
      gatherMs, signal, cpuUs, onError: (error) => log('reconciling failed; it is tried again', { error: words(error) }),
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

  /** One that ended by itself comes back with what it had: what has changed since does not wait. */
  #onProcessEnd(unexpected: boolean): void {
    if (unexpected) this.#launchedAt = -Infinity;
    this.#loop.trigger();
  }

  /** At what HAProxy says, again and again. */
  async #look(): Promise<void> {
    const { signal } = this.#options;
    while (!signal.aborted) {
      const startedAt = performance.now();
      await this.#looks.look();
      const tookMs = performance.now() - startedAt;
      void this.#drains.closeStranded(this.#looks.refusing);
      void this.#looks.count(({ retiredAt }) => retiredAt !== undefined).then(() => this.#proxy.endIdle());
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
    return await this.#looks.countersOf(bridge);
  }

  /** Looked up in the kernel, not remembered; undefined when the bridge is not served here. */
  async checkRules(bridge: Bridge): Promise<PodRulesCheck[] | undefined> {
    const { bridges, pods, client } = this.#options;
    const mine = planAssignments({ bridges: [...bridges()], pods: pods(), client, rulesTrouble: (rules) => this.#ruleCheck.trouble(rules) }).filter((assignment) => assignment.bridge.metadata.uid === bridge.metadata.uid);
    if (mine.length === 0) return undefined;
    return await Promise.all(mine.map(async (assignment) => await checkRules(assignment, this.#networks.get(assignment.pod.metadata.uid ?? ''))));
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
    const ledUntil = Date.now();
    // What the kernel has accepted for a listener is lost when that is closed: HAProxy takes it first.
    await pause(acceptMs);
    for (const { netns, listenPort } of this.#running) while (!await allTaken(netns, listenPort, Date.now() - ledUntil)) await pause(stopIntervalMs);
    await this.#drains.start([]);
    await this.#proxy.retireLast();
    while (Date.now() < until && (this.#drains.underWay || await this.#proxy.openConnections() > 0)) await pause(stopIntervalMs);
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
    if (this.#drains.isLeft(assignments)) {
      await this.#applyRules(assignments, this.#running, frozenPorts);
      await this.#drains.start(assignments);
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
      steadiness: this.#looks.steadiness,
      noListener: (uid, port, error) => this.#troubles.set(uid, `no listener for port ${port}: ${error}`),
    }).filter((frontend) => !this.#isLeftOut(frontend));

    await this.#applyRules(assignments, this.#running, frozenPorts);
    await this.#drains.start(assignments);
    // A process that hangs hands nothing over; its end brings us here again.
    if (!this.#proxy.hangs && (this.#isOutdated(frontends) || this.#reopens(frontends) || this.#cleanupDue(frontends))) await this.#launch(frontends);
    const running = new Set(this.#running.map(({ id }) => id));
    const served = frontends.filter(({ id }) => running.has(id));
    await this.#applyRules(assignments, served, frozenPorts);
    await this.#frozen.set(toFreeze);
    this.#remember(assignments);
    this.#quietOriginals.watch(this.#wholePorts(assignments, served, frozenPorts));
    await this.#egress.apply(assignments);
    await this.#writeStatuses(all, assignments, serverFirst);
    await this.#leavePods(wantedPods, log);
    this.#lost.watch();
  }

  /** Leads to HAProxy what it has a frontend for, and nothing else; nothing at all while it hangs. Called before a reload with the old ones and after it with the new ones. */
  async #applyRules(assignments: readonly Assignment[], frontends: readonly Frontend[], frozenPorts: (uid: string) => ReadonlySet<number> = () => new Set()): Promise<void> {
    await Promise.all([...this.#networks.entries()].map(async ([uid, network]) => {
      const { tcp, udp } = rulesFor(assignments, { uid, nodeAddress: network.nodeAddress, frontends: this.#proxy.hangs ? [] : frontends, answered: frozenPorts(uid) });
      try {
        if (await network.apply(tcp, udp)) this.#options.log('rules', { netns: network.netns, tcp: tcp.map(({ port }) => port) });
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
    await this.#looks.look();
    const unknown = new Set([...hubs.keys()].filter((name) => !this.#looks.serving.has(name) || this.#drains.isClosed(name)));
    const launch: Launch = {
      config: ({ socket, stateFile }) => renderConfig({ frontends: [...frontends] }, { socket, stateFile, threads: this.#options.threads, checkFirst: checkOrder([...hubs.keys()], unknown, this.#proxy.current?.number ?? 0) }),
      serverState: renderServerState([...unknown], hubs),
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
    this.#launchedAt = performance.now();
    for (const [, network] of this.#networks.entries()) network.keepListenPorts(new Set(frontends.filter(({ netns }) => netns === network.netns).map(({ port }) => port)));
    this.#looks.steadiness.keep(new Set(hubs.keys()));
    this.#certificates.keep(new Set(frontends.flatMap(({ routes }) => routes.flatMap(({ certificate }) => certificate ?? []))));
    this.#drains.noteNewProcess();
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
    return frontends.some(({ routes }) => routes.some(({ hub }) => this.#drains.isClosed(hubPortName(hub))));
  }

  /** HAProxy lacks something, and it is time for a new process. */
  #isOutdated(frontends: readonly Frontend[]): boolean {
    const restMs = restBeforeNext(this.#running, frontends);
    if (restMs === undefined) return false;
    const leftMs = this.#launchedAt + restMs - performance.now();
    if (leftMs <= 0) return true;
    this.#loop.triggerIn(leftMs);
    return false;
  }

  #cleanupDue(frontends: readonly Frontend[]): boolean {
    if (frontends.length === this.#running.length) { this.#cleanupAt = undefined; return false; }
    this.#cleanupAt ??= Date.now() + cleanupDelayMs;
    if (Date.now() >= this.#cleanupAt && !this.#drains.underWay) return true;
    if (!this.#drains.underWay) this.#loop.triggerIn(this.#cleanupAt - Date.now());
    return false;
  }

  /** Traffic of these is bridged from now on. */
  #remember(assignments: readonly Assignment[]): void {
    const served = assignments.filter(({ draining, pod }) => !draining && this.#networks.get(pod.metadata.uid ?? '') !== undefined);
    for (const assignment of served) this.#drains.serve(assignment);
    this.#looks.countFor(served, assignments);
  }

  /** Those of which the container gets every connection. Where rules stand, others use the port as well, and nothing of theirs is touched. */
  #wholePorts(assignments: readonly Assignment[], frontends: readonly Frontend[], frozenPorts: (uid: string) => ReadonlySet<number>): BridgedPort[] {
    if (this.#proxy.hangs) return [];
    return [...this.#networks.entries()].flatMap(([uid, { netns, address, nodeAddress }]) => {
      const led = rulesFor(assignments, { uid, nodeAddress, frontends, answered: frozenPorts(uid) }).tcp;
      return led.flatMap(({ port, exclude }) => {
        const route = frontends.find(({ id }) => id === frontendId(uid, port))?.routes.find(({ mode, rules }) => mode === 'steal' && rules.length === 0);
        return route === undefined ? [] : [{ netns, address, port, exclude, serves: () => this.#looks.serving.has(hubPortName(route.hub)) }];
      });
    });
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

  async #writeStatuses(bridges: readonly Bridge[], assignments: readonly Assignment[], serverFirst: ReadonlySet<string>): Promise<void> {
    const byBridge = Map.groupBy(assignments, ({ bridge }) => bridgeKey(bridge));
    const facts = {
      network: (uid: string) => this.#networks.get(uid), trouble: (uid: string) => this.#troubles.get(uid), serverFirst, running: bridgesIn(this.#running),
      serving: this.#looks.serving, steadiness: this.#looks.steadiness, egress: this.#egress, frozen: this.#frozen, hangs: this.#proxy.hangs, hungBefore: this.#hangNote(),
    };
    await this.#statuses.write(bridges, (bridge) => (byBridge.get(bridgeKey(bridge)) ?? [])
      .filter((assignment) => !assignment.draining || this.#drains.has(assignment))
      .map((assignment) => entryState(assignment, facts)));
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
