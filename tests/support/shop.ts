/** The example shop in a namespace of a test's own. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { Manifest } from '../workloads/manifests.ts';

const manifestFile = join(import.meta.dirname, '..', '..', 'examples', 'shop', 'shop.yaml');

/** Its objects without the Namespace. */
export async function shopManifests(namespace: string): Promise<Manifest[]> {
  const objects = parseAllDocuments(await readFile(manifestFile, 'utf8')).map((document) => document.toJS() as Manifest);
  return objects.filter(({ kind }) => kind !== 'Namespace').map((object) => ({ ...object, metadata: { ...object.metadata, namespace } }));
}
