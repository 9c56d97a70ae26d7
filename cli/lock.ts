/** One command at a time does something on this machine that two would only disturb each other at. */
import { mkdir } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { BridgeError } from './errors.ts';
import { timing } from './timing.ts';

/**
 * Docker would let two networks of one name come into being, and there is no telling afterwards which of them whose container is in.
 * Throws link-busy.
 */
export function withLinkLock<T>(link: string, run: () => Promise<T>): Promise<T> {
  return withLock(link, {
    limitMs: timing.lockLimitMs,
    busy: (path) => new BridgeError({
      kind: 'timeout', code: 'link-busy', what: `another podbridge command has been working on the link ${link} for ${timing.lockLimitMs / 1000} s`, next: `wait for it, or remove ${path} if there is none`,
    }),
  }, run);
}

/**
 * Two builds at once give one name to two images, and a link whose container was made from the first would be taken for outdated.
 * Throws image-busy.
 */
export function withImageLock<T>(image: string, { waiting, signal }: { waiting: (waitingFor: string) => void; signal: AbortSignal }, run: () => Promise<T>): Promise<T> {
  return withLock(`image-${image}`, {
    limitMs: timing.imageLockLimitMs, signal, onWait: () => waiting('another podbridge command, which builds it'),
    busy: (path) => new BridgeError({
      kind: 'timeout', code: 'image-busy', what: `another podbridge command has been building the image ${image} for ${timing.imageLockLimitMs / 60_000} minutes`, next: `wait for it, or remove ${path} if there is none`,
    }),
  }, run);
}

interface Patience {
  limitMs: number;
  busy: (path: string) => BridgeError;
  onWait?: () => void;
  signal?: AbortSignal;
}

async function withLock<T>(name: string, patience: Patience, run: () => Promise<T>): Promise<T> {
  const folder = join(tmpdir(), `podbridge-${userInfo().username.replace(/\W/g, '_')}`);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const release = await take(join(folder, name), patience);
  try {
    return await run();
  } finally {
    await release().catch(() => undefined);
  }
}

async function take(path: string, { limitMs, busy, onWait, signal }: Patience): Promise<() => Promise<void>> {
  const { lock } = (await import('proper-lockfile')).default;
  const end = performance.now() + limitMs;
  for (let waited = false; ; waited = true) {
    try {
      return await lock(path, {
        realpath: false, stale: timing.lockStaleMs, update: timing.lockUpdateMs,
        // On a machine so busy that the lock could not be renewed in time somebody else may have it now. What is done under it can be done
        // by two, only less tidily; its own way of telling would be an exception that nobody can catch.
        onCompromised: () => undefined,
      });
    } catch (error) {
      if ((error as { code?: string }).code !== 'ELOCKED') throw error;
      if (performance.now() > end) throw new BridgeError({ ...busy(`${path}.lock`).facts, cause: error });
      if (!waited) onWait?.();
      await delay(timing.lockRetryMs);
      signal?.throwIfAborted();
    }
  }
}
