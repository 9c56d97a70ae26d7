import { networkInterfaces } from 'node:os';
import { execa } from 'execa';
import { clusterLabel, managedBy } from '../labels.ts';

/** A Docker network 172.30.N.0/24. */
export interface ClusterNetwork {
  name: string;
  third: number;
}

export const networkName = (cluster: string): string => `${cluster}-cluster`;
export const subnetAddress = (network: ClusterNetwork, host: number): string => `172.30.${network.third}.${host}`;

/** Finds or makes the cluster's network. */
export async function ensureNetwork(cluster: string): Promise<ClusterNetwork> {
  const name = networkName(cluster);
  const found = await execa('docker', ['network', 'inspect', '--format', '{{range .IPAM.Config}}{{.Subnet}} {{end}}', name], { reject: false });
  const existing = /172\.30\.(\d+)\.0\/24/.exec(found.failed ? '' : found.stdout)?.[1];
  if (existing) return { name, third: Number(existing) };

  const taken = new Set(Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
    .map(({ address }) => /^172\.30\.(\d+)\./.exec(address)?.[1]).filter((third) => third !== undefined).map(Number));
  for (let third = 0; third < 256; third++) {
    if (taken.has(third)) continue;
    const created = await execa('docker', [
      'network', 'create', '--label', managedBy, '--label', `${clusterLabel}=${cluster}`,
      // Docker's own choices come from the upper half: a container that joins never gets the address of a stopped node.
      '--subnet', `172.30.${third}.0/24`, '--gateway', `172.30.${third}.1`, '--ip-range', `172.30.${third}.128/25`, name,
    ], { reject: false, all: true });
    if (!created.failed) return { name, third };
    // Quoted from dockerd: "Pool overlaps with other one on this address space".
    if (!created.all.includes('overlaps')) throw new Error(`docker network create ${name} failed: ${created.all}`);
  }
  throw new Error('No free network 172.30.0.0/24 to 172.30.255.0/24 for the cluster. Remove unused Docker networks: docker network ls');
}
