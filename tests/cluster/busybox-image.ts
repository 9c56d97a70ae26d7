import { join } from 'node:path';
import { execa } from 'execa';
import { ensureBaseImage, hasImage } from './base-image.ts';
import { contentHash } from './hash.ts';
import { managedBy } from './labels.ts';
import { recipeDir } from './paths.ts';
import { progressOn, type Progress } from './progress.ts';

/** A shell, a web server and network tools in 2 MB. Returns its name, `podbridge-test/busybox:<hash>`. */
export async function ensureBusyboxImage(progress: Progress = progressOn(process.stderr)): Promise<string> {
  const recipe = join(recipeDir, 'busybox');
  const image = `podbridge-test/busybox:${await contentHash({ folders: [recipe] })}`;
  if (await hasImage(image)) return image;
  await ensureBaseImage(progress);
  await progress.step('building the image of busybox', () => execa('docker', ['build', '--quiet', '--label', managedBy, '--tag', image, recipe], { all: true }));
  return image;
}
