/** The network namespace of one pod, entered from outside: its name, its address, and our rules in it. */
import { readFileSync, readlinkSync } from 'node:fs';
import { tunnelDevice } from '../../../../protocol/egress.ts';
import { closeTunnel, letTunnelIn, makeTunnel } from '../../adapters/egress.ts';
import { addReturnRoute, attachNetns, detachNetns, hasReturnRoute, netnsAddresses, nodeSourceAddress, removeReturnRoute } from '../../adapters/netns.ts';
import { nft } from '../../adapters/nft.ts';
import { destroySockets } from '../../adapters/socket-idle.ts';
import { whoSpeaksFirst, type FirstByte } from '../../adapters/first-byte.ts';
import { freePort, listeningPorts, takenPorts } from './listening.ts';
import { linkWords, openLines, type PodEgress } from './egress.ts';
import { chainSizes, listedChainSizes, lostTables, tablesIn } from './lost-tables.ts';
import { renderEgress, renderRemoval, renderReturn, renderRules, returnRoute, ruledPorts, tableKinds, tableName, type PodRules } from './tables.ts';

/** A port that was closed is asked again, but not at every look. */
const askAgainMs = 1000;

export class PodNetwork {
  readonly netns: string;
  readonly address: string;
  /** Where the kubelet's probes come from. */
  readonly nodeAddress: string | undefined;
  readonly #instance: string;
  readonly #pid: number;
  readonly #listenPorts = new Map<number, number>();
  /** Of listeners that the current HAProxy no longer has, but a replaced one perhaps keeps open. */
  readonly #formerListenPorts = new Set<number>();
  /** Where no listener of ours could be opened. */
  readonly #unusable = new Set<number>();
  readonly #firstBytes = new Map<number, { answer: FirstByte; askedAt: number }>();
  #applied = '';
  #returnBegun = false;
  #returns = false;
  /** The rules of ways out, while there are some. */
  #out = '';
  /** By device. */
  readonly #egress = new Map<string, PodEgress>();
  #cutOff = false;

  private constructor(netns: string, address: string, nodeAddress: string | undefined, instance: string, pid: number) {
    this.netns = netns;
    this.address = address;
    this.nodeAddress = nodeAddress;
    this.#instance = instance;
    this.#pid = pid;
  }

  /**
   * @param pid a process of the pod; the sandbox's (`pause`) is there before all others
   * @param known the pod's addresses as the API server knows them, perhaps none yet
   * @returns undefined when the namespace is not set up yet
   * @throws CommandError and leaves no name behind
   */
  static async enter(netns: string, pid: number, known: readonly string[], { instance, nodePid }: { instance: string; nodePid: number }): Promise<PodNetwork | undefined> {
    if (!hasOwnNetwork(pid, nodePid)) return undefined;
    await attachNetns(netns, pid);
    try {
      const addresses = await netnsAddresses(netns);
      const address = addresses.find((candidate) => known.includes(candidate)) ?? addresses[0];
      if (address !== undefined) return new PodNetwork(netns, address, await nodeSourceAddress(address, nodePid), instance, pid);
    } catch (error) {
      await detachNetns(netns).catch(() => undefined);
      throw error;
    }
    await detachNetns(netns);
    return undefined;
  }

