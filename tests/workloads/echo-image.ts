import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { execa } from 'execa';
import { ensureDocker, progressOn, type Progress } from '../cluster/index.ts';
import { hasImage } from '../cluster/base-image.ts';
import { ensureGoProgram } from '../cluster/go-build.ts';
import { contentHash } from '../cluster/hash.ts';
import { testLabel } from './labels.ts';

const recipe = join(import.meta.dirname, 'echo');

/** The image of every test workload, app container and prober: `podbridge-test/echo:<hash of its sources>`. Built when it is missing. */
export async function ensureEchoImage(progress: Progress = progressOn(process.stderr)): Promise<string> {
  await ensureDocker(progress);
  const binary = await ensureGoProgram({ name: 'echo', module: '../workloads/echo', ldflags: '', title: "the tests' workload" }, progress);
  const hash = await contentHash({ texts: [basename(dirname(binary))], folders: [recipe] });
  const image = `podbridge-test/echo:${hash}`;
  if (await hasImage(image)) return image;
  const context = await mkdtemp(join(tmpdir(), 'podbridge-echo-'));
  try {
    await copyFile(binary, join(context, 'echo'));
    await copyFile(join(recipe, 'Dockerfile'), join(context, 'Dockerfile'));
    await execa('docker', ['build', '--quiet', '--label', testLabel, '--tag', image, context], { all: true });
  } finally {
    await rm(context, { recursive: true, force: true });
  }
  return image;
}
