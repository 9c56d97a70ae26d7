/** The hub: WireGuard endpoint of all clients, and the way from agents to them. */
import type { Heartbeat, SessionRef } from '../../../protocol/heartbeat.ts';
import { names, systemNamespace } from '../../../protocol/names.ts';
import type { Bridge, Client, ClientTraffic, HubFacts } from '../../../protocol/objects.ts';
import { follow, pause, resources, type Followed, type Kube } from '../kube/index.ts';
import { LevelLoop } from '../level-loop.ts';
import { words, type Log } from '../log.ts';
import { hubAddress, poolOf, type PoolConfigMap } from '../network/pool.ts';
import { isWritten, wantedStatus, writeStatus } from './client-status.ts';
import { EndedBridges } from './ended-bridges.ts';
import { serveHeartbeats } from './heartbeat-server.ts';
import type { KeyPair } from './key.ts';
import { planHub, type HubPlan } from './plan.ts';
import { presenceOf, type Heard } from './presence.ts';
import { TrafficBook, type Transfer } from './traffic-book.ts';
import { bringUp, device, Tunnel, type TunnelTools } from './tunnel.ts';

export interface HubOptions {
  kube: Kube;
  key: KeyPair;
  tools: TunnelTools;
  log: Log;
  signal: AbortSignal;
  cpuUs?: () => number;
  now?: () => number;
}

/** Triggers within this time become one change of the firewall. */
const gatherMs = 3;
/** Peers and ports are compared with the wish this often even if nothing happens. */
const resyncIntervalMs = 30_000;
/** Bytes are read this often at most; a status is written for them when there are many more. */
const trafficIntervalMs = 60_000;
/** What is under way when the hub has to end may take this long; less than the pod's grace period. */
const drainMs = 2_000;
/** Timers of phases are not cut finer than this. */
const leastPhaseWaitMs = 50;

/** Waits until the controller has chosen the clients' pool. */
export async function awaitPool(kube: Kube, signal: AbortSignal, onError: (error: unknown) => void): Promise<string> {
  const found = new AbortController();
  const either = AbortSignal.any([signal, found.signal]);
  return await new Promise<string>((resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error('stopped while waiting for the client pool')), { once: true });
    follow<PoolConfigMap>(kube, resources.configMaps, {
      namespace: systemNamespace, fieldSelector: `metadata.name=${names.network}`, signal: either, onError,
      onChange: ({ object }) => {
        const pool = poolOf(object);
        if (pool === undefined) return;
        found.abort();
        resolve(pool);
      },
    });
  });
}

export class Hub {
  readonly #options: HubOptions;
  /** By uid: a client that is made anew starts anew. */
  readonly #heard = new Map<string, Heard>();
  /** Clients by WireGuard address, as last planned. */
  #byAddress = new Map<string, Client>();
  readonly #traffic = new TrafficBook();
  #transfers: ReadonlyMap<string, Transfer> = new Map();
  #transfersAt = -Infinity;
  #startedAt = 0;
  #loop: LevelLoop | undefined;
  #tunnel: Tunnel | undefined;

  constructor(options: HubOptions) {
    this.#options = options;
  }

