/**
 * Brings the cluster's objects to what Clients and Bridges ask for. Level-triggered: every run looks at everything that is known
 * and does what is missing, so that it does not matter which changes were seen, and a restart continues where the last one stopped.
 */
import { agentManager } from '../agent-names.ts';
import { fieldManager, labels, names, systemNamespace } from '../../../protocol/names.ts';
import type { Bridge, BridgeEgress, Client, ClusterFacts } from '../../../protocol/objects.ts';
import { withTransitionTimes } from '../conditions.ts';
import { isAlreadyExists, isConflict, isNotFound, isRefused, keyOf, resources, type Kube, type KubeObject, type Resource } from '../kube/index.ts';
import { LevelLoop } from '../level-loop.ts';
import { words, type Log } from '../log.ts';
import { agentPod, type AgentSettings } from './agent-pod.ts';
import { planAgents } from './agent-plan.ts';
import { auditEvent } from './audit.ts';
import { deriveStatus, failure, isKnown, portClaim, wantedPods, type BridgeFacts, type DerivedStatus } from './bridge-status.ts';
import { assignAddresses } from './client-addresses.ts';
import { clusterRanges, hubEndpoints } from './cluster-facts.ts';
import { bridgeGarbage, clientGarbage, type Removal } from './garbage.ts';
import { heldBefore, judgeCollisions } from './collisions.ts';
import { assignHubPorts, type HubPorts } from './hub-ports.ts';
import { planPreviews, unservedWords } from '../preview/plan.ts';
import { planPreviewPod, previewPod } from './preview-pod.ts';
import type { SystemPod, TargetPod } from './pods.ts';
import { ordered, RecentWrites } from './recent-writes.ts';
import { watchWorld, type World } from './world.ts';

export const controllerManager = `${fieldManager}-controller`;

export interface ControllerOptions {
  kube: Kube;
  agent: AgentSettings;
  /** An agent without work is removed after this. */
  agentIdleMs: number;
  dns: ClusterFacts['dns'];
  serviceCidrs: () => readonly string[];
  /** Address of the Service `kubernetes`. */
  apiService: string;
  /** The controller's own pod address. */
  podAddress: string;
  /** The clients' pool, chosen when the ranges are known. */
  pool: (ranges: string[]) => Promise<string>;
  log: Log;
  signal: AbortSignal;
  cpuUs?: () => number;
  now?: () => number;
}

/** Triggers within this time become one run. */
const gatherMs = 2;
/** Everything is looked at this often even if nothing happens. */
const resyncIntervalMs = 30_000;

export class Controller {
  readonly #options: ControllerOptions;
  readonly #world: World;
  readonly #loop: LevelLoop;
  readonly #clientWrites = new RecentWrites();
  readonly #bridgeWrites = new RecentWrites();
  readonly #addresses = new Map<string, string>();
  #ports = new Map<string, HubPorts>();
  /** As decided last, by the bridge's uid. */
  readonly #egress = new Map<string, BridgeEgress>();
  #held: ReadonlySet<string> | undefined;
  #idleSince = new Map<string, number>();
  /** Node to the reason why the cluster does not let its agent be. */
  readonly #refusedAgents = new Map<string, string>();
  /** Bridges whose beginning was told, with the uid of their target. */
  readonly #audited = new Map<string, string | undefined>();
  #takenOver: ReadonlyMap<string, readonly Bridge[]> = new Map();
  #previewIdleSince: number | undefined;
  #missingSince = new Map<string, number>();
  #pool: string | undefined;

  constructor(options: ControllerOptions) {
    this.#options = options;
    const { log, signal, cpuUs } = options;
    const onError = (error: unknown): void => log('failed', { message: words(error) });
    this.#loop = new LevelLoop(() => this.#reconcile(), { gatherMs, onError, signal, cpuUs });
    this.#world = watchWorld(options.kube, { onChange: () => { if (this.#pool !== undefined) this.#loop.trigger(); }, onEnded: (bridge) => void this.#audit(bridge, 'ended'), onError, signal });
  }

  /** Resolves when everything that was there has been seen and the work goes on by itself. */
  async start(): Promise<void> {
    await this.#world.synced;
    this.#pool = await this.#options.pool(this.#ranges());
    this.#loop.trigger();
  }

  #now(): number {
    return (this.#options.now ?? Date.now)();
  }

