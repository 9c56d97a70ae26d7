import { execa } from 'execa';
import { ensureDocker } from '../docker-engine.ts';
import { localTool } from './local-tool.ts';

const lines = (text: string): string[] => text.split('\n').map((line) => line.trim()).filter(Boolean);

export const kind = localTool({
  name: 'kind',
  context: (cluster) => `kind-${cluster}`,
  dockerNetwork: () => 'kind',
  exists: async (cluster) => lines((await execa('kind', ['get', 'clusters', '--quiet'])).stdout).includes(cluster),
  nodes: async (cluster) => lines((await execa('kind', ['get', 'nodes', '--quiet', '--name', cluster])).stdout).sort(),
  kubeconfig: async (cluster) => (await execa('kind', ['get', 'kubeconfig', '--name', cluster])).stdout,
  async create(cluster, nodes, kubeconfigPath, progress) {
    await ensureDocker(progress);
    const config = ['kind: Cluster', 'apiVersion: kind.x-k8s.io/v1alpha4', 'nodes:',
      ...Array.from({ length: nodes }, (_, index) => `- role: ${index === 0 ? 'control-plane' : 'worker'}`)];
    await execa('kind', ['create', 'cluster', '--name', cluster, '--config', '-', '--kubeconfig', kubeconfigPath, '--wait', '120s'], { input: `${config.join('\n')}\n`, all: true });
  },
  remove: async (cluster, kubeconfigPath) => void await execa('kind', ['delete', 'cluster', '--name', cluster, '--kubeconfig', kubeconfigPath], { all: true }),
  load: async (cluster, images) => void await execa('kind', ['load', 'docker-image', '--name', cluster, ...images], { all: true }),
});
