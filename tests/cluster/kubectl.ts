import { symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { kubeProgram } from './node-image.ts';
import { progressOn, type Progress } from './progress.ts';
import type { Cluster } from './provider.ts';

/**
 * Path of a kubectl that fits the cluster: the embedded one brings its own (the name under which
 * its program is kubectl); with others it is the one on PATH, if there is one.
 */
export async function kubectlFor(cluster: Cluster, progress: Progress = progressOn(process.stderr)): Promise<string> {
  if (cluster.provider !== 'embedded' && !(await execa('kubectl', ['version', '--client'], { reject: false })).failed) return 'kubectl';
  const program = await kubeProgram(progress);
  const path = join(dirname(program), 'kubectl');
  await symlink('kube', path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  return path;
}
