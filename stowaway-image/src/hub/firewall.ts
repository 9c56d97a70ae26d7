/**
 * The hub's nftables: hub ports are address translation, not a proxy, because a refused connection must travel back to the
 * agent as refused, while it can still go to the original.
 */
import { tunnelDevices } from '../../../protocol/egress.ts';
import { heartbeatIntervalMs } from '../../../protocol/heartbeat.ts';
import { hubPortRange, ports } from '../../../protocol/ports.ts';
import type { HubPlan, HubPort } from './plan.ts';

const table = 'ip podbridge_hub';
const hubPorts = `${hubPortRange.first}-${hubPortRange.last}`;
const protocols = ['TCP', 'UDP'] as const;
/** Heartbeats come once per interval and client; far more than that is no heartbeat. */
const heartbeatsPerSecond = Math.ceil(1000 / heartbeatIntervalMs) * 50;

/** Everything but the contents of sets and maps. Replaces what was there before, in one transaction. */
export function renderTable(device: string, pool: string): string {
  return `table ${table} {}
delete table ${table}
table ${table} {
  # hub port -> client
${protocols.map((protocol) => `  map clients_${protocol.toLowerCase()} { type inet_service : ipv4_addr; }`).join('\n')}
  # (source, hub port) pairs that may pass
${protocols.map((protocol) => `  set sources_${protocol.toLowerCase()} { type ipv4_addr . inet_service; }`).join('\n')}
  # addresses of bridges whose containers go out as a pod, and of the agents that lead them there
  set egress { type ipv4_addr; }
  set egress_agents { type ipv4_addr; }
  # all agents that have bridged pods
  set agents { type ipv4_addr; }
  # clients without heartbeat
  set silent { type ipv4_addr; }
  set heartbeats { type ipv4_addr; size 65535; flags dynamic,timeout; timeout 60s; }

  chain to_client {
    type nat hook prerouting priority dstnat; policy accept;
${protocols.map((protocol) => protocol.toLowerCase()).map((protocol) => `    iifname != "${device}" ip saddr . ${protocol} dport @sources_${protocol} dnat to ${protocol} dport map @clients_${protocol}`).join('\n')}
  }
  chain here {
    type filter hook input priority filter; policy accept;
    # VXLAN itself believes everybody.
    udp dport ${ports.egress} ip saddr @egress_agents accept
    udp dport ${ports.egress} drop
    iifname "${tunnelDevices}" drop
    ct state established,related accept
    iifname "${device}" udp dport ${ports.heartbeat} update @heartbeats { ip saddr limit rate over ${heartbeatsPerSecond}/second burst ${heartbeatsPerSecond} packets } drop
    iifname "${device}" udp dport ${ports.heartbeat} accept
    iifname "${device}" icmp type echo-request accept
    iifname "${device}" meta l4proto tcp reject with tcp reset
    iifname "${device}" drop
    # Ports of silent clients, and whoever may not use them: refused at once, so that nobody waits.
    tcp dport ${hubPorts} reject with tcp reset
    udp dport ${hubPorts} reject
  }
  chain through {
    type filter hook forward priority filter; policy drop;
    # What is to leave as a pod leaves so or not at all.
    ip saddr @egress oifname != "${tunnelDevices}" reject with icmp host-unreachable
    # Clients never reach each other.
    iifname "${device}" oifname "${device}" meta l4proto tcp reject with tcp reset
    iifname "${device}" oifname "${device}" drop
    ip daddr @silent meta l4proto tcp reject with tcp reset
    ip daddr @silent reject with icmp host-unreachable
    # An agent's health is the kubelet's business.
    iifname "${device}" ip daddr @agents tcp dport ${ports.health} reject with tcp reset
    tcp flags syn tcp option maxseg size set rt mtu
    ct state established,related accept
    iifname "${device}" accept
    oifname "${device}" ct status dnat accept
  }
  chain out {
    type nat hook postrouting priority srcnat; policy accept;
    # The pod translates.
    oifname "${tunnelDevices}" return
    ip saddr ${pool} oifname != "${device}" masquerade
  }
}
`;
}

/** The contents of all sets and maps, replaced in one transaction. */
export function renderElements({ ports: planned, silent, egress, agents }: Pick<HubPlan, 'ports' | 'silent' | 'egress' | 'agents'>): string {
  const lines: string[] = [];
  for (const protocol of protocols) {
    const mine = planned.filter((port) => port.protocol === protocol).sort((one, other) => one.hubPort - other.hubPort);
    const suffix = protocol.toLowerCase();
    lines.push(...fill('map', `clients_${suffix}`, mine.map(({ hubPort, address }) => `${hubPort} : ${address}`)));
    lines.push(...fill('set', `sources_${suffix}`, mine.flatMap(pairs)));
  }
  lines.push(...fill('set', 'silent', [...silent].sort()));
  lines.push(...fill('set', 'egress', egress.map(({ address }) => address).sort()));
  lines.push(...fill('set', 'egress_agents', [...new Set(egress.flatMap(({ agent }) => agent ?? []))].sort()));
  lines.push(...fill('set', 'agents', [...agents].sort()));
  return `${lines.join('\n')}\n`;
}

function pairs({ sources, hubPort }: HubPort): string[] {
  return sources.map((source) => `${source} . ${hubPort}`);
}

function fill(kind: 'map' | 'set', name: string, elements: string[]): string[] {
  return [`flush ${kind} ${table} ${name}`, ...(elements.length === 0 ? [] : [`add element ${table} ${name} { ${elements.join(', ')} }`])];
}
