/** The product as a user has it: every step is a command of the built program. */
import { execa } from 'execa';
import { resources, type KubeObject } from '../../../cli/adapters/cluster/index.ts';
import { labels, names, systemNamespace } from '../../../protocol/names.ts';
import type { Progress } from '../../cluster/index.ts';
import { bridgeOk, type BridgeOptions, type BridgeRun } from '../../support/bridge-command.ts';
import { until } from '../../support/wait.ts';
import type { Workloads } from './workloads.ts';

const goneLimitMs = 30_000;

export interface RunOptions {
  target: string;
  image: string;
  env?: Record<string, string>;
  /** `--header x-bridge=me` and the like. */
  rule?: string[];
  command?: string[];
}

export interface Product {
  /** Any command, in the namespace of the workloads. */
  bridge: (...args: string[]) => Promise<BridgeRun>;
  /** `bridge run --detach`; returns the container's name. */
  start: (name: string, options: RunOptions) => Promise<BridgeRun>;
  stop: (name: string) => Promise<BridgeRun>;
  /** So that the next bridge is a cold one. */
  removeAgents: () => Promise<void>;
  /** The container that holds the link. */
  cargo: () => Promise<string>;
  remove: () => Promise<void>;
}

export async function installProduct({ cluster, kube, namespace }: Workloads, progress: Progress): Promise<Product> {
  const options: BridgeOptions = { kubeconfig: cluster.kubeconfigPath, context: cluster.context, limitMs: 600_000, env: { PODBRIDGE_NAMESPACE: namespace } };
  const bridge = (...args: string[]): Promise<BridgeRun> => bridgeOk(args, options);
  await progress.step('bridge install', () => bridge('install', '--yes'));
  await progress.step('bridge up', () => bridge('up'));
  // What a run that was interrupted has left.
  await bridge('stop', '--all');
  const agents = async (): Promise<KubeObject[]> => (await kube.list(resources.Pod, { namespace: systemNamespace, labelSelector: `${labels.component}=agent` })).items;

  return {
    bridge,
    start: (name, { target, image, env = {}, rule = [], command = [] }) => bridge(
      'run', '--detach', '--name', name, '--image', image, ...(target === '' ? [] : ['--target', target]), ...rule,
      ...Object.entries(env).flatMap(([key, value]) => ['--env', `${key}=${value}`]),
      ...(command.length === 0 ? [] : ['--', ...command]),
    ),
    stop: (name) => bridge('stop', name),
    async removeAgents() {
      for (const { metadata } of await agents()) await kube.delete(resources.Pod, metadata.name, { namespace: systemNamespace });
      await until(`end of the pods ${names.agent}-...`, async () => ((await agents()).length === 0 ? true : undefined), goneLimitMs);
    },
    async cargo() {
      // Links to other clusters may be up on this machine.
      const { items } = await kube.list(resources.Client, { namespace: systemNamespace });
      const found = await Promise.all(items.map(async ({ metadata }) => {
        const { stdout } = await execa('docker', ['ps', '--quiet', '--filter', `label=${labels.role}=cargo`, '--filter', `label=${labels.link}=${metadata.name}`]);
        return stdout.split('\n').filter(Boolean);
      }));
      const [id, ...more] = found.flat();
      if (id === undefined || more.length > 0) throw new Error(`${found.flat().length} cargo containers of this cluster run here; expected one`);
      return id;
    },
    async remove() {
      await progress.step('bridge stop, down, uninstall', async () => {
        await bridge('stop', '--all');
        await bridge('down');
        await bridge('uninstall', '--yes');
      });
    },
  };
}
