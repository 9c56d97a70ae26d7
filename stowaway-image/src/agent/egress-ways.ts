/** Tunnels from the hub into this node's pods, for bridges whose containers go out as a pod. */
import { tunnelDevice } from '../../../protocol/egress.ts';
import { nft } from '../adapters/nft.ts';
import { words, type Log } from '../log.ts';
import { uplinkMtu } from '../network/uplink.ts';
import { renderUnderlay } from './netns/egress.ts';
import type { Assignment } from './plan.ts';
import type { PodNetworks } from './pod-networks.ts';

export class EgressWays {
  readonly #networks: PodNetworks;
  readonly #log: Log;
  /** Devices that are wanted, with why they cannot be had; undefined: they are there. */
  #ways = new Map<string, string | undefined>();
  #underlay = '';

  constructor(networks: PodNetworks, log: Log) {
    this.#networks = networks;
    this.#log = log;
  }

  isOpen(tunnel: number): boolean {
    const device = tunnelDevice(tunnel);
    return this.#ways.has(device) && this.#ways.get(device) === undefined;
  }

  trouble(tunnel: number): string | undefined {
    return this.#ways.get(tunnelDevice(tunnel));
  }

  /** Makes what is missing and takes away what nobody wants any more. Troubles are told by {@link trouble}. */
  async apply(assignments: readonly Assignment[]): Promise<void> {
    const wanted = assignments.flatMap(({ pod, egress }) => (egress === undefined ? [] : [{ uid: pod.metadata.uid ?? '', egress }]));
    const ways = new Map<string, string | undefined>(wanted.map(({ egress }) => [tunnelDevice(egress.tunnel), "waiting for the pod's network"]));
    await this.#guard([...new Set(wanted.map(({ egress }) => egress.hub))].sort());
    const mtu = wanted.length === 0 ? 0 : await uplinkMtu();
    await Promise.all([...this.#networks.entries()].map(async ([uid, network]) => {
      const mine = wanted.filter((way) => way.uid === uid).map(({ egress }) => egress);
      try {
        if (await network.openEgress(mine, mtu)) this.#log('egress', { netns: network.netns, tunnels: mine.map(({ tunnel }) => tunnel) });
        for (const { tunnel } of mine) ways.set(tunnelDevice(tunnel), undefined);
      } catch (error) {
        for (const { tunnel } of mine) ways.set(tunnelDevice(tunnel), egressTrouble(words(error)));
        this.#log('the way out through a pod cannot be opened', { netns: network.netns, error: words(error) });
      }
    }));
    this.#ways = ways;
  }

  async #guard(hubs: readonly string[]): Promise<void> {
    if (hubs.length === 0 && this.#underlay === '') return;
    const script = renderUnderlay(hubs);
    if (script === this.#underlay) return;
    await nft.apply(script);
    this.#underlay = script;
  }
}

/** iproute2's words for a type of device that the kernel does not have: "Error: Unknown device type." (older: "RTNETLINK answers: Operation not supported"). */
export function egressTrouble(error: string): string {
  return /Unknown device type|Operation not supported/.test(error)
    ? "the node's kernel has no VXLAN (CONFIG_VXLAN, module vxlan), which --egress pod needs"
    : `the way out through the pod cannot be opened: ${error.slice(0, 300)}`;
}
