import { access, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { ensureBaseImage } from './base-image.ts';
import { contentHash } from './hash.ts';
import { managedBy } from './labels.ts';
import { withLock } from './lock.ts';
import { cacheFolder, recipeDir } from './paths.ts';
import type { Progress } from './progress.ts';

/** A static program built from a Go module below this folder. */
export interface GoProgram {
  name: string;
  /** Folder of its module, relative to this one. */
  module: string;
  ldflags: string;
  /** What the step's line says beside the name. */
  title: string;
}

const oldestGo = { major: 1, minor: 25 };

/** Builds the program unless the cache has one of the same content. Returns its path. */
export async function ensureGoProgram(program: GoProgram, progress: Progress): Promise<string> {
  const source = join(recipeDir, program.module);
  const hash = await contentHash({ texts: [program.ldflags, process.arch], folders: [source] });
  const folder = join(await cacheFolder('programs'), `${program.name}-${hash}`);
  const binary = join(folder, program.name);
  if (await exists(binary)) return binary;
  return withLock(`build-${program.name}`, progress, async () => {
    if (await exists(binary)) return binary;
    await mkdir(folder, { recursive: true });
    const unfinished = `${binary}.${process.pid}`;
    try {
      if (await hasGo()) {
        await progress.step(`building ${program.title}`, () => execa('go', goArguments(program, unfinished), { cwd: source, env: goEnvironment, all: true }));
      } else {
        await buildInContainer(program, source, unfinished, progress);
      }
      await rename(unfinished, binary);
    } finally {
      await rm(unfinished, { force: true });
    }
    return binary;
  });
}

const exists = (path: string): Promise<boolean> => access(path).then(() => true, () => false);
const goEnvironment = { CGO_ENABLED: '0', GOWORK: 'off' };
const goArguments = (program: GoProgram, output: string): string[] =>
  ['build', '-trimpath', '-buildvcs=false', '-ldflags', `-s -w ${program.ldflags}`.trim(), '-o', output, '.'];

async function hasGo(): Promise<boolean> {
  const { stdout, failed } = await execa('go', ['env', 'GOVERSION', 'GOTOOLCHAIN'], { reject: false, cwd: '/' });
  const [, major, minor] = /^go(\d+)\.(\d+)/.exec(stdout ?? '') ?? [];
  if (failed || !major || !minor) return false;
  // From 1.21 on, Go fetches the newer release that a module asks for, unless told not to.
  const enough = Number(minor) >= oldestGo.minor || (Number(minor) >= 21 && !/\blocal\b/.test(stdout));
  return Number(major) > oldestGo.major || (Number(major) === oldestGo.major && enough);
}

/** Without Go on the machine: Debian's, in a container, which fetches the release the module asks for. */
async function buildInContainer(program: GoProgram, source: string, output: string, progress: Progress): Promise<void> {
  await ensureBaseImage(progress);
  const image = `podbridge-test/go:${await contentHash({ folders: [join(recipeDir, 'go')] })}`;
  await progress.step('making an image with Go', () =>
    execa('docker', ['build', '--quiet', '--label', managedBy, '--tag', image, join(recipeDir, 'go')], { all: true }));
  const caches = await cacheFolder('go');
  const outputFolder = join(output, '..');
  await progress.step(`building ${program.title} (in a container)`, () =>
    execa('docker', [
      'run', '--rm', '--label', managedBy, '--user', `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`,
      '--volume', `${source}:/src:ro`, '--volume', `${outputFolder}:/out`, '--volume', `${caches}:/cache`, '--workdir', '/src',
      ...Object.entries({ ...goEnvironment, GOCACHE: '/cache/build', GOMODCACHE: '/cache/mod', GOTOOLCHAIN: 'auto', HOME: '/tmp' }).flatMap(([key, value]) => ['--env', `${key}=${value}`]),
      image, 'go', ...goArguments(program, join('/out', output.slice(outputFolder.length))),
    ], { all: true }));
}
