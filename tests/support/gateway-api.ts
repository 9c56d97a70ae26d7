/** The custom resources of the Gateway API (its standard channel), as its own project ships them: from its Go module. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { resources } from '../../cli/adapters/cluster/index.ts';
import { isEstablished, type Crd } from '../../cli/install/established.ts';
import { labels } from '../../protocol/names.ts';
import { moduleFolder } from '../cluster/go-build.ts';
import type { Kube } from './kube.ts';

const gatewayModule = 'sigs.k8s.io/gateway-api@v1.4.0';
/** By this the next run knows what one that was broken off has left. */
const ours = 'podbridge-test';
const establishedLimitMs = 60_000;

/** @returns what takes away again those that the cluster did not have */
export async function haveGatewayApi(kube: Kube): Promise<() => Promise<void>> {
  const folder = join(await moduleFolder(gatewayModule), 'config', 'crd', 'standard');
  const files = (await readdir(folder)).filter((name) => name.startsWith('gateway.networking.k8s.io_'));
  const made = (await Promise.all(files.map(async (file) => {
    const crd = parse(await readFile(join(folder, file), 'utf8')) as Crd;
    const { name } = crd.metadata;
    const there = await kube.find(resources.CustomResourceDefinition, name);
    if (there !== undefined && there.metadata.labels?.[labels.managedBy] !== ours) return [];
    await kube.apply({ ...crd, metadata: { ...crd.metadata, labels: { ...crd.metadata.labels, [labels.managedBy]: ours } } }, { fieldManager: ours });
    await kube.until<Crd>(resources.CustomResourceDefinition, name, isEstablished, { timeoutMs: establishedLimitMs });
    return [name];
  }))).flat();
  return async () => {
    await Promise.all(made.map((name) => kube.delete(resources.CustomResourceDefinition, name)));
    await Promise.all(made.map((name) => kube.until(resources.CustomResourceDefinition, name, (found) => found === undefined, { timeoutMs: establishedLimitMs })));
  };
}
