import { access } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { KubeConfig } from '@kubernetes/client-node';
import { execa } from 'execa';
import type { Cluster, Provider } from '../provider.ts';
import { writeKubeconfig } from './kubeconfig.ts';

/**
 * A cluster that exists already: a context of the user's kubeconfig. It is only used, never made
 * or removed. The kubeconfig is read, reduced to the context, and written to a file of ours.
 */
export function contextProvider(context: string, env: NodeJS.ProcessEnv): Provider {
  const find = async (): Promise<Cluster> => {
    const config = await reducedTo(context, env);
    const { CoreV1Api } = await import('@kubernetes/client-node');
    const nodes = (await config.makeApiClient(CoreV1Api).listNode()).items.map((node) => node.metadata?.name ?? '');
    return {
      name: context, provider: 'context', context, nodes, dockerNetwork: dockerNetworkOf(context),
      kubeconfigPath: await writeKubeconfig(`context-${context.replaceAll(/[^\w.-]/g, '_')}`, config.exportConfig()),
    };
  };
  return {
    name: 'context',
    find,
    up: find,
    async down(_name, progress) {
      progress.note(`Cluster ${context} was not made here: it stays. Unset PODBRIDGE_TEST_CONTEXT to remove one that was.`);
    },
    async status(name) {
      try {
        const { nodes } = await find();
        return { name, provider: 'context', state: 'ready', nodes: nodes.map((node) => ({ name: node, state: 'listed' })), notes: [`context ${context}`] };
      } catch (error) {
        return { name, provider: 'context', state: 'unhealthy', nodes: [], notes: [`context ${context}: ${(error as Error).message}`] };
      }
    },
    async load(_cluster, images, progress) {
      const command = loadCommand(context, images);
      if (!command) {
        throw new Error(`Images cannot be copied into the nodes of ${context} from here. Push ${images.join(', ')} to a registry that it can pull from.`);
      }
      const [program, ...args] = command;
      await progress.step(`loading ${images.join(', ')} with ${program}`, () => execa(program, args, { all: true }));
    },
  };
}

/** The local clusters whose contexts can be told by their names, as their tools give them. */
function dockerNetworkOf(context: string): string | undefined {
  if (context.startsWith('kind-')) return 'kind';
  return context.startsWith('k3d-') || context === 'minikube' ? context : undefined;
}

function loadCommand(context: string, images: string[]): [string, ...string[]] | undefined {
  const name = context.replace(/^(kind|k3d)-/, '');
  if (context.startsWith('kind-')) return ['kind', 'load', 'docker-image', '--name', name, ...images];
  if (context.startsWith('k3d-')) return ['k3d', 'image', 'import', '--cluster', name, ...images];
  return context === 'minikube' ? ['minikube', 'image', 'load', ...images] : undefined;
}

async function reducedTo(context: string, env: NodeJS.ProcessEnv): Promise<KubeConfig> {
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  const listed = env.KUBECONFIG?.split(delimiter).filter(Boolean) ?? [];
  for (const path of listed.length > 0 ? listed : [join(homedir(), '.kube', 'config')]) {
    // As kubectl: files that are named but missing are passed over.
    if (!await access(path).then(() => true, () => false)) continue;
    const file = new KubeConfig();
    file.loadFromFile(path);
    config.mergeConfig(file, true);
  }
  const found = config.getContextObject(context);
  if (!found) {
    const known = config.getContexts().map(({ name }) => name);
    throw new Error(`PODBRIDGE_TEST_CONTEXT names the context ${context}, which no kubeconfig has. ${known.length > 0 ? `There are: ${known.join(', ')}` : 'There are none.'}`);
  }
  config.contexts = [found];
  config.clusters = config.getClusters().filter(({ name }) => name === found.cluster);
  config.users = config.getUsers().filter(({ name }) => name === found.user);
  config.setCurrentContext(context);
  return config;
}
