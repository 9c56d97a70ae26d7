import { join } from 'node:path';
import { execa } from 'execa';
import { ensureBaseImage, ensureDocker, type Progress } from '../../cluster/index.ts';
import { hasImage } from '../../cluster/base-image.ts';
import { contentHash } from '../../cluster/hash.ts';
import { testLabel } from '../../workloads/labels.ts';

const recipe = join(import.meta.dirname, 'load');

/** The image with wrk, iperf3 and wireguard-go: `podbridge-test/load:<hash of its recipe>`. Built when it is missing. */
export async function ensureLoadImage(progress: Progress): Promise<string> {
  await ensureDocker(progress);
  const image = `podbridge-test/load:${await contentHash({ folders: [recipe] })}`;
  if (await hasImage(image)) return image;
  await ensureBaseImage(progress);
  await progress.step('building the load image', () => execa('docker', ['build', '--quiet', '--label', testLabel, '--tag', image, recipe], { all: true }));
  return image;
}
