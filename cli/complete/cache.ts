/** Answers for Tab are kept for a moment: who presses it twice must not ask the cluster twice. */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Host } from '../host.ts';

/** A cluster that changes faster than this is typed by hand. */
export const freshMs = 20_000;

export function cacheFolder({ env, homeDir }: Pick<Host, 'env' | 'homeDir'>): string {
  const base = env.XDG_CACHE_HOME;
  return join(base !== undefined && base !== '' ? base : join(homeDir, '.cache'), 'podbridge', 'completion');
}

interface Kept {
  at: number;
  values: string[];
}

/** A cache that cannot be read or written is no cache. */
export async function cached(folder: string, key: readonly unknown[], ask: () => Promise<string[]>, now: () => number = Date.now): Promise<string[]> {
  const file = join(folder, `${createHash('sha256').update(JSON.stringify(key)).digest('hex').slice(0, 32)}.json`);
  const kept = await readFile(file, 'utf8').then((text) => JSON.parse(text) as Kept).catch(() => undefined);
  if (kept !== undefined && now() - kept.at < freshMs && now() >= kept.at) return kept.values;
  const values = await ask();
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    // Two shells may write at once: each puts a whole file into place.
    const own = `${file}.${Math.round(performance.now() * 1000).toString(36)}`;
    await writeFile(own, JSON.stringify({ at: now(), values } satisfies Kept), { mode: 0o600 });
    await rename(own, file);
  } catch {
    // The next Tab asks again.
  }
  return values;
}
