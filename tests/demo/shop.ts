/** The shop of examples/shop, as the demo sets it up and asks it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { resources } from '../../cli/adapters/cluster/index.ts';
import type { Kube } from '../support/kube.ts';
import { applyAll, cleanNamespace } from '../support/namespace.ts';
import type { Prober } from '../support/prober.ts';
import { until } from '../support/wait.ts';
import type { Manifest } from '../workloads/manifests.ts';

export const shopNamespace = 'shop';

const manifestFile = join(import.meta.dirname, '..', '..', 'examples', 'shop', 'shop.yaml');
const settledLimitMs = 60_000;

export async function deployShop(kube: Kube): Promise<void> {
  const manifests = parseAllDocuments(await readFile(manifestFile, 'utf8')).map((document) => document.toJS() as Manifest);
  await applyAll(kube, manifests);
  // Pods of an earlier roll-out may still be ending.
  await until('one generation of pods in the shop', async () => {
    const { items } = await kube.list(resources.Pod, { namespace: shopNamespace });
    return items.every(({ metadata }) => metadata.deletionTimestamp === undefined) ? true : undefined;
  }, settledLimitMs);
}

export const removeShop = (kube: Kube): Promise<void> => cleanNamespace(kube, shopNamespace);

export interface Answer {
  answeredBy: { service: string; edition: string; host: string }[];
  products: { name: string; cents: number }[];
  servedBy: string | undefined;
}

export async function ask(prober: Prober, url: string, baggage?: string): Promise<Answer> {
  const { status, headers, body } = await prober.fetch(url, baggage === undefined ? {} : { baggage });
  if (status !== 200) throw new Error(`${url}: ${status} ${body}`);
  return { ...JSON.parse(body) as Omit<Answer, 'servedBy'>, servedBy: headers['x-bridge-served-by']?.[0] };
}

export async function untilAnswering(prober: Prober, urls: string[]): Promise<void> {
  for (const url of urls) await until(`an answer of ${url}`, () => ask(prober, url).catch(() => undefined), settledLimitMs);
}

export const editionOf = (answer: Answer, service: string): string | undefined => answer.answeredBy.find((each) => each.service === service)?.edition;

export function describe({ answeredBy, products }: Answer): string {
  return [
    answeredBy.map(({ service, edition, host }) => `${service}: ${edition} (${host})`).join('\n'),
    products.map(({ name, cents }) => `${name} ${(cents / 100).toFixed(2)}`).join(', '),
  ].join('\n');
}

/** Every workload and pod of the shop, whole: specs, annotations, restart counts, resource versions. */
export async function shopState(kube: Kube): Promise<string> {
  const kinds = [resources.Deployment, resources.ReplicaSet, resources.Service, resources.ConfigMap, resources.Secret, resources.Pod];
  const lists = await Promise.all(kinds.map((type) => kube.list(type, { namespace: shopNamespace })));
  return JSON.stringify(lists.flatMap(({ items }) => items), null, 1);
}
