import { execa } from 'execa';
import { ensureDocker } from '../docker-engine.ts';
import { localTool } from './local-tool.ts';

interface Listed { name: string; nodes?: { name: string; role: string }[] }

const list = async (): Promise<Listed[]> => JSON.parse((await execa('k3d', ['cluster', 'list', '--output', 'json'])).stdout) as Listed[];

export const k3d = localTool({
  name: 'k3d',
  context: (cluster) => `k3d-${cluster}`,
  dockerNetwork: (cluster) => `k3d-${cluster}`,
  exists: async (cluster) => (await list()).some(({ name }) => name === cluster),
  // Its list also has the load balancer, which is no node of Kubernetes.
  nodes: async (cluster) => ((await list()).find(({ name }) => name === cluster)?.nodes ?? [])
    .filter(({ role }) => role === 'server' || role === 'agent').map(({ name }) => name).sort().reverse(),
  kubeconfig: async (cluster) => (await execa('k3d', ['kubeconfig', 'get', cluster])).stdout,
  async create(cluster, nodes, _kubeconfigPath, progress) {
    await ensureDocker(progress);
    await execa('k3d', [
      'cluster', 'create', cluster, '--servers', '1', '--agents', String(nodes - 1), '--wait', '--timeout', '180s',
      '--kubeconfig-update-default=false', '--kubeconfig-switch-context=false',
      '--k3s-arg', '--disable=traefik@server:*', '--k3s-arg', '--disable=metrics-server@server:*',
    ], { all: true });
  },
  remove: async (cluster) => void await execa('k3d', ['cluster', 'delete', cluster], { all: true }),
  load: async (cluster, images) => void await execa('k3d', ['image', 'import', '--cluster', cluster, ...images], { all: true }),
});
