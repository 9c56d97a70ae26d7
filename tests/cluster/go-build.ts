import { access, cp, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { contentHash } from './hash.ts';
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
  /** Import path of somebody else's program; absent: the folder's own. */
  package?: string;
  /** For what is not in the tree: completes a copy of the folder, in which the build then runs. */
  complete?: (folder: string) => Promise<void>;
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
      await requireGo();
      await progress.step(`building ${program.title}`, () => inCompleted(program, source, (cwd) => execa('go', goArguments(program, unfinished), { cwd, env: goEnvironment, all: true })));
      await rename(unfinished, binary);
    } finally {
      await rm(unfinished, { force: true });
    }
    return binary;
  });
}

/** Folder of a module's files, `example.com/module@v1.2.3`: in Go's own cache, where they cannot be written; downloaded and verified if need be. */
export async function moduleFolder(module: string): Promise<string> {
  const { stdout } = await execa('go', ['mod', 'download', '-json', module], { cwd: '/', env: goEnvironment });
  return (JSON.parse(stdout) as { Dir: string }).Dir;
}

async function inCompleted({ name, complete }: GoProgram, source: string, build: (folder: string) => Promise<unknown>): Promise<void> {
  if (complete === undefined) return void await build(source);
  const copy = await mkdtemp(join(await cacheFolder('build'), `${name}-`));
  try {
    await cp(source, copy, { recursive: true });
    await complete(copy);
    await build(copy);
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}

const exists = (path: string): Promise<boolean> => access(path).then(() => true, () => false);
/** Only modules are fetched: never another release of Go itself. */
const goEnvironment = { CGO_ENABLED: '0', GOWORK: 'off', GOTOOLCHAIN: 'local' };
const goArguments = (program: GoProgram, output: string): string[] =>
  ['build', '-trimpath', '-buildvcs=false', '-ldflags', `-s -w ${program.ldflags}`.trim(), '-o', output, program.package ?? '.'];

/** Throws unless this machine has a Go that can build the programs; says what to install. */
async function requireGo(): Promise<void> {
  const { stdout, failed } = await execa('go', ['env', 'GOVERSION'], { reject: false, cwd: '/', env: goEnvironment });
  const [version, major, minor] = /^go(\d+)\.(\d+)/.exec(stdout ?? '') ?? [];
  const enough = Number(major) > oldestGo.major || (Number(major) === oldestGo.major && Number(minor) >= oldestGo.minor);
  if (!failed && enough) return;
  throw new Error(`The embedded cluster is built with Go ${oldestGo.major}.${oldestGo.minor} or newer, and ${version === undefined ? 'there is none on PATH' : `this machine has ${version}`}. ` +
    'Install it (https://go.dev/doc/install), or install kind or k3d, or name a cluster with PODBRIDGE_TEST_CONTEXT.');
}
