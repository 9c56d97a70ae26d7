import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A short name for the content of some texts and folders (their files' names and bytes). */
export async function contentHash(parts: { texts?: string[]; folders?: string[] }): Promise<string> {
  const hash = createHash('sha256');
  for (const text of parts.texts ?? []) hash.update(`text\0${text}\0`);
  for (const folder of parts.folders ?? []) {
    const names = (await readdir(folder, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort();
    for (const name of names) {
      hash.update(`file\0${name.slice(folder.length)}\0`);
      hash.update(await readFile(name));
    }
  }
  return hash.digest('hex').slice(0, 12);
}
