/**
 * The nftables rules inside a pod's network namespace. Four tables per instance of the agent, each replaced and removed as a
 * whole, so that a change is atomic and a dead instance's leftovers are known by their names:
 *   _in   tproxy: new connections to a bridged port go to our listener. If that is gone, the kernel goes on to the application.
 *   _udp  address translation of bridged UDP ports, in a conntrack zone of its own: a flow can change sides between two datagrams
 *   _ret  the way back of connections that HAProxy opens to the original in the client's name
 *   _out  what comes through tunnels from the hub and leaves as the pod
 */
import { createHash } from 'node:crypto';
import { outChains, type PodEgress } from './egress.ts';

/**
 * Mark of packets that return to HAProxy, and the routing table that delivers them here. Each instance has its own, so that one
 * that ends takes nothing from its successor. The upper half is chosen to be nobody else's.
 */
export interface ReturnRoute {
  mark: number;
  table: number;
  priority: number;
}

const upperHalf = 0x70b1;
export const returnPriority = 28_849;

export function returnRoute(instance: string): ReturnRoute {
  return returnRouteOf(upperHalf * 0x1_0000 + createHash('sha256').update(instance).digest().readUInt16BE(0));
}

/** @param table its number, which is the mark's too */
export function returnRouteOf(table: number): ReturnRoute {
  return { mark: table, table, priority: returnPriority };
}

/** Routing tables of agents that are none of these instances'. @param tables numbers of any */
export function strayReturns(tables: readonly number[], living: readonly string[]): number[] {
  const theirs = new Set(living.map((instance) => returnRoute(instance).table));
  return tables.filter((table) => table >>> 16 === upperHalf && !theirs.has(table));
}

export interface TcpPort {
  port: number;
  listenPort: number;
  /** The node's addresses, when a tcpSocket probe asks whether this port is open: accepting for it would hide a dead original. */
  exclude: string[];
}

export interface UdpPort {
  port: number;
  hub: { address: string; port: number };
  /** The client is known to be away: all datagrams go to the original. */
  silent: boolean;
}

export interface PodRules {
  address: string;
  tcp: TcpPort[];
  udp: UdpPort[];
  /** Ports where HAProxy listens, also those of which no traffic is bridged at the moment. */
  listenPorts: number[];
}

export const tableKinds = ['in', 'udp', 'ret', 'out'] as const;
export type TableKind = (typeof tableKinds)[number];

/** Conntrack zone of bridged UDP; chosen to be nobody else's. */
const udpZone = 0x70b1;
/** A refusal counts for so long. Longer than the time between two tries. */
const refusedSeconds = 10;
/** How often the container is tried again with a datagram that is perhaps lost. */
const triesPerMinute = 20;

export function tableName(instance: string, kind: TableKind): string {
  return `podbridge_${instance}_${kind}`;
}

/** The instance in a table's name; undefined for tables that are not ours. */
export function tableInstance(name: string): string | undefined {
  return /^podbridge_([0-9a-z]+_[0-9]+)_(?:in|udp|ret|out)$/.exec(name)?.[1];
}

/** Input for `nft -f -`: puts exactly these rules in the place of what this instance had there. */
export function renderRules(instance: string, rules: PodRules): string {
  return replaceTable(tableName(instance, 'in'), tcpChains(rules)) + replaceTable(tableName(instance, 'udp'), udpChains(rules));
}

/** @param address the pod's */
export function renderEgress(instance: string, address: string, egress: readonly PodEgress[]): string {
  return replaceTable(tableName(instance, 'out'), outChains(address, egress));
}

export function renderReturn(instance: string): string {
  const { mark } = returnRoute(instance);
  // Conntrack remembers which connections came from HAProxy: over lo, from an address that is not the pod's.
  return replaceTable(tableName(instance, 'ret'), [
    // A client that comes from outside is never HAProxy, whatever an old entry of the same addresses and ports says.
    'chain pre {',
    '  type filter hook prerouting priority mangle; policy accept;',
    `  iifname != "lo" ct mark ${mark} ct mark set 0`,
    '}',
    'chain out {',
    '  type route hook output priority mangle; policy accept;',
    `  ct direction original oifname "lo" fib saddr type != local ct mark set ${mark}`,
    `  ct direction reply ct mark ${mark} meta mark set ${mark}`,
    '}',
  ]);
}

