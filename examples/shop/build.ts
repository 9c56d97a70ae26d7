/**
 * Builds the shop's images: `node examples/shop/build.ts`. With `--changed api` only api, with what stands in changed/ laid over it,
 * as `podbridge-example/shop-api:changed`: the work in progress that the demo bridges.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify, parseArgs } from 'node:util';

const execute = promisify(execFile);
const folder = import.meta.dirname;
const services = ['web', 'api', 'orders'] as const;
const redisImage = 'podbridge-example/redis:latest';

export const shopImages = [...services.map((service) => `podbridge-example/shop-${service}:latest`), redisImage];
export const changedApiImage = 'podbridge-example/shop-api:changed';

export async function buildShop(): Promise<string[]> {
  const base = await ensureBase();
  for (const service of services) await buildService(folder, base, service, `podbridge-example/shop-${service}:latest`);
  await docker('build', '--quiet', '--tag', redisImage, join(folder, 'redis'));
  return shopImages;
}

export async function buildChangedApi(): Promise<string> {
  const base = await ensureBase();
  await withFolder(async (context) => {
    for (const part of ['Dockerfile', '.dockerignore', 'lib', 'api', 'changed']) await cp(join(folder, part), part === 'changed' ? context : join(context, part), { recursive: true });
    await buildService(context, base, 'api', changedApiImage);
  });
  return changedApiImage;
}

const docker = async (...args: string[]): Promise<string> => (await execute('docker', args)).stdout.trim();

const buildService = (context: string, base: string, service: string, tag: string): Promise<string> =>
  docker('build', '--quiet', '--build-arg', `BASE=${base}`, '--build-arg', `SERVICE=${service}`, '--tag', tag, context);

/** Node and the packages, built once per content: the services themselves are then a matter of a second. */
async function ensureBase(): Promise<string> {
  const hash = createHash('sha256');
  for (const file of ['base/Dockerfile', 'package.json', 'package-lock.json']) hash.update(await readFile(join(folder, file)));
  const image = `podbridge-example/shop-base:${hash.digest('hex').slice(0, 12)}`;
  if (await docker('images', '--quiet', image) !== '') return image;
  await withFolder(async (context) => {
    for (const file of ['base/Dockerfile', 'package.json', 'package-lock.json']) await cp(join(folder, file), join(context, file.replace('base/', '')));
    // Nothing is installed into the source tree; scripts of packages are not needed, and would run for this machine's platform.
    await execute('npm', ['ci', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: context });
    const architecture = await docker('version', '--format', '{{.Server.Arch}}');
    await mkdir(join(context, 'node'));
    await execute('npm', ['pack', '--silent', `node-linux-${architecture === 'amd64' ? 'x64' : architecture}@24`], { cwd: join(context, 'node') });
    await docker('build', '--quiet', '--tag', image, context);
  });
  return image;
}

async function withFolder<T>(use: (path: string) => Promise<T>): Promise<T> {
  const path = await mkdtemp(join(tmpdir(), 'podbridge-shop-'));
  try {
    return await use(path);
  } finally {
    await rm(path, { recursive: true, force: true });
  }
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { changed: { type: 'string' } } });
  if (values.changed !== undefined && values.changed !== 'api') throw new Error('only api has a changed version');
  const built = values.changed === 'api' ? [await buildChangedApi()] : await buildShop();
  process.stdout.write(`${built.join('\n')}\n`);
}
