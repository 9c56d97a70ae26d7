import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where built artefacts and the clusters' kubeconfigs live: outside the tree, so that a fresh clone finds them. */
const cacheDir = (): string => join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'podbridge', 'test-cluster');

/** The folder of this file: the recipe. */
export const recipeDir = import.meta.dirname;

/** Makes (private to the user) and returns a folder below the cache. */
export async function cacheFolder(...names: string[]): Promise<string> {
  const path = join(cacheDir(), ...names);
  await mkdir(path, { recursive: true, mode: 0o700 });
  return path;
}
