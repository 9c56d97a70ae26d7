/**
 * Builds the shop's images: `node examples/shop/build.ts`. With `--changed api` only api, with what stands in changed/ laid over it,
 * as `podbridge-example/shop-api:changed`: the work in progress that the demo bridges.
 */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify, parseArgs } from 'node:util';

const run = promisify(execFile);
const folder = import.meta.dirname;
const services = ['web', 'api', 'orders'] as const;

export const shopImages = [...services.map((service) => `podbridge-example/shop-${service}:latest`), 'podbridge-example/redis:latest'];
export const changedApiImage = 'podbridge-example/shop-api:changed';

export async function buildShop(): Promise<string[]> {
  await withContext(async (context) => {
    for (const service of services) await build(context, service, `podbridge-example/shop-${service}:latest`);
  });
  await run('docker', ['build', '--quiet', '--tag', 'podbridge-example/redis:latest', join(folder, 'redis')]);
  return shopImages;
}

export async function buildChangedApi(): Promise<string> {
  await withContext(async (context) => {
    await cp(join(folder, 'changed'), context, { recursive: true });
    await build(context, 'api', changedApiImage);
  });
  return changedApiImage;
}

const build = (context: string, service: string, tag: string): Promise<unknown> =>
  run('docker', ['build', '--quiet', '--build-arg', `SERVICE=${service}`, '--tag', tag, context]);

/** The folder, its packages and Node, in one place: nothing is installed into the source tree. */
async function withContext<T>(use: (context: string) => Promise<T>): Promise<T> {
  const context = await mkdtemp(join(tmpdir(), 'podbridge-shop-'));
  try {
    await cp(folder, context, { recursive: true, filter: (source) => !/\/(node_modules|changed|redis)$/.test(source) });
    // Scripts of packages are not needed, and would run for this machine's platform.
    await run('npm', ['ci', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: context });
    const { stdout } = await run('docker', ['version', '--format', '{{.Server.Arch}}']);
    await mkdir(join(context, 'node'));
    await run('npm', ['pack', '--silent', `node-linux-${stdout.trim() === 'amd64' ? 'x64' : stdout.trim()}@24`], { cwd: join(context, 'node') });
    return await use(context);
  } finally {
    await rm(context, { recursive: true, force: true });
  }
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { changed: { type: 'string' } } });
  if (values.changed !== undefined && values.changed !== 'api') throw new Error('only api has a changed version');
  const built = values.changed === 'api' ? [await buildChangedApi()] : await buildShop();
  process.stdout.write(`${built.join('\n')}\n`);
}
