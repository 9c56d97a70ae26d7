/** A real `docker compose` of a version that knows providers: this machine's, or Debian's package from the mirror that apt uses here. Kept outside the tree. */
import { copyFile, access, chmod, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { atLeast } from '../../cli/compose/program.ts';
import { debianMirrors } from '../cluster/base-image.ts';
import { withLock } from '../cluster/lock.ts';
import { cacheFolder } from '../cluster/paths.ts';
import { progressOn, type Progress } from '../cluster/progress.ts';

/** The first with providers. */
const oldest = '2.36.0';
/** Debian release whose package is new enough. */
const release = 'forky';
const packageName = 'docker-compose';

/** Variables with which docker finds the plugin; none when it finds it anyway. */
export async function composeEnvironment(progress: Progress = progressOn(process.stderr)): Promise<Record<string, string>> {
  const { stdout, failed } = await execa('docker', ['compose', 'version', '--short'], { reject: false });
  if (!failed && atLeast(stdout.trim().replace(/^v/, ''), oldest)) return {};
  const folder = await cacheFolder('compose', `${release}-${process.arch}`);
  const plugin = join(folder, 'cli-plugins', 'docker-compose');
  const isThere = (): Promise<boolean> => access(plugin).then(() => true, () => false);
  if (!(await isThere())) await withLock('compose-plugin', progress, async () => { if (!(await isThere())) await progress.step(`fetching ${packageName} of Debian ${release}`, () => fetchPlugin(plugin)); });
  return { DOCKER_CONFIG: folder };
}

/** apt with lists of its own: the machine's stay as they are. */
async function fetchPlugin(plugin: string): Promise<void> {
  const { main } = await debianMirrors();
  if (main === undefined) throw new Error(`docker compose ${oldest} or later is needed: install it (https://docs.docker.com/compose/install/). Only on Debian it is fetched by itself.`);
  const scratch = await mkdtemp(join(tmpdir(), 'podbridge-compose-'));
  try {
    await Promise.all(['lists/partial', 'cache/archives/partial', 'sources'].map((name) => mkdir(join(scratch, name), { recursive: true })));
    await writeFile(join(scratch, 'sources', 'debian.sources'), `Types: deb\nURIs: ${main}\nSuites: ${release}\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n`);
    await writeFile(join(scratch, 'status'), '');
    const options = [
      'Dir::Etc::sourcelist=/dev/null', `Dir::Etc::sourceparts=${scratch}/sources`, `Dir::State::lists=${scratch}/lists`, `Dir::State::status=${scratch}/status`, `Dir::Cache=${scratch}/cache`,
      'Acquire::Languages=none', 'APT::Sandbox::User=root', 'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false',
    ].flatMap((option) => ['-o', option]);
    await execa('apt-get', ['update', '--quiet', ...options], { all: true });
    await execa('apt-get', ['download', '--quiet', packageName, ...options], { cwd: scratch, all: true });
    const { stdout } = await execa('sh', ['-c', 'dpkg-deb --extract docker-compose_*.deb unpacked && echo unpacked/usr/libexec/docker/cli-plugins/docker-compose'], { cwd: scratch });
    await mkdir(join(plugin, '..'), { recursive: true });
    await copyFile(join(scratch, stdout), `${plugin}.new`);
    await chmod(`${plugin}.new`, 0o755);
    await rename(`${plugin}.new`, plugin);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
