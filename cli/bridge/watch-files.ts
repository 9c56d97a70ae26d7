/** Changes of files on this machine, many at once told as one. */
import { statSync, watch, type FSWatcher } from 'node:fs';
import { sep } from 'node:path';
import { BridgeError } from '../errors.ts';
import { timing } from '../timing.ts';

export interface WatchedFolder {
  folder: string;
  ignored: (path: string) => boolean;
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

/** Throws watch-impossible. */
export function watchFiles(folders: readonly WatchedFolder[]): FileWatch {
  const changed = new Set<string>();
  let wake: () => void = () => undefined;
  let failure: BridgeError | undefined;
  const watchers = folders.map(({ folder, ignored }): FSWatcher => {
    try {
      // On Linux Node takes a folder that is not there without a word.
      statSync(folder);
      return watch(folder, { recursive: true }, (_, name) => {
        const path = (name ?? '').split(sep).join('/');
        if (neverWatched.test(path) || ignored(path)) return;
        changed.add(path);
        wake();
      }).on('error', (error) => {
        failure ??= impossible(folder, error);
        wake();
      });
    } catch (error) {
      throw impossible(folder, error);
    }
  });
  const settle = (ms: number, signal: AbortSignal): Promise<void> => new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => { clearTimeout(timer); resolve(); }, { once: true });
  });
  return {
    async next(signal) {
      while (changed.size === 0 && !signal.aborted && failure === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve;
          signal.addEventListener('abort', () => resolve(), { once: true });
        });
      }
      if (failure !== undefined) throw failure;
      // An editor writes several files, a branch switch hundreds: until they have settled.
      for (let size = -1; size !== changed.size && !signal.aborted;) {
        size = changed.size;
        await settle(timing.watchSettleMs, signal);
      }
      const paths = [...changed];
      changed.clear();
      return paths;
    },
    close() { for (const watcher of watchers) watcher.close(); },
  };
}
