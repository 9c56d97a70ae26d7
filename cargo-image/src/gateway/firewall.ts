/**
 * nftables: address translation between the client's one WireGuard address and the containers, and who may pass.
 * The base is written once per configuration; forwards are elements, so that changing one touches no connection of another.
 */
import type { ContainerEgress, Forward, LinkConfig } from '../../../protocol/control.ts';
import { hubPortRange } from '../../../protocol/ports.ts';
import { device } from '../wireguard/tunnel.ts';

const table = 'ip podbridge';
const hubPorts = `${hubPortRange.first}-${hubPortRange.last}`;

/**
 * `live_*` are the hub ports that have a forward now. A translated connection whose hub port is no longer live is cut with a
 * reset in both directions: translation outlives its rule in conntrack, and would reach whoever gets the address next.
 */
export function baseScript(link: LinkConfig, linkInterface: string): string {
  return `add table ${table}
delete table ${table}
table ${table} {
  map forward_tcp { type inet_service : ipv4_addr . inet_service; }
  map forward_udp { type inet_service : ipv4_addr . inet_service; }
  map egress { type ipv4_addr : ipv4_addr; }
  set live_tcp { type inet_service; }
  set live_udp { type inet_service; }
  chain pre {
    type nat hook prerouting priority dstnat; policy accept;
    iifname "${device}" ip daddr ${link.address} tcp dport ${hubPorts} dnat ip to tcp dport map @forward_tcp
    iifname "${device}" ip daddr ${link.address} udp dport ${hubPorts} dnat ip to udp dport map @forward_udp
  }
  chain post {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "${device}" snat to ip saddr map @egress
    oifname "${device}" ip saddr ${link.network.subnet} snat to ${link.address}
  }
  chain dead {
    meta l4proto tcp reject with tcp reset
    drop
  }
  chain pass {
    type filter hook forward priority filter; policy drop;
    oifname "${device}" tcp flags syn / syn,rst tcp option maxseg size set rt mtu
    iifname "${device}" tcp flags syn / syn,rst tcp option maxseg size set rt mtu
    ct status dnat meta l4proto tcp ct original proto-dst != @live_tcp goto dead
    ct status dnat meta l4proto udp ct original proto-dst != @live_udp goto dead
    ct state established,related accept
    iifname "${device}" oifname "${linkInterface}" ct status dnat accept
    iifname "${linkInterface}" ip saddr ${link.network.subnet} oifname "${device}" accept
    iifname "${device}" goto dead
  }
  chain own {
    type filter hook input priority filter; policy accept;
    iifname "${device}" ct state established,related accept
    iifname "${device}" icmp type echo-request accept
    iifname "${device}" meta l4proto tcp reject with tcp reset
    iifname "${device}" reject with icmp type port-unreachable
  }
}
`;
}

/** All that is led, anew, in one transaction; needs the base. What rests leads nowhere, but what is open in it lives. */
export function ledScript(led: readonly { forwards: Forward[]; egress?: ContainerEgress | undefined; resting?: boolean }[]): string {
  const lines = [`flush map ${table} egress`];
  const [leading, all] = [led.filter(({ resting }) => resting !== true), led].map((those) => those.flatMap((one) => one.forwards)) as [Forward[], Forward[]];
  const egress = led.flatMap((one) => one.egress ?? []);
  if (egress.length > 0) lines.push(`add element ${table} egress { ${egress.map(({ container, address }) => `${container} : ${address}`).join(', ')} }`);
  for (const protocol of ['TCP', 'UDP'] as const) {
    const suffix = protocol.toLowerCase();
    const [those, open] = [leading, all].map((forwards) => forwards.filter((forward) => forward.protocol === protocol)) as [Forward[], Forward[]];
    lines.push(`flush map ${table} forward_${suffix}`, `flush set ${table} live_${suffix}`);
    if (those.length > 0) lines.push(`add element ${table} forward_${suffix} { ${those.map(({ hubPort, address, port }) => `${hubPort} : ${address} . ${port}`).join(', ')} }`);
    if (open.length > 0) lines.push(`add element ${table} live_${suffix} { ${open.map(({ hubPort }) => hubPort).join(', ')} }`);
  }
  return `${lines.join('\n')}\n`;
}