  /** Resolves when peers and ports of all present clients are in force and heartbeats are heard. */
  async start(pool: string): Promise<void> {
    const { kube, key, tools, log, signal, cpuUs } = this.#options;
    await bringUp(tools, key, pool);
    const trigger = (): void => this.#loop?.trigger();
    const onError = (error: unknown): void => log('failed', { message: words(error) });
    const clients = follow<Client>(kube, resources.clients, { namespace: systemNamespace, signal, onError, onChange: trigger });
    const bridges = follow<Bridge>(kube, resources.bridges, { signal, onError, onChange: trigger });
    await Promise.all([clients.synced, bridges.synced]);
    this.#startedAt = this.#now();
    const facts: HubFacts = { publicKey: key.publicKey, address: hubAddress(pool), pool };
    const tunnel = new Tunnel(tools);
    this.#tunnel = tunnel;
    const resync = setInterval(() => tunnel.distrust(), resyncIntervalMs);
    signal.addEventListener('abort', () => clearInterval(resync), { once: true });
    this.#loop = new LevelLoop(() => this.#reconcile(clients, bridges, tunnel, facts), { gatherMs, onError, signal, cpuUs });
    await this.#reconcile(clients, bridges, tunnel, facts);
    const ended = new EndedBridges({ kube, log, find: (ref) => bridges.get(ref) });
    await serveHeartbeats({ address: facts.address, onHeartbeat: (from, heartbeat) => this.#hear(from, heartbeat, ended), onError, signal });
  }

  /** An orderly end: agents are refused and send what is new to the originals, while open requests find their way back. */
  async drain(): Promise<void> {
    await this.#tunnel?.close();
    await pause(drainMs);
  }

  #now(): number {
    return (this.#options.now ?? Date.now)();
  }

  #hear(from: string, heartbeat: Heartbeat, ended: EndedBridges): SessionRef[] {
    const client = this.#byAddress.get(from);
    if (client === undefined) return [];
    const uid = client.metadata.uid ?? '';
    const before = this.#heard.get(uid);
    this.#heard.set(uid, { at: this.#now(), transport: heartbeat.transport });
    if (client.status?.phase !== 'Online' || before?.transport !== heartbeat.transport) this.#loop?.trigger();
    return ended.report(client, heartbeat.ended);
  }

  async #reconcile(clients: Followed<Client>, bridges: Followed<Bridge>, tunnel: Tunnel, facts: HubFacts): Promise<void> {
    const { key, log } = this.#options;
    const now = this.#now();
    const all = [...clients.values()];
    const presences = new Map(all.map((client) => [client.metadata.name, presenceOf(client, this.#heard.get(client.metadata.uid ?? ''), this.#startedAt, now)]));
    const plan = planHub({
      clients: all, bridges: bridges.values(), publicKey: key.publicKey,
      // A client that never was heard has no traffic yet; one that is Pending is let through so that its first check can succeed.
      isOnline: ({ metadata }) => ['Online', 'Pending'].includes(presences.get(metadata.name)?.phase ?? ''),
      isRelayed: ({ metadata }) => presences.get(metadata.name)?.transport === 'api',
    });
    this.#remember(all, plan);
    if (await tunnel.apply(plan)) log('applied', { peers: plan.peers.length, ports: plan.ports.length, silent: plan.silent.length });
    const next = Math.min(...[...presences.values()].map(({ changesAt }) => changesAt), now + resyncIntervalMs);
    this.#loop?.triggerIn(Math.max(next - now, leastPhaseWaitMs));
    await this.#readTransfers(now);
    await this.#writeStatuses(all, presences, plan, facts);
  }

  async #readTransfers(now: number): Promise<void> {
    if (now - this.#transfersAt < trafficIntervalMs) return;
    this.#transfersAt = now;
    this.#transfers = await this.#options.tools.wg.transfers(device);
  }

  #remember(clients: Client[], plan: HubPlan): void {
    this.#byAddress = new Map(clients.filter(({ metadata }) => !plan.refused.has(metadata.name)).flatMap((client) => (client.status?.address === undefined ? [] : [[client.status.address, client]])));
    const present = new Set(clients.map(({ metadata }) => metadata.uid));
    this.#traffic.forgetAllBut(new Set(clients.map(({ metadata, spec }) => `${metadata.uid}/${spec.publicKey}`)));
    for (const uid of this.#heard.keys()) if (!present.has(uid)) this.#heard.delete(uid);
  }

  #trafficOf({ metadata, spec, status }: Client): ClientTraffic | undefined {
    const transfer = this.#transfers.get(spec.publicKey);
    return transfer === undefined ? status?.traffic : this.#traffic.count(`${metadata.uid}/${spec.publicKey}`, status?.traffic, transfer);
  }

  async #writeStatuses(clients: Client[], presences: ReadonlyMap<string, ReturnType<typeof presenceOf>>, plan: HubPlan, facts: HubFacts): Promise<void> {
    const configured = new Set(plan.peers.map(({ publicKey }) => publicKey));
    const now = new Date(this.#now());
    await Promise.all(clients.map(async (client) => {
      const presence = presences.get(client.metadata.name);
      if (presence === undefined) return;
      const refused = plan.refused.get(client.metadata.name);
      const isPeer = client.status?.address !== undefined && refused === undefined && configured.has(client.spec.publicKey);
      const status = wantedStatus({ client, presence, facts: isPeer ? facts : undefined, refused, traffic: this.#trafficOf(client), now });
      if (isWritten(client, status)) return;
      if (client.status?.phase !== status.phase) this.#options.log('phase', { client: client.metadata.name, phase: status.phase, transport: status.transport });
      await writeStatus(this.#options.kube, client, status);
    }));
  }
}
