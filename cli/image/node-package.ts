/** Node for the images comes from npm's platform packages, through the user's own npm: his registry, proxy and certificates apply. */
import { access, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../adapters/process/index.ts';
import { BridgeError, isBridgeError } from '../errors.ts';
import type { Host } from '../host.ts';
import { timing } from '../timing.ts';

/** Pinned, because it is part of what an image's tag stands for. */
export const nodeVersion = '24.21.0';

/** As Docker names architectures in `docker info`, and as npm does. */
const npmArchitectures: Record<string, string> = { x86_64: 'x64', amd64: 'x64', aarch64: 'arm64', arm64: 'arm64' };

/** Path of the package's .tgz, fetched once. @param architecture as `docker info` tells it */
export async function nodePackage(host: Pick<Host, 'env' | 'homeDir'>, architecture: string): Promise<string> {
  const arch = npmArchitectures[architecture];
  if (arch === undefined) {
    throw new BridgeError({ kind: 'environment', code: 'architecture-unsupported', what: `there is no image for the architecture ${architecture}`, why: 'podbridge builds for amd64 and arm64', next: 'docker info --format {{.Architecture}}' });
  }
  const folder = join(host.env.XDG_CACHE_HOME ?? join(host.homeDir, '.cache'), 'podbridge', 'node');
  const name = `node-linux-${arch}-${nodeVersion}.tgz`;
  const path = join(folder, name);
  if (await access(path).then(() => true, () => false)) return path;
  await mkdir(folder, { recursive: true });
  // Fetched beside and renamed: several commands may do this at once, and one may be killed.
  const part = await mkdtemp(join(folder, 'part-'));
  try {
    await run(['npm', 'pack', `node-linux-${arch}@${nodeVersion}`, '--pack-destination', part], { timeoutMs: timing.nodePackageTimeoutMs });
    const [packed] = await readdir(part);
    if (packed === undefined) throw new Error('npm pack wrote no file');
    await rename(join(part, packed), path);
  } catch (error) {
    throw new BridgeError({
      kind: 'environment', code: 'node-package-unavailable', what: `the npm package node-linux-${arch}@${nodeVersion}, which the images contain, could not be fetched`,
      why: isBridgeError(error) && error.facts.code === 'command-missing' ? 'npm is not on the PATH' : 'the npm registry cannot be reached, or asks for credentials',
      next: `npm pack node-linux-${arch}@${nodeVersion}`, cause: error, ...(isBridgeError(error) && error.facts.detail !== undefined ? { detail: error.facts.detail } : {}),
    });
  } finally {
    await rm(part, { recursive: true, force: true });
  }
  return path;
}
