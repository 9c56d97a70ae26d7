/**
 * One command at a time makes or removes a link on this machine. Docker would let two networks of one name come into being,
 * and there is no telling afterwards which of them whose container is in.
 */
import { mkdir } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { BridgeError } from '../errors.ts';
import { timing } from '../timing.ts';

export async function withLinkLock<T>(link: string, run: () => Promise<T>): Promise<T> {
  const { lock } = (await import('proper-lockfile')).default;
  const folder = join(tmpdir(), `podbridge-${userInfo().username.replace(/\W/g, '_')}`);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, link);
  const release = await lock(path, {
    realpath: false, stale: timing.lockStaleMs, update: timing.lockUpdateMs,
    // On a machine so busy that the lock could not be renewed in time somebody else may have it now. What is done under it can be done
    // by two, only less tidily; its own way of telling would be an exception that nobody can catch.
    onCompromised: () => undefined,
    retries: { retries: Math.ceil(timing.lockLimitMs / timing.lockRetryMs), factor: 1, minTimeout: timing.lockRetryMs, maxTimeout: timing.lockRetryMs },
  }).catch((error: unknown) => {
    throw new BridgeError({ kind: 'timeout', code: 'link-busy', what: `another podbridge command has been working on the link ${link} for ${timing.lockLimitMs / 1000} s`, next: `wait for it, or remove ${path}.lock if there is none`, cause: error });
  });
  try {
    return await run();
  } finally {
    await release().catch(() => undefined);
  }
}
