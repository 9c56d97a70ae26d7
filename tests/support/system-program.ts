/** Programs of the system that tests drive (tmux, shells): installed where that is possible, as the cluster's scripts do with Docker. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';

function onPath(program: string): boolean {
  return (process.env.PATH ?? '').split(':').some((folder) => existsSync(join(folder, program)));
}

/** @param pack Debian's package with it, if it is called differently */
export async function ensureProgram(program: string, pack = program): Promise<void> {
  if (onPath(program)) return;
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  const install = () => execa('apt-get', ['install', '-qy', '--no-install-recommends', pack], { env, reject: false });
  if (onPath('apt-get') && process.getuid?.() === 0) {
    if ((await install()).exitCode !== 0) {
      await execa('apt-get', ['update', '-q'], { env, reject: false });
      await install();
    }
  }
  if (!onPath(program)) throw new Error(`${program} is needed for this test. Install it, e.g. with: apt-get install ${pack}`);
}
