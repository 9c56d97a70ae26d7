/** The pod's ends of tunnels from the hub: what comes out of them leaves as if the pod had sent it, or reaches the pod's own loopback. */
import { podLoopback, tunnelDevice, tunnelDevices, tunnelMac, tunnelOverheadBytes } from '../../../../protocol/egress.ts';
import { ports } from '../../../../protocol/ports.ts';

export interface PodEgress {
  /** Source of the packets; nothing else may come out of the tunnel. */
  address: string;
  tunnel: number;
  /** Address of the hub's pod. */
  hub: string;
}

/** Words for `ip` in the agent's own network namespace, where the tunnel's outer packets stay; the device itself is made in the pod's. */
export function linkWords({ tunnel, hub }: PodEgress, netns: string): string[] {
  return ['link', 'add', tunnelDevice(tunnel), 'netns', netns, 'address', tunnelMac.pod, 'type', 'vxlan', 'id', String(tunnel), 'remote', hub, 'dstport', String(ports.egress), 'nolearning'];
}

/** Lines for `ip -batch` in the pod's network namespace. */
export function openLines({ address, tunnel }: PodEgress, uplinkMtu: number): string[] {
  const device = tunnelDevice(tunnel);
  return [
    `link set ${device} mtu ${uplinkMtu - tunnelOverheadBytes} up`,
    `route replace ${address}/32 dev ${device}`,
    `neigh replace ${address} lladdr ${tunnelMac.hub} dev ${device} nud permanent`,
  ];
}

/** Chains of the table `_out`. @param pod the pod's address */
export function outChains(pod: string, egress: readonly PodEgress[]): string[] {
  if (egress.length === 0) return [];
  const strangers = egress.map(({ address, tunnel }) => `  iifname "${tunnelDevice(tunnel)}" ip saddr != ${address} drop`);
  return [
    // Before everybody else's translation. The second rule translates to what it is: a service mesh's own would take it for a connection to the pod.
    'chain pre {',
    '  type nat hook prerouting priority -101; policy accept;',
    `  iifname "${tunnelDevices}" ip daddr ${podLoopback.address} dnat to 127.0.0.1`,
    `  iifname "${tunnelDevices}" ip daddr != ${pod} dnat to ip daddr`,
    '}',
    // Who listens on the loopback sees a connection from there.
    'chain loopback {',
    '  type nat hook input priority 100; policy accept;',
    `  iifname "${tunnelDevices}" ip daddr 127.0.0.1 snat to 127.0.0.1`,
    '}',
    'chain post {',
    '  type nat hook postrouting priority srcnat; policy accept;',
    `  iifname "${tunnelDevices}" oifname != "${tunnelDevices}" masquerade`,
    '}',
    'chain here {',
    '  type filter hook input priority filter; policy accept;',
    ...strangers,
    '}',
    'chain through {',
    '  type filter hook forward priority filter; policy accept;',
    ...strangers,
    `  oifname "${tunnelDevices}" ct state new drop`,
    `  iifname "${tunnelDevices}" tcp flags syn tcp option maxseg size set rt mtu`,
    `  oifname "${tunnelDevices}" tcp flags syn tcp option maxseg size set rt mtu`,
    '}',
  ];
}

/** In the agent's own network namespace: VXLAN itself believes everybody. @param hubs addresses */
export function renderUnderlay(hubs: readonly string[]): string {
  const table = 'table ip podbridge_agent';
  return `${table}\ndelete ${table}\n${table} {\n  chain here {\n    type filter hook input priority filter; policy accept;\n`
    + `${hubs.map((hub) => `    ip saddr ${hub} udp dport ${ports.egress} accept\n`).join('')}    udp dport ${ports.egress} drop\n  }\n}\n`;
}
