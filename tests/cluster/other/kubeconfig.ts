import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from '../paths.ts';

/** Writes a cluster's kubeconfig to a file of ours. Returns its path. */
export async function writeKubeconfig(cluster: string, text: string): Promise<string> {
  const path = join(await cacheFolder('clusters', cluster), 'kubeconfig');
  await writeFile(path, text, { mode: 0o600 });
  return path;
}