  async #reconcile(): Promise<void> {
    const now = this.#now();
    const bridges = [...this.#world.bridges.values()].filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    const facts = this.#gather(bridges, now);
    const agents = this.#planAgents(facts, now);
    const preview = this.#planPreview(bridges, now);
    const garbage = bridgeGarbage({ bridges, client: (name) => this.#client(name), missingSince: this.#missingSince, now });
    this.#missingSince = garbage.missingSince;
    const clients = clientGarbage(this.#world.clients.values(), (name) => this.#world.accounts.get({ namespace: systemNamespace, name }), now);
    const nextAt = Math.min(now + resyncIntervalMs, agents.nextAt, preview.nextAt, garbage.nextAt, clients.nextAt, this.#world.targets.nextDueAt);
    this.#loop.triggerIn(Math.max(nextAt - now, 1));
    const doomed = new Set(garbage.remove.map(({ object }) => object.metadata.uid));
    const results = await Promise.allSettled([
      ...agents.create.map((node) => this.#createAgent(node)),
      ...(preview.create ? [this.#createPreview()] : []),
      ...[...agents.remove, ...preview.remove].map(({ agent, why }) => this.#remove(resources.pods, { object: agent, why })),
      ...facts.filter(({ bridge }) => !doomed.has(bridge.metadata.uid)).map((fact) => this.#writeBridge(fact, now)),
      ...facts.flatMap((fact) => this.#clearDeadEntries(fact)),
      ...this.#clientWork(now),
      ...garbage.remove.map((removal) => this.#remove(resources.bridges, removal)),
      ...clients.remove.map((removal) => this.#remove(resources.clients, removal)),
    ]);
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  #gather(bridges: Bridge[], now: number): BridgeFacts[] {
    const { targetPods, targets, systemPods } = this.#world;
    targetPods.need(new Set(bridges.map(({ metadata }) => metadata.namespace ?? '')), now);
    const uids = new Set(bridges.map(({ metadata }) => metadata.uid ?? ''));
    this.#assignAddresses(bridges);
    for (const uid of this.#egress.keys()) if (!uids.has(uid)) this.#egress.delete(uid);
    targets.forgetAllBut(uids);
    this.#bridgeWrites.forgetAllBut(uids);
    this.#ports = assignHubPorts(bridges.map((bridge) => {
      const { metadata: { uid = '', creationTimestamp = '' }, spec, status } = bridge;
      const before = this.#ports.get(uid);
      return { uid, owner: spec.owner, claim: portClaim({ bridge, client: this.#client(spec.client), target: targets.of(bridge, now) }), createdAt: creationTimestamp, ports: spec.ports, assigned: (before === 'share' ? undefined : before) ?? status?.ports ?? [] };
    }));
    const agents = new Map([...systemPods.values()].filter(isAgent).map((agent) => [agent.node, agent]));
    const hub = systemPods.get({ namespace: systemNamespace, name: names.hubPod });
    const unserved = unservedWords(planPreviews(bridges, now, this.#options.dns.domain));
    const facts = bridges.map((bridge): BridgeFacts => {
      const target = targets.of(bridge, now);
      const ports = this.#ports.get(bridge.metadata.uid ?? '');
      return {
        bridge, target, hub,
        client: this.#client(bridge.spec.client),
        ...(bridge.spec.egress === 'pod' ? { egress: { address: this.#addresses.get(bridge.metadata.uid ?? ''), before: this.#egress.get(bridge.metadata.uid ?? '') ?? bridge.status?.egress } } : {}),
        pods: this.#podsOf(bridge, target),
        ports: ports === 'share' ? undefined : ports, overShare: ports === 'share',
        ...(unserved.has(keyOf(bridge)) ? { unserved: unserved.get(keyOf(bridge))! } : {}),
        agent: (node) => agents.get(node),
        refusal: (node) => this.#refusedAgents.get(node),
      };
    });
    const { losers, takenOver, held } = judgeCollisions(facts, this.#held ?? heldBefore(bridges));
    this.#held = held;
    this.#takenOver = takenOver;
    return facts.map((fact) => {
      const taken = losers.get(fact.bridge.metadata.uid ?? '');
      return taken === undefined ? fact : { ...fact, taken };
    });
  }

  #podsOf({ metadata }: Bridge, target: BridgeFacts['target']): TargetPod[] | undefined {
    if (target === undefined || 'problem' in target) return undefined;
    return this.#world.targetPods.select(metadata.namespace ?? '', target.selector);
  }

  #client(name: string): Client | undefined {
    return this.#world.clients.get({ namespace: systemNamespace, name });
  }

  #planAgents(facts: BridgeFacts[], now: number): ReturnType<typeof planAgents> {
    const { agent: { image, version }, agentIdleMs } = this.#options;
    const plan = planAgents({
      wanted: new Set(facts.filter((fact) => failure(fact) === undefined).flatMap(wantedPods).map(({ node }) => node)),
      nodes: new Set([...this.#world.nodes.values()].filter(({ linux }) => linux).map(({ metadata }) => metadata.name)),
      agents: [...this.#world.systemPods.values()].filter(isAgent),
      image, version, idleMs: agentIdleMs, idleSince: this.#idleSince, now,
      versionOf: ({ metadata }) => metadata.labels?.[labels.version],
    });
    this.#idleSince = plan.idleSince;
    return plan;
  }

  #planPreview(bridges: Bridge[], now: number): ReturnType<typeof planPreviewPod> {
    const { agent: { image, version } } = this.#options;
    const pod = this.#world.systemPods.get({ namespace: systemNamespace, name: names.preview });
    const plan = planPreviewPod({ bridges, pod, image, version, idleSince: this.#previewIdleSince, now });
    this.#previewIdleSince = plan.idleSince;
    return plan;
  }

  async #createPreview(): Promise<void> {
    try {
      await this.#options.kube.create(resources.pods, previewPod(this.#options.agent));
      this.#options.log('preview-created');
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
  }

  async #createAgent(node: string): Promise<void> {
    const { kube, agent, log } = this.#options;
    try {
      await kube.create(resources.pods, agentPod(node, agent));
      log('agent-created', { node });
      this.#refusedAgents.delete(node);
    } catch (error) {
      // Made by the run before, and not seen yet.
      if (isAlreadyExists(error)) return;
      // People read it in the status of the bridges that need this agent.
      if (isRefused(error)) this.#refusedAgents.set(node, refusalWords(words(error)));
      throw error;
    }
  }

  async #remove(resource: Resource, { object, why }: Removal<KubeObject>): Promise<void> {
    try {
      await this.#options.kube.delete(resource, object.metadata, { uid: object.metadata.uid });
      this.#options.log('deleted', { kind: resource.kind, object: keyOf(object), why });
    } catch (error) {
      if (!isConflict(error)) throw error;
    }
  }

  async #writeBridge(fact: BridgeFacts, now: number): Promise<void> {
    const { bridge } = fact;
    const { uid = '' } = bridge.metadata;
    if (bridge.status?.phase !== undefined && !isKnown(fact)) return;
    const wanted = deriveStatus(fact);
    if (wanted.egress !== undefined) this.#egress.set(uid, wanted.egress);
    if (!this.#bridgeWrites.mustWrite(uid, ordered(controllerPart(bridge, wanted)), ordered(wanted), now)) return;
    if (bridge.status?.phase !== wanted.phase && wanted.phase === 'Ready') void this.#audit({ ...bridge, status: { ...bridge.status, ...wanted, conditions: [] } }, 'begun');
    if (bridge.status?.phase !== wanted.phase) this.#options.log('phase', { bridge: keyOf(bridge), phase: wanted.phase, reason: wanted.conditions.at(-1)?.reason });
    const conditions = withTransitionTimes(bridge.status?.conditions, wanted.conditions, new Date(now));
    await this.#apply(resources.bridges, bridge, { ...wanted, conditions }, controllerManager).catch((error: unknown) => {
      this.#bridgeWrites.forget(uid);
      throw error;
    });
  }

  /** Told to people only: a cluster that takes no events loses nothing else. */
  async #audit(bridge: Bridge, what: 'begun' | 'ended'): Promise<void> {
    const uid = bridge.metadata.uid ?? '';
    // One that never was attached has done nothing.
    if (what === 'begun') this.#audited.set(uid, targetUid(this.#world.targets.of(bridge, this.#now())));
    else if (!this.#audited.has(uid) && bridge.status?.phase !== 'Ready' && bridge.status?.phase !== 'Draining') return;
    const event = auditEvent(bridge, what, this.#audited.get(uid), new Date(this.#now()), this.#takenOver.get(uid));
    if (what === 'ended') this.#audited.delete(uid);
    try {
      await this.#options.kube.create(resources.events, event);
    } catch (error) {
      if (!isAlreadyExists(error)) this.#options.log('failed', { what: 'event', bridge: keyOf(bridge), message: words(error) });
    }
  }

  /** Entries of agents that neither live nor come back: nobody else would ever take them away. */
  #clearDeadEntries({ bridge, agent, ...rest }: BridgeFacts): Promise<void>[] {
    const needed = new Set(failure({ bridge, ...rest }) === undefined ? wantedPods(rest).map(({ node }) => node) : []);
    const pods = rest.pods;
    if (pods === undefined && rest.target === undefined) return [];
    const dead = new Set((bridge.status?.pods ?? []).map(({ node }) => node).filter((node) => agent(node) === undefined && !needed.has(node)));
    return [...dead].map((node) => this.#apply(resources.bridges, bridge, {}, agentManager(node)));
  }

  #clientWork(now: number): Promise<void>[] {
    const clients = [...this.#world.clients.values()];
    const uids = new Set(clients.map(({ metadata }) => metadata.uid ?? ''));
    this.#clientWrites.forgetAllBut(uids);
    const { dns, agent: { version } } = this.#options;
    const hub = this.#world.systemPods.get({ namespace: systemNamespace, name: names.hubPod });
    const [service] = this.#world.hubServices.values();
    const cluster: ClusterFacts = { ranges: this.#ranges(), dns, endpoints: hubEndpoints(service, this.#world.nodes.values(), hub?.node), version };
    return clients.map(async (client) => {
      const { uid = '' } = client.metadata;
      const address = this.#addresses.get(uid);
      const wanted = { cluster, ...(address === undefined ? {} : { address }) };
      const { address: presentAddress, cluster: presentCluster } = client.status ?? {};
      if (!this.#clientWrites.mustWrite(uid, ordered({ cluster: presentCluster, address: presentAddress }), ordered(wanted), now)) return;
      if (address === undefined) this.#options.log('pool-exhausted', { client: client.metadata.name, pool: this.#pool });
      await this.#apply(resources.clients, client, wanted, controllerManager).catch((error: unknown) => {
        this.#clientWrites.forget(uid);
        throw error;
      });
    });
  }

  #assignAddresses(bridges: readonly Bridge[]): void {
    const addresses = assignAddresses([...this.#world.clients.values(), ...bridges.filter(({ spec }) => spec.egress === 'pod')], this.#pool ?? '', this.#addresses);
    this.#addresses.clear();
    for (const [uid, address] of addresses) this.#addresses.set(uid, address);
  }

  #ranges(): string[] {
    const { serviceCidrs, apiService, podAddress } = this.#options;
    const addresses = [...this.#world.systemPods.values()].map(({ address }) => address).filter((address) => address !== undefined);
    return clusterRanges({ nodes: this.#world.nodes.values(), serviceCidrs: serviceCidrs(), apiService, podAddresses: [podAddress, ...addresses] });
  }

  /** One incarnation's status; an object that is gone meanwhile needs none. */
  async #apply(resource: Resource, { metadata: { namespace, name, uid } }: Bridge | Client, status: object, manager: string): Promise<void> {
    const metadata = { name, ...(namespace === undefined ? {} : { namespace }), ...(uid === undefined ? {} : { uid }) };
    try {
      await this.#options.kube.apply(resource, { metadata, status }, { manager, subresource: 'status' });
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }
}

/** Those fields of the present status that the controller writes, in the form in which it derives them. */
function controllerPart({ status = {} }: Bridge, wanted: DerivedStatus): object {
  const types = new Set(wanted.conditions.map(({ type }) => type));
  const conditions = (status.conditions ?? []).filter(({ type }) => types.has(type)).map((condition) => ({ ...condition, lastTransitionTime: undefined }));
  return { ...status, pods: undefined, conditions };
}

/** What a policy says behind the API server's own words: `pods "x" is forbidden: violates PodSecurity ...`, `... denied request: ...`. */
export function refusalWords(message: string): string {
  return (/denied (?:the )?request: (.*)$/s.exec(message) ?? / is forbidden: (.*)$/s.exec(message))?.[1]?.trim() ?? message;
}

const targetUid = (target: BridgeFacts['target']): string | undefined => (target === undefined || 'problem' in target ? undefined : target.uid);

const isAgent = ({ metadata }: SystemPod): boolean => metadata.labels?.[labels.component] === 'agent';
