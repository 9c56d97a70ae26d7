/** Changes of files on this machine, many at once told as one. */
import { realpath, stat } from 'node:fs/promises';
import { relative, sep } from 'node:path';
import type { FSWatcher } from 'chokidar';
import { BridgeError } from '../errors.ts';
import { timing } from '../timing.ts';
import { fileChanges } from './file-changes.ts';

export interface WatchedFolder {
  folder: string;
  ignored: (path: string) => boolean;
  /** Of a folder in it: nothing below can count either, so it is not even looked into. */
  skipped: (path: string) => boolean;
}

/** Never a reason to build or to start anew. */
const neverWatched = /(^|\/)(\.git|node_modules)(\/|$)|~$|\.sw[px]$/;

export interface FileWatch {
  /** Paths that have changed since the last call, relative to their folder; waits for one. Throws watch-impossible when the system watches no more. */
  next(signal: AbortSignal): Promise<string[]>;
  close(): void;
}

function impossible(folder: string, error: unknown): BridgeError {
  return new BridgeError({ kind: 'usage', code: 'watch-impossible', what: `${folder} cannot be watched`, why: error instanceof Error ? error.message : String(error), next: 'leave --watch out, or name another folder', cause: error });
}

/** Returns when a change is seen from now on. Throws watch-impossible. */
export async function watchFiles(folders: readonly WatchedFolder[]): Promise<FileWatch> {
  const { watch } = await import('chokidar');
  const changed = fileChanges();
  let wake: () => void = () => undefined;
  let failure: BridgeError | undefined;
  const watchers: FSWatcher[] = [];
  const close = (): void => { for (const watcher of watchers) void watcher.close(); };

  const follow = async ({ folder, ignored, skipped }: WatchedFolder): Promise<void> => {
    try {
      if (!(await stat(folder)).isDirectory()) throw new Error('it is no folder');
      const root = await realpath(folder);
      const within = (path: string): string => relative(root, path).split(sep).join('/');
      // Node's own recursive watch (24) holds on to a file's inode on Linux: after a save by rename it sees nothing of that file any more.
      const watcher = watch(root, {
        ignoreInitial: true, followSymlinks: false, ignorePermissionErrors: true,
        ignored: (path, stats) => neverWatched.test(within(path)) || (stats?.isDirectory() === true && path !== root && skipped(within(path))),
      });
      watchers.push(watcher);
      watcher.on('all', (event, path) => {
        const name = within(path);
        if (name === '' || ignored(name)) return;
        changed.note(event, name);
        wake();
      });
      await new Promise<void>((ready, fail) => watcher.once('ready', ready).on('error', (error) => {
        failure ??= impossible(folder, error);
        fail(failure);
        wake();
      }));
    } catch (error) {
      throw failure ?? impossible(folder, error);
    }
  };
  try {
    await Promise.all(folders.map(follow));
  } catch (error) {
    close();
    throw error;
  }

  const settle = (ms: number, signal: AbortSignal): Promise<void> => new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => { clearTimeout(timer); resolve(); }, { once: true });
  });
  return {
    async next(signal) {
      for (;;) {
        while (changed.size() === 0 && !signal.aborted && failure === undefined) {
          await new Promise<void>((resolve) => {
            wake = resolve;
            signal.addEventListener('abort', () => resolve(), { once: true });
          });
        }
        if (failure !== undefined) throw failure;
        // An editor writes several files, a branch switch hundreds: until they have settled.
        for (let size = -1; size !== changed.size() && !signal.aborted;) {
          size = changed.size();
          await settle(timing.watchSettleMs, signal);
        }
        if (changed.size() > 0 || signal.aborted) return changed.take();
      }
    },
    close,
  };
}
