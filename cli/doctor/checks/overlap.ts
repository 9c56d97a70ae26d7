/** Addresses that two networks claim: the link's Docker network against this machine's routes (a VPN that came up later) and against the cluster's ranges. */
import { networkName } from '../../link/link-name.ts';
import { hostNetworks } from '../../link/host-routes.ts';
import { overlapping } from '../../link/subnet.ts';
import type { Check } from '../check.ts';
import { ok, type Finding } from '../finding.ts';

export const overlapCheck: Check = {
  id: 'overlap', area: 'host', title: 'Addresses',
  async run({ docker: connect, link, client }) {
    const [docker, { name }, object] = await Promise.all([connect(), link(), client().catch(() => undefined)]);
    const networks = await docker.networks.list();
    const own = networks.find((network) => network.name === networkName(name));
    const ranges = object?.status?.cluster?.ranges ?? [];
    const others = networks.filter((network) => network.name !== networkName(name));
    const findings: Finding[] = [];
    const [subnet] = own?.subnets ?? [];
    if (subnet !== undefined) {
      // The network's own bridge is one of the host's routes.
      const routes = overlapping(subnet, (await hostNetworks()).filter((route) => route !== subnet && !sameNetwork(route, subnet)));
      if (routes.length > 0) findings.push({ code: 'link-overlaps-route', severity: 'error', what: `the link's network ${subnet} overlaps the route ${routes.join(', ')} of this machine`, why: 'a VPN or another network that came up after the link', fix: 'bridge down && bridge up' });
      const clusters = overlapping(subnet, ranges);
      if (clusters.length > 0) findings.push({ code: 'link-overlaps-cluster', severity: 'error', what: `the link's network ${subnet} overlaps ${clusters.join(', ')} of the cluster`, why: 'the cluster got new ranges after the link was made', fix: 'bridge down && bridge up' });
    }
    for (const other of others) {
      const clash = other.subnets.flatMap((each) => overlapping(each, ranges));
      // A cluster in this Docker has its nodes on such a network.
      const holdsNodes = clash.every((range) => range.endsWith('/32'));
      if (clash.length > 0 && !holdsNodes) findings.push({ code: 'docker-network-overlaps-cluster', severity: 'warning', what: `Docker's network ${other.name} (${other.subnets.join(', ')}) overlaps ${clash.join(', ')} of the cluster`, why: 'containers that join both reach only one of them', fix: `docker network rm ${other.name}, and make it with another --subnet` });
    }
    return findings.length > 0 ? findings : [ok('addresses-apart', subnet === undefined ? 'no Docker network overlaps the cluster' : `the link's network ${subnet} overlaps nothing`)];
  },
};

/** `10.87.1.1/24`, an interface's address in `10.87.1.0/24`. */
function sameNetwork(route: string, subnet: string): boolean {
  const [, bits] = subnet.split('/');
  return route.endsWith(`/${bits}`) && overlapping(subnet, [route]).length > 0;
}
