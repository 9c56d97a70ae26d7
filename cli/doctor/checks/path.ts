/** This machine's interfaces: their MTU, and VPNs, which take routes over. */
import { readdir, readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { tunnelMtu } from '../../link/transport.ts';
import type { Check } from '../check.ts';
import { ok, type Finding } from '../finding.ts';

/** Outer headers of WireGuard over IPv4. */
const overheadBytes = 60;
const vpnNames = /^(tun|tap|wg|utun|ppp|tailscale|zt|nordlynx|gpd|cscotun|ipsec|vpn)/;

/** Name of the interface of the default route, from /proc/net/route. */
export function defaultInterface(procNetRoute: string): string | undefined {
  return procNetRoute.split('\n').slice(1).map((line) => line.split('\t')).find(([, destination, , , , , , mask]) => destination === '00000000' && mask === '00000000')?.[0];
}

export function mtuFinding(name: string, mtu: number): Finding {
  return mtu >= tunnelMtu + overheadBytes ? ok('mtu', `${name} carries packets of ${mtu} bytes`) : {
    code: 'mtu-small', severity: 'info', what: `the interface ${name}, over which this machine reaches others, takes packets of at most ${mtu} bytes`, why: `the link's packets have up to ${tunnelMtu + overheadBytes} bytes: larger ones go in two parts, which some networks do not let through`,
    fix: 'nothing, as long as packets of full size pass (Link, below); otherwise a greater MTU, for which a VPN client often has a setting',
  };
}

export const pathCheck: Check = {
  id: 'path', area: 'host', title: 'Interfaces',
  async run() {
    const findings: Finding[] = [];
    const name = await readFile('/proc/net/route', 'utf8').then(defaultInterface, () => undefined);
    const mtu = name === undefined ? undefined : Number(await readFile(`/sys/class/net/${name}/mtu`, 'utf8').catch(() => '0'));
    if (name !== undefined && mtu !== undefined && mtu > 0) findings.push(mtuFinding(name, mtu));
    const interfaces = new Set([...Object.keys(networkInterfaces()), ...await readdir('/sys/class/net').catch(() => [])]);
    const vpns = [...interfaces].filter((each) => vpnNames.test(each)).sort();
    if (vpns.length > 0) findings.push({ code: 'vpn-active', severity: 'info', what: `a VPN seems to be up: ${vpns.join(', ')}`, why: 'its routes may take the way to the cluster over, or block UDP' });
    return findings;
  },
};
