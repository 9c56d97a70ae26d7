import { access } from 'node:fs/promises';
import { execa } from 'execa';
import { clusterLabel, managedBy, recipeLabel } from '../labels.ts';
import { subnetAddress, type ClusterNetwork } from './network.ts';

/** A node as it should be. */
export interface NodePlan {
  name: string;
  address: string;
  podCidr: string;
}

/** A node container as Docker has it. */
export interface NodeContainer {
  name: string;
  running: boolean;
  startedAt: Date;
  image: string;
  address: string;
  /** How many nodes its cluster was made with. */
  clusterSize: number;
}

const sizeLabel = 'podbridge.dev/test-cluster-size';
/** Nodes get fixed addresses below those that Docker hands out by itself. */
const firstNodeHost = 2;

export const nodeName = (cluster: string, index: number): string => `${cluster}-node-${index + 1}`;

export function planNodes(cluster: string, network: ClusterNetwork, count: number): NodePlan[] {
  return Array.from({ length: count }, (_, index) => ({
    name: nodeName(cluster, index),
    address: subnetAddress(network, firstNodeHost + index),
    podCidr: `10.244.${index}.0/24`,
  }));
}

/** All node containers of a cluster, running or not, in their order. */
export async function findNodes(cluster: string): Promise<NodeContainer[]> {
  const { stdout: ids } = await execa('docker', ['ps', '--all', '--quiet', '--filter', `label=${clusterLabel}=${cluster}`]);
  if (!ids) return [];
  const { stdout } = await execa('docker', ['inspect', ...ids.split('\n')], { reject: false });
  interface Inspected {
    Name: string;
    State: { Running: boolean; StartedAt: string };
    Config: { Image: string; Labels: Record<string, string>; Env: string[] };
  }
  return (JSON.parse(stdout) as Inspected[])
    .map((container) => ({
      name: container.Name.slice(1),
      running: container.State.Running,
      startedAt: new Date(container.State.StartedAt),
      image: container.Config.Image,
      address: container.Config.Env.find((entry) => entry.startsWith('NODE_IP='))?.slice('NODE_IP='.length) ?? '',
      clusterSize: Number(container.Config.Labels[sizeLabel]),
    }))
    .sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
}

/** Makes, but does not start, a node's container and its volume. */
export async function createNode(cluster: string, image: string, node: NodePlan, all: NodePlan[], network: string): Promise<void> {
  const labels = [managedBy, `${clusterLabel}=${cluster}`].flatMap((label) => ['--label', label]);
  await execa('docker', ['volume', 'create', ...labels, node.name]);
  const devices: string[] = [];
  for (const device of ['/dev/fuse', '/dev/net/tun']) {
    if (await access(device).then(() => true, () => false)) devices.push('--device', device);
  }
  const environment = {
    CLUSTER: cluster,
    NODE_NAME: node.name,
    NODE_IP: node.address,
    CONTROL_PLANE_IP: all[0]?.address ?? '',
    NODES: all.map(({ name, address, podCidr }) => `${name}=${address}=${podCidr}`).join(' '),
  };
  await execa('docker', [
    'create', '--name', node.name, '--hostname', node.name, ...labels,
    '--label', `${recipeLabel}=${image}`, '--label', `${sizeLabel}=${all.length}`,
    '--network', network, '--ip', node.address,
    ...Object.entries(environment).flatMap(([key, value]) => ['--env', `${key}=${value}`]),
    // What --privileged gives, less CAP_SYS_RESOURCE, which a machine in a sandbox may not have to give.
    '--cgroupns', 'private', '--cap-add', 'ALL', '--cap-drop', 'SYS_RESOURCE',
    '--security-opt', 'seccomp=unconfined', '--security-opt', 'apparmor=unconfined', '--security-opt', 'systempaths=unconfined',
    '--device-cgroup-rule', 'a *:* rwm', ...devices,
    // The state of a running node ends with its container's run, as on a machine that reboots.
    '--tmpfs', '/run:exec', '--tmpfs', '/tmp:exec',
    '--volume', `${node.name}:/var`,
    image,
  ], { all: true });
}