/** Naming a table first makes its deletion succeed when there was none. */
export function renderRemoval(names: readonly string[]): string {
  return names.map((name) => `table ip ${name}\ndelete table ip ${name}\n`).join('');
}

function replaceTable(name: string, body: readonly string[]): string {
  if (body.length === 0) return renderRemoval([name]);
  return `${renderRemoval([name])}table ip ${name} {\n${body.map((line) => `  ${line}\n`).join('')}}\n`;
}

function tcpChains({ address, tcp, listenPorts }: PodRules): string[] {
  if (listenPorts.length === 0) return [];
  return [
    'chain pre {',
    '  type filter hook prerouting priority mangle; policy accept;',
    // What comes over lo is HAProxy's own connection to the original, and would turn in circles.
    ...tcp.flatMap(({ port, listenPort, exclude }) => [
      ...exclude.map((source) => `  iifname != "lo" ip saddr ${source} ip daddr ${address} tcp dport ${port} return`),
      `  iifname != "lo" ip daddr ${address} tcp dport ${port} tproxy to :${listenPort}`,
    ]),
    '}',
    // The listener answers for the bridged port only; whoever knocks at its own port finds it closed.
    'chain in {',
    '  type filter hook input priority mangle; policy accept;',
    // Answers to HAProxy are let in: the ports that it goes on to the original from may be the same numbers.
    `  ct direction original tcp dport { ${listenPorts.join(', ')} } reject with tcp reset`,
    '}',
  ];
}

/**
 * What goes to the hub is tracked apart from what goes to the original (conntrack zones), so that also a client that goes on from
 * the same port meets the rules of now. An ICMP error that comes back for a hub port (the container's port is closed, the container
 * is gone, the link is silent) is remembered for a while; meanwhile the original has the datagrams, but for one now and then that
 * tries the container again. An answer from there ends it at once.
 */
function udpChains({ address, udp }: PodRules): string[] {
  if (udp.length === 0) return [];
  const refused = (port: number): string => `refused_${port}`;
  return [
    // The one element is always the pod's address: it stands in all three kinds of packets.
    ...udp.map(({ port }) => `set ${refused(port)} { type ipv4_addr; size 16; flags dynamic,timeout; timeout ${refusedSeconds}s; }`),
    'chain aim {',
    '  type filter hook prerouting priority raw; policy accept;',
    // Protocol and destination port of the datagram that the error is about: the IP header after the 8 bytes of the ICMP header, RFC 792.
    ...udp.flatMap(({ port, hub, silent }) => [
      `  icmp type destination-unreachable icmp code != frag-needed @th,136,8 17 @th,240,16 ${hub.port} ct zone set ${udpZone} update @${refused(port)} { ip daddr }`,
      `  ip saddr ${hub.address} udp sport ${hub.port} ct zone set ${udpZone} delete @${refused(port)} { ip daddr }`,
      ...(silent ? [] : [
        `  iifname != "lo" ip daddr ${address} udp dport ${port} ip daddr @${refused(port)} limit rate over ${triesPerMinute}/minute burst 1 packets return`,
        `  iifname != "lo" ip daddr ${address} udp dport ${port} ct zone set ${udpZone}`,
      ]),
    ]),
    '}',
    'chain pre {',
    '  type nat hook prerouting priority dstnat; policy accept;',
    ...udp.map(({ port, hub }) => `  iifname != "lo" ct zone ${udpZone} ip daddr ${address} udp dport ${port} dnat to ${hub.address}:${hub.port}`),
    '}',
    'chain post {',
    '  type nat hook postrouting priority srcnat; policy accept;',
    ...udp.map(({ hub }) => `  ip daddr ${hub.address} udp dport ${hub.port} masquerade`),
    '}',
  ];
}

/** Ports that rules in force lead away, from what nft prints of our tables. */
export function ruledPorts(inTable: string, udpTable: string): { tcp: Set<number>; udp: Set<number> } {
  const ports = (text: string, pattern: RegExp): Set<number> => new Set([...text.matchAll(pattern)].map(([, port]) => Number(port)));
  return { tcp: ports(inTable, /tcp dport (\d+) tproxy to :\d+/g), udp: ports(udpTable, /udp dport (\d+) dnat to /g) };
}
