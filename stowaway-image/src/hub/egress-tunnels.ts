/** The hub's ends of the tunnels to pods: one device, one rule and one route for each bridge that goes out as a pod. */
import { isTunnelDevice, tunnelDevice, tunnelMac, tunnelNextHop, tunnelOverheadBytes } from '../../../protocol/egress.ts';
import { ports } from '../../../protocol/ports.ts';
import type { Ip } from '../adapters/ip.ts';
import type { HubEgress } from './plan.ts';

/** Of our rules, behind the kernel's own for local addresses and before the main table. */
const rulePriority = 1200;
/** Routing tables have the number of their tunnel, away from what others use. */
const firstTable = 0x70b2_0000;

type OpenEgress = HubEgress & { agent: string };

export interface EgressTunnelsOptions {
  ip: Ip;
  /** Of what leaves the pod. */
  uplinkMtu: () => Promise<number>;
}

export class EgressTunnels {
  readonly #options: EgressTunnelsOptions;
  /** By device; undefined: what an earlier process has left is not known yet. */
  #open: Map<string, OpenEgress> | undefined;

  constructor(options: EgressTunnelsOptions) {
    this.#options = options;
  }

  /** Returns whether anything changed. */
  async apply(egress: readonly HubEgress[]): Promise<boolean> {
    this.#open ??= await this.#clear();
    const wanted = new Map(egress.filter((one): one is OpenEgress => one.agent !== undefined).map((one) => [tunnelDevice(one.tunnel), one]));
    const gone = [...this.#open].filter(([device, { address, agent }]) => wanted.get(device)?.address !== address || wanted.get(device)?.agent !== agent);
    const { ip } = this.#options;
    for (const [device, one] of gone) {
      await ip.batch([`rule del ${rule(one)}`, `link del ${device}`]);
      this.#open.delete(device);
    }
    let opened = false;
    for (const [device, one] of wanted) {
      if (this.#open.has(device)) continue;
      await ip.batch(openLines(device, one, await this.#options.uplinkMtu() - tunnelOverheadBytes));
      this.#open.set(device, one);
      opened = true;
    }
    return opened || gone.length > 0;
  }

  async #clear(): Promise<Map<string, OpenEgress>> {
    const { ip } = this.#options;
    const [devices, rules] = await Promise.all([ip.links(), ip.rules(rulePriority)]);
    const lines = [...rules.map(() => `rule del priority ${rulePriority}`), ...devices.filter(isTunnelDevice).map((device) => `link del ${device}`)];
    if (lines.length > 0) await ip.batch(lines);
    return new Map();
  }
}

function rule({ address, tunnel }: HubEgress): string {
  // Not by interface: a strict reverse path filter asks the same rule for the way back.
  return `from ${address} lookup ${firstTable + tunnel} priority ${rulePriority}`;
}

/** Lines for `ip -batch`. */
export function openLines(device: string, egress: OpenEgress, mtu: number): string[] {
  return [
    `link add ${device} address ${tunnelMac.hub} type vxlan id ${egress.tunnel} remote ${egress.agent} dstport ${ports.egress} nolearning`,
    `link set ${device} mtu ${mtu} up`,
    `neigh replace ${tunnelNextHop} lladdr ${tunnelMac.pod} dev ${device} nud permanent`,
    `route replace default via ${tunnelNextHop} dev ${device} onlink table ${firstTable + egress.tunnel}`,
    `rule add ${rule(egress)}`,
  ];
}
