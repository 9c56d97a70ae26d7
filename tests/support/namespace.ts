/** Namespaces of tests: each suite has its own, and its objects go with it. */
import { resourceFor, resources } from '../../cli/adapters/cluster/index.ts';
import type { Manifest } from '../workloads/manifests.ts';
import type { Kube } from './kube.ts';
import { until, untilReady } from './wait.ts';

const goneLimitMs = 60_000;
/** Set to look at what a test left behind. */
const keep = process.env.PODBRIDGE_KEEP === '1';

export async function makeNamespace(kube: Kube, name: string, labels: Record<string, string> = {}): Promise<void> {
  await removeNamespace(kube, name);
  await haveNamespace(kube, name, labels);
}

/** Leaves one that is there as it is. */
export async function haveNamespace(kube: Kube, name: string, labels: Record<string, string> = {}): Promise<void> {
  await kube.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: { 'app.kubernetes.io/managed-by': 'podbridge-test', ...labels } } }, { fieldManager: 'podbridge-test' });
  // Pods need it, and it is made a moment later than the namespace.
  await until(`service account of namespace ${name}`, () => kube.find(resources.ServiceAccount, 'default', name), goneLimitMs);
}

/** Removes it and waits, unless PODBRIDGE_KEEP=1. */
export async function cleanNamespace(kube: Kube, name: string): Promise<void> {
  if (!keep) await removeNamespace(kube, name);
}

async function removeNamespace(kube: Kube, name: string): Promise<void> {
  if (!await kube.delete(resources.Namespace, name)) return;
  await until(`end of namespace ${name}`, async () => (await kube.find(resources.Namespace, name) === undefined ? true : undefined), goneLimitMs);
}

/** Applies the objects and waits until those that can be ready are. */
export async function applyAll(kube: Kube, manifests: Manifest[]): Promise<void> {
  for (const manifest of manifests) await kube.apply(manifest, { fieldManager: 'podbridge-test' });
  await untilReady(kube, manifests.flatMap((manifest) => {
    const type = resourceFor(manifest);
    return type === undefined ? [] : [{ type, name: manifest.metadata.name, namespace: manifest.metadata.namespace }];
  }));
}