  /** The port of our listener for a port of the pod; chosen once. @param reserved ports that the pod declares @throws Error when none is free */
  listenPort(port: number, reserved: readonly number[]): number {
    const chosen = this.#listenPorts.get(port);
    if (chosen !== undefined) return chosen;
    const taken = new Set([...reserved, ...this.#listenPorts.values(), ...this.#unusable, ...this.#sockets(takenPorts)]);
    const free = freePort(taken);
    this.#listenPorts.set(port, free);
    return free;
  }

  /** HAProxy could not open this port's listener: something has its port that was not to be seen. Another one is chosen next time. */
  refuseListenPort(port: number): void {
    const refused = this.#listenPorts.get(port);
    if (refused === undefined) return;
    this.#listenPorts.delete(port);
    this.#unusable.add(refused);
  }

  /**
   * The current HAProxy has listeners for these ports only. For another one a new listener will be needed, and it must not share
   * the old one's port: a replaced process keeps its sockets open though it accepts nothing from them, and of two sockets on one
   * port the kernel gives each a part of the connections. Those of the old one would wait for its end, and then be reset.
   */
  keepListenPorts(ports: ReadonlySet<number>): void {
    for (const [port, listenPort] of [...this.#listenPorts]) {
      if (ports.has(port)) continue;
      this.#listenPorts.delete(port);
      this.#formerListenPorts.add(listenPort);
    }
  }

  async speaksFirst(port: number, now: number): Promise<FirstByte> {
    const known = this.#firstBytes.get(port);
    if (known !== undefined && (known.answer !== 'closed' || now - known.askedAt < askAgainMs)) return known.answer;
    const answer = await whoSpeaksFirst(this.netns, this.address, port);
    this.#firstBytes.set(port, { answer, askedAt: now });
    return answer;
  }

  /** The way back for connections that HAProxy makes in the client's name. Before HAProxy makes any. */
  async prepareReturn(): Promise<void> {
    if (this.#returns) return;
    this.#returnBegun = true;
    // A route is told to be a living agent's by the tables beside it.
    await nft.apply(renderReturn(this.#instance), this.netns);
    await addReturnRoute(this.netns, returnRoute(this.#instance));
    this.#returns = true;
  }

  /** Puts exactly these rules in force, in one step. Returns whether anything changed. */
  async apply(tcp: PodRules['tcp'], udp: PodRules['udp']): Promise<boolean> {
    const script = renderRules(this.#instance, { address: this.address, tcp, udp, listenPorts: [...new Set([...this.#listenPorts.values(), ...this.#formerListenPorts])] });
    if (script === this.#applied) return false;
    await nft.apply(script, this.netns);
    this.#applied = script;
    return true;
  }

  /** Opens exactly these ways out. Returns whether anything changed. @throws CommandError when the node's kernel cannot */
  async openEgress(wanted: readonly PodEgress[], uplinkMtu: number): Promise<boolean> {
    const devices = new Map(wanted.map((egress) => [tunnelDevice(egress.tunnel), egress]));
    const same = (one: PodEgress, other: PodEgress | undefined): boolean => one.address === other?.address && one.hub === other.hub;
    const gone = [...this.#egress].filter(([device, egress]) => !same(egress, devices.get(device)));
    const fresh = [...devices].filter(([device, egress]) => !same(egress, this.#egress.get(device)));
    if (gone.length + fresh.length === 0) return false;
    for (const [device] of gone) {
      await closeTunnel(device, this.netns);
      this.#egress.delete(device);
    }
    // The rules are there before anything can come.
    const out = renderEgress(this.#instance, this.address, wanted);
    await nft.apply(out, this.netns);
    this.#out = out;
    for (const [device, egress] of fresh) {
      try {
        await makeTunnel(device, this.netns, linkWords(egress, this.netns), openLines(egress, uplinkMtu));
        await letTunnelIn(device, this.netns);
      } catch (error) {
        await closeTunnel(device, this.netns);
        throw error;
      }
      this.#egress.set(device, egress);
    }
    return true;
  }

  /** What the kernel has of our rules now, whatever we have told it once. */
  async inForce(): Promise<{ tcp: Set<number>; udp: Set<number>; listening: Set<number> }> {
    const [tcp, udp] = await Promise.all((['in', 'udp'] as const).map((kind) => nft.table(tableName(this.#instance, kind), this.netns)));
    return { ...ruledPorts(tcp ?? '', udp ?? ''), listening: new Set(this.#sockets(listeningPorts)) };
  }

  /** What we have put here and somebody else has taken away is put back as it was. Returns what was missing. */
  async putBack(): Promise<string[]> {
    const script = this.#applied + (this.#returns ? renderReturn(this.#instance) : '') + this.#out;
    const wanted = chainSizes(script);
    const route = returnRoute(this.#instance);
    const [tables, noRoute] = await Promise.all([
      Promise.all(tablesIn(wanted).map(async (table) => await nft.tableJson(table, this.netns))).then((found) => lostTables(wanted, listedChainSizes(found))),
      this.#returns ? hasReturnRoute(this.netns, route).then((has) => !has) : false,
    ]);
    // Before the rules that lead there.
    if (noRoute) await addReturnRoute(this.netns, route);
    if (tables.length > 0) await nft.apply(script, this.netns);
    return [...tables, ...(noRoute ? ['policy route'] : [])];
  }

  /** Where the rule for this port leads to, if there ever was one. */
  listenerOf(port: number): number | undefined {
    return this.#listenPorts.get(port);
  }

  /** The pod is gone, and its interface: whatever is still open here would only wait for its timeouts, and keep HAProxy with it. */
  async cutOff(): Promise<void> {
    if (this.#cutOff) return;
    this.#cutOff = true;
    await destroySockets(this.netns);
  }

  /** Removes every trace and the name. The pod may be gone already. */
  async leave(): Promise<void> {
    try {
      // Whatever one of them meets, the others are removed. The tables go last: without them nobody knows whose the route is.
      const removed = await Promise.allSettled([
        ...[...this.#egress.keys()].map(async (device) => await closeTunnel(device, this.netns)),
        this.#returnBegun ? removeReturnRoute(this.netns, returnRoute(this.#instance)) : undefined,
      ]);
      await nft.apply(renderRemoval(tableKinds.map((kind) => tableName(this.#instance, kind))), this.netns);
      for (const each of removed) if (each.status === 'rejected') throw each.reason;
    } finally {
      await detachNetns(this.netns);
    }
  }

  #sockets(portsIn: (table: string) => number[]): number[] {
    return ['tcp', 'tcp6'].flatMap((table) => {
      try {
        return portsIn(readFileSync(`/proc/${this.#pid}/net/${table}`, 'latin1'));
      } catch {
        return []; // no IPv6, or the process has ended: HAProxy's bind will tell
      }
    });
  }
}

/** A process that runc has just made is in the node's network, or in ours, for a moment. */
function hasOwnNetwork(pid: number, nodePid: number): boolean {
  try {
    const own = readlinkSync(`/proc/${pid}/ns/net`);
    return own !== readlinkSync(`/proc/${nodePid}/ns/net`) && own !== readlinkSync('/proc/self/ns/net');
  } catch {
    return false;
  }
}
