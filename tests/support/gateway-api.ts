/** The custom resource HTTPRoute of the Gateway API, as its own project ships it: from its Go module. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { parse } from 'yaml';
import { resources, type KubeObject } from '../../cli/adapters/cluster/index.ts';
import type { Kube } from './kube.ts';

const gatewayModule = 'sigs.k8s.io/gateway-api@v1.4.0';

interface Crd extends KubeObject { status?: { conditions?: { type: string; status: string }[] } }

/** @returns what takes it away again; nothing, where the cluster has it already */
export async function haveHttpRoutes(kube: Kube): Promise<() => Promise<void>> {
  const { stdout } = await execa('go', ['mod', 'download', '-json', gatewayModule], { cwd: '/', env: { GOWORK: 'off', GOTOOLCHAIN: 'local' } });
  const { Dir: folder } = JSON.parse(stdout) as { Dir: string };
  const crd = parse(await readFile(join(folder, 'config', 'crd', 'standard', 'gateway.networking.k8s.io_httproutes.yaml'), 'utf8')) as Crd;
  const { name } = crd.metadata;
  if (await kube.find(resources.CustomResourceDefinition, name) !== undefined) return () => Promise.resolve();
  await kube.apply(crd, { fieldManager: 'podbridge-test' });
  await kube.until<Crd>(resources.CustomResourceDefinition, name, (found) => found?.status?.conditions?.some(({ type, status }) => type === 'Established' && status === 'True') === true, { timeoutMs: 60_000 });
  return async () => { await kube.delete(resources.CustomResourceDefinition, name, {}); };
}
