import { execa } from 'execa';
import { embedded } from './embedded/provider.ts';
import { contextProvider } from './other/context.ts';
import { k3d } from './other/k3d.ts';
import { kind } from './other/kind.ts';
import type { Cluster, Provider } from './provider.ts';

const inOrder = [kind, k3d, embedded];

/**
 * PODBRIDGE_TEST_CONTEXT names a context of the user's kubeconfig on purpose; else kind or k3d
 * where installed; else the embedded cluster. PODBRIDGE_TEST_PROVIDER picks one of those by name.
 */
export async function chooseProvider(env: NodeJS.ProcessEnv = process.env): Promise<Provider> {
  if (env.PODBRIDGE_TEST_CONTEXT) return contextProvider(env.PODBRIDGE_TEST_CONTEXT, env);
  const wanted = env.PODBRIDGE_TEST_PROVIDER;
  if (wanted) {
    const provider = inOrder.find(({ name }) => name === wanted);
    if (!provider) throw new RangeError(`PODBRIDGE_TEST_PROVIDER is ${wanted}; it can be ${inOrder.map(({ name }) => name).join(', ')}.`);
    return provider;
  }
  for (const provider of [kind, k3d]) {
    if (!(await execa(provider.name, ['version'], { reject: false, env })).failed) return provider;
  }
  return embedded;
}

/** The provider that a cluster came from. */
export function providerOf(cluster: Cluster, env: NodeJS.ProcessEnv = process.env): Provider {
  return inOrder.find(({ name }) => name === cluster.provider) ?? contextProvider(cluster.context, env);
}
