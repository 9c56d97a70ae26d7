/** Where the project file is: named, or the nearest one upward from the working directory. */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { BridgeError } from '../errors.ts';

export const projectFileNames = ['bridge.yaml', 'bridge.yml'] as const;

/** `--project none`: as if there were none. */
const noProject = 'none';

/** Absolute path; undefined when there is none. Throws `project-missing` when the named one does not exist. */
export function findProjectFile(cwd: string, named?: string): string | undefined {
  if (named === noProject) return undefined;
  if (named !== undefined) {
    const file = resolve(cwd, named);
    if (existsSync(file)) return file;
    throw new BridgeError({ kind: 'usage', code: 'project-missing', what: `there is no project file ${file}`, why: '--project or PODBRIDGE_PROJECT names it', next: 'bridge init' });
  }
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    const file = projectFileNames.map((name) => join(folder, name)).find((candidate) => existsSync(candidate));
    if (file !== undefined) return file;
    if (folder === dirname(folder)) return undefined;
  }
}
