import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { lock } from 'proper-lockfile';
import { cacheFolder } from './paths.ts';
import type { Progress } from './progress.ts';

/** A holder that died stops renewing its lock; after this long the next one takes over. */
const staleAfterMs = 20_000;
const pollIntervalMs = 300;
/** Longer than the slowest thing done under a lock: the first build on a slow machine. */
const waitLimitMs = 45 * 60_000;

/** Runs `action` while no other process on this machine runs one under the same name. */
export async function withLock<T>(name: string, progress: Progress, action: () => Promise<T>): Promise<T> {
  const file = join(await cacheFolder('locks'), name);
  await writeFile(file, '', { flag: 'a' });
  const acquire = (retries: number): Promise<() => Promise<void>> =>
    lock(file, { stale: staleAfterMs, retries: { retries, factor: 1, minTimeout: pollIntervalMs, maxTimeout: pollIntervalMs } });
  const release = await acquire(0).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'ELOCKED') throw error;
    return progress.step(`waiting for another process that works on ${name}`, () => acquire(waitLimitMs / pollIntervalMs));
  });
  try {
    return await action();
  } finally {
    await release();
  }
}
