import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { withLock } from '../lock.ts';
import { cacheFolder } from '../paths.ts';
import type { Progress } from '../progress.ts';
import type { Cluster, Provider } from '../provider.ts';
import { writeKubeconfig } from './kubeconfig.ts';

/** How a tool that makes clusters in Docker is asked. `cluster` is always the tool's own name for it. */
export interface LocalTool {
  name: 'kind' | 'k3d';
  context(cluster: string): string;
  dockerNetwork(cluster: string): string;
  exists(cluster: string): Promise<boolean>;
  /** Containers of its nodes, the control plane first. */
  nodes(cluster: string): Promise<string[]>;
  kubeconfig(cluster: string): Promise<string>;
  create(cluster: string, nodes: number, kubeconfigPath: string, progress: Progress): Promise<void>;
  remove(cluster: string, kubeconfigPath: string): Promise<void>;
  load(cluster: string, images: string[]): Promise<void>;
}

const defaultNodes = 2;

/** A provider that makes its clusters with such a tool. */
export function localTool(tool: LocalTool): Provider {
  // Not a name that the user is likely to have given to a cluster of their own.
  const own = (name: string): string => `${name}-test`;
  const kubeconfigPath = async (name: string): Promise<string> => join(await cacheFolder('clusters', own(name)), 'kubeconfig');

  const describe = async (name: string): Promise<Cluster> => {
    const cluster = own(name);
    return {
      name, provider: tool.name, context: tool.context(cluster), dockerNetwork: tool.dockerNetwork(cluster),
      nodes: await tool.nodes(cluster), kubeconfigPath: await writeKubeconfig(cluster, await tool.kubeconfig(cluster)),
    };
  };
  const stoppedNodes = async (nodes: string[]): Promise<string[]> => {
    const { stdout } = await execa('docker', ['inspect', '--format', '{{.State.Running}}', ...nodes]);
    const running = stdout.split('\n');
    return nodes.filter((_, index) => running[index] !== 'true');
  };
  const remove = async (name: string): Promise<void> => {
    await tool.remove(own(name), await kubeconfigPath(name));
    await rm(await cacheFolder('clusters', own(name)), { recursive: true, force: true });
  };

  return {
    name: tool.name,

    up: ({ name, nodes, progress }) => withLock(`cluster-${name}`, progress, async () => {
      const existing = await tool.exists(own(name)) ? await tool.nodes(own(name)) : [];
      if (existing.length > 0 && nodes !== undefined && existing.length !== nodes) {
        progress.note(`Cluster ${name} has ${existing.length} nodes, not ${nodes}: making it anew.`);
        await progress.step(`removing cluster ${name}`, () => remove(name));
      } else if (existing.length > 0) {
        const stopped = await stoppedNodes(existing);
        if (stopped.length > 0) await progress.step(`starting ${stopped.join(', ')}`, () => execa('docker', ['start', ...stopped], { all: true }));
        return describe(name);
      }
      await progress.step(`making cluster ${name} with ${tool.name}`, async () => tool.create(own(name), nodes ?? defaultNodes, await kubeconfigPath(name), progress));
      return describe(name);
    }),

    down: (name, progress) => withLock(`cluster-${name}`, progress, async () => {
      if (await tool.exists(own(name))) await progress.step(`removing cluster ${name}`, () => remove(name));
    }),

    find: async (name) => await tool.exists(own(name)) ? describe(name) : undefined,

    async status(name) {
      const exists = await tool.exists(own(name));
      const nodes = exists ? await tool.nodes(own(name)) : [];
      const stopped = exists ? await stoppedNodes(nodes) : [];
      return {
        name, provider: tool.name, notes: [],
        state: !exists ? 'absent' : stopped.length > 0 ? 'stopped' : 'ready',
        nodes: nodes.map((node) => ({ name: node, state: stopped.includes(node) ? 'stopped' : 'running' })),
      };
    },

    load: (cluster, images, progress) => progress.step(`loading ${images.join(', ')} with ${tool.name}`, () => tool.load(own(cluster.name), images)),
  };
}
