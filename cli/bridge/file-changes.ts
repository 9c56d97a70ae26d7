/** What has changed, without files that came and went meanwhile: an editor writes a temporary one and renames it. Pure. */

export interface FileChanges {
  size(): number;
  /** @param event one of chokidar's: add, addDir, change, unlink, unlinkDir */
  note(event: string, path: string): void;
  /** All, and forgets them. A folder is named only when nothing in it is. */
  take(): string[];
}

export function fileChanges(): FileChanges {
  const paths = new Set<string>();
  const fresh = new Set<string>();
  return {
    size: () => paths.size,
    note(event, path) {
      if (event.startsWith('unlink') && fresh.delete(path)) {
        paths.delete(path);
        return;
      }
      if (event.startsWith('add') && !paths.has(path)) fresh.add(path);
      paths.add(path);
    },
    take() {
      const all = [...paths];
      const folders = new Set(all.flatMap((path) => path.split('/').slice(0, -1).map((_, at, parts) => parts.slice(0, at + 1).join('/'))));
      paths.clear();
      fresh.clear();
      return all.filter((path) => !folders.has(path));
    },
  };
}
