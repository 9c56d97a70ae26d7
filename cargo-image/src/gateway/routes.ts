/** Routing: what containers send goes into the tunnel; what cargo itself sends takes its uplink. */
import type { LinkConfig } from '../../../protocol/control.ts';
import { device, deviceLines } from '../wireguard/tunnel.ts';

/** Routing table of everything that belongs in the tunnel. */
export const tunnelTable = 100;
const priorities = { fromContainers: 1000, fromClientAddress: 1001, ownErrors: 1002 } as const;

/** Lines for `ip -force -batch`: rules of an earlier configuration. */
export function removeRules(): string[] {
  return Object.values(priorities).map((priority) => `rule del priority ${priority}`);
}

/**
 * Lines for `ip -batch`. The rule for containers matches by interface and not by source: cargo's own datagrams to the hub have a source
 * in the same subnet and would otherwise loop into the tunnel.
 */
export function routeLines(link: LinkConfig, linkInterface: string): string[] {
  return [
    ...deviceLines(link),
    // Docker keeps the gateway's address of the network free and gives cargo another one; cargo takes it here, on every start.
    `address replace ${link.network.address}/32 dev ${linkInterface}`,
    `route replace default dev ${device} table ${tunnelTable}`,
    `route replace ${link.network.subnet} dev ${linkInterface} table ${tunnelTable}`,
    `rule add priority ${priorities.fromContainers} iif ${linkInterface} lookup ${tunnelTable}`,
    `rule add priority ${priorities.fromClientAddress} from ${link.address} lookup ${tunnelTable}`,
    // "Host unreachable" (ICMP, protocol 1), for what came through the tunnel to a container that is gone: cargo has nothing else to tell by ICMP.
    `rule add priority ${priorities.ownErrors} iif lo ipproto 1 lookup ${tunnelTable}`,
    // For DNS questions and heartbeats, which choose no source themselves.
    ...[...new Set([link.hub.address, link.dns.server])].map((address) => `route replace ${address}/32 dev ${device} src ${link.address}`),
    uplinkLine(link, linkInterface),
    // A stopped container leaves an address that nobody answers for. With these it is known as dead within a fifth of a second (90 ms at most
    // until it is doubted, then four questions), and connections fail with "host unreachable" instead of a timeout. The kernel answers such
    // questions, however busy the container is. /proc/sys is read-only here; netlink is not.
    `ntable change name arp_cache dev ${linkInterface} base_reachable 60 delay_probe 10 retrans 25 ucast_probes 2 mcast_probes 2`,
  ];
}

/** Docker gives cargo the default route that the network's containers get, through cargo itself. Its own way out is the network's real gateway. */
export function uplinkLine(link: LinkConfig, linkInterface: string): string {
  return `route replace default via ${link.network.gateway} dev ${linkInterface}`;
}

/** Default gateways in /proc/net/route (addresses are little-endian hexadecimal, proc(5)). */
export function defaultGateways(procNetRoute: string): string[] {
  return procNetRoute.split('\n').slice(1).flatMap((line) => {
    const [, destination, gateway, , , , , mask] = line.split('\t');
    if (destination !== '00000000' || mask !== '00000000' || gateway === undefined) return [];
    const octets = (gateway.match(/../g) ?? []).reverse().map((octet) => parseInt(octet, 16));
    return [octets.join('.')];
  });
}
