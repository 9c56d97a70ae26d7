/** cargo as the network's gateway: routes, firewall, forwards, and its own default route. */
import { readFile } from 'node:fs/promises';
import { BlockList } from 'node:net';
import type { LinkConfig } from '../../../protocol/control.ts';
import type { Ip } from '../adapters/ip.ts';
import type { Nft } from '../adapters/nft.ts';
import { ControlError } from '../control/errors.ts';
import type { Led } from '../state.ts';
import { baseScript, ledScript } from './firewall.ts';
import { defaultGateways, removeRules, routeLines, uplinkLine } from './routes.ts';

/** How soon after Docker rewrote the default route (at every `network connect`) it is put right. */
export const uplinkCheckIntervalMs = 500;

/** Name and address of each IPv4 interface, as os.networkInterfaces() tells. */
export type Interfaces = () => { name: string; address: string }[];

function interfaceIn(subnet: string, interfaces: { name: string; address: string }[]): string | undefined {
  const [network = '', prefix = ''] = subnet.split('/');
  const range = new BlockList();
  range.addSubnet(network, Number(prefix));
  return interfaces.find(({ address }) => range.check(address))?.name;
}

export interface Gateway {
  configure(link: LinkConfig, led: readonly (Led & { resting?: boolean })[]): Promise<void>;
  lead(led: readonly (Led & { resting?: boolean })[]): Promise<void>;
  /** Puts the default route right if someone changed it; true when it had to. */
  defendUplink(): Promise<boolean>;
}

export interface GatewayParts {
  ip: Ip;
  nft: Nft;
  interfaces: Interfaces;
  readRoutes?: () => Promise<string>;
}

export function createGateway({ ip, nft, interfaces, readRoutes = () => readFile('/proc/net/route', 'utf8') }: GatewayParts): Gateway {
  let current: { link: LinkConfig; linkInterface: string } | undefined;

  return {
    async configure(link, led) {
      const linkInterface = interfaceIn(link.network.subnet, interfaces());
      if (linkInterface === undefined) throw new ControlError('usage', `this container is not in the network ${link.network.subnet}`);
      // The network namespace is as old as this process: the first time there are no rules.
      if (current !== undefined) await ip.attempt(removeRules());
      await Promise.all([ip.batch(routeLines(link, linkInterface)), nft.apply(baseScript(link, linkInterface) + ledScript(led))]);
      current = { link, linkInterface };
    },
    async lead(led) {
      if (current === undefined) throw new ControlError('usage', 'not configured yet');
      await nft.apply(ledScript(led));
    },
    async defendUplink() {
      if (current === undefined) return false;
      const gateways = defaultGateways(await readRoutes());
      if (gateways.length === 1 && gateways[0] === current.link.network.gateway) return false;
      await ip.batch([uplinkLine(current.link, current.linkInterface)]);
      return true;
    },
  };
}
