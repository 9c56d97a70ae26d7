/** `bridge run --watch`: what changes on this machine is built and started again, while the bridge stays. */
import { stat } from 'node:fs/promises';
import type { ImageInfo } from '../adapters/docker/index.ts';
import { ignoredIn, skippedIn } from '../image/app-context.ts';
import type { Steps } from '../steps/steps.ts';
import { BridgeError } from '../errors.ts';
import { factsOf } from '../ui/error-text.ts';
import type { Reporter } from '../ui/events.ts';
import { sourcePath } from './bind.ts';
import type { RunRequest } from './run-request.ts';
import { watchFiles, type WatchedFolder } from './watch-files.ts';

export interface WatchQuestion {
  request: Pick<RunRequest, 'build' | 'flags'>;
  steps: Steps;
  reporter: Reporter;
  now: () => number;
  /** The image as it is now. */
  build: () => Promise<ImageInfo>;
  /** Of the container that runs. */
  image: string;
  /** Starts the container again, of another image if one is given. */
  restart: (image: ImageInfo | undefined) => Promise<void>;
}

function sourcesOf(binds: readonly string[]): string[] {
  return binds.map(sourcePath).filter((source) => source !== undefined);
}

/** Folders of this machine that the container has mounted. */
export async function mountedFolders(binds: readonly string[]): Promise<string[]> {
  const folders = await Promise.all(sourcesOf(binds).map(async (source) => ((await stat(source).catch(() => undefined))?.isDirectory() === true ? source : undefined)));
  return folders.filter((folder) => folder !== undefined);
}

/** Throws `watch-impossible` for a source that is not there: Docker would make an empty folder, and nothing in it would ever change. */
export async function checkSources(binds: readonly string[]): Promise<void> {
  for (const source of sourcesOf(binds)) {
    if (await stat(source).catch(() => undefined) !== undefined) continue;
    throw new BridgeError({ kind: 'usage', code: 'watch-impossible', what: `${source} cannot be watched`, why: 'it is not there, and --watch watches the folders that -v mounts', next: `-v with a folder that exists, or mkdir ${source}` });
  }
}

export async function watchedFolders({ build, flags }: Pick<RunRequest, 'build' | 'flags'>): Promise<WatchedFolder[]> {
  const mounted = (await mountedFolders(flags.binds)).map((folder): WatchedFolder => ({ folder, ignored: () => false, skipped: () => false }));
  return build === undefined ? mounted : [{ folder: build.context, ignored: await ignoredIn(build), skipped: await skippedIn(build) }, ...mounted];
}

/** Goes on until the steps are given up. What fails is told, and the next change tries again. */
export async function watchRun({ request, steps, reporter, now, build, image, restart }: WatchQuestion): Promise<void> {
  const folders = await watchedFolders(request);
  const files = await watchFiles(folders);
  steps.signal.addEventListener('abort', () => files.close(), { once: true });
  if (steps.signal.aborted) return files.close();
  reporter.emit({ type: 'note', text: `Watching ${folders.map(({ folder }) => folder).join(', ')}`, at: now() });
  let current = image;
  for (;;) {
    const changed = await files.next(steps.signal);
    if (steps.signal.aborted) return;
    const words = `${changed[0] ?? ''}${changed.length > 1 ? ` and ${changed.length - 1} more` : ''}`;
    try {
      const built = request.build === undefined ? undefined : await build();
      // What is mounted may have changed although the image is the same.
      if (built !== undefined && built.id === current && folders.length === 1) continue;
      await steps.run({ id: 'restart', title: `Restart after ${words}`, act: () => restart(built !== undefined && built.id !== current ? built : undefined) });
      current = built?.id ?? current;
    } catch (error) {
      if (steps.signal.aborted) return;
      const { what, why, next } = factsOf(error);
      reporter.emit({ type: 'warning', code: 'change-failed', text: [`the change of ${words} could not be taken over: ${what}`, ...(why === undefined ? [] : [why])].join('\n'), ...(next === undefined ? {} : { next }), at: now() });
    }
  }
}
