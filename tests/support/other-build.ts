/** The package once more, with another content of stowaway's image: what a newer release is for `bridge install`. */
import { appendFile, cp, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');

export interface OtherBuild {
  /** Its `bridge`. */
  program: string;
  remove(): Promise<void>;
}

export async function otherBuild(): Promise<OtherBuild> {
  const folder = await mkdtemp(join(tmpdir(), 'podbridge-other-build-'));
  for (const path of ['package.json', 'dist', 'cargo-image', 'stowaway-image', 'pod-files', 'compose-templates']) await cp(join(root, path), join(folder, path), { recursive: true });
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  await appendFile(join(folder, 'stowaway-image', 'dist', 'stowaway.cjs'), '\n// Another build.\n');
  return { program: join(folder, 'dist', 'bin.js'), remove: () => rm(folder, { recursive: true }) };
}
