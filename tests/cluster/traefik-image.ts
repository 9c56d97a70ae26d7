/** Traefik, an Ingress controller and Gateway: not part of the cluster, for whoever tests what stands behind one. */
import { mkdtemp, readdir, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { hasImage } from './base-image.ts';
import { ensureGoProgram, moduleFolder, type GoProgram } from './go-build.ts';
import { buildFromScratch } from './node-image.ts';
import { cacheFolder } from './paths.ts';
import { progressOn, type Progress } from './progress.ts';

/** As in traefik/go.mod, as the next. */
export const traefikModule = 'github.com/traefik/traefik/v3@v3.6.12';
const legoModule = 'github.com/go-acme/lego/v4@v4.33.0';

const traefik: GoProgram = {
  name: 'traefik', module: 'traefik', package: 'github.com/traefik/traefik/v3/cmd/traefik', title: 'Traefik (the first time: minutes)', ldflags: '',
  async complete(folder) {
    for (const [name, module] of [['traefik', traefikModule], ['lego', legoModule]] as const) await linkAround(join(folder, name), await moduleFolder(module));
  },
};

/** Its name, `podbridge-test/traefik:<hash>`. Built when it is missing. */
export async function ensureTraefikImage(progress: Progress = progressOn(process.stderr)): Promise<string> {
  const program = await ensureGoProgram(traefik, progress);
  const image = `podbridge-test/traefik:${basename(dirname(program)).replace('traefik-', '')}`;
  if (!await hasImage(image)) await buildFromScratch(image, program, 'traefik', await mkdtemp(join(await cacheFolder('build'), 'traefik-image-')));
  return image;
}

/** Links what the module has and the folder has not. Folders with files in them are whole: they stand for the module's. */
async function linkAround(folder: string, module: string): Promise<void> {
  const own = await readdir(folder, { withFileTypes: true });
  if (own.some((entry) => entry.isFile())) return;
  const names = new Set(own.map(({ name }) => name));
  for (const name of await readdir(module)) await (names.has(name) ? linkAround(join(folder, name), join(module, name)) : symlink(join(module, name), join(folder, name)));
}
