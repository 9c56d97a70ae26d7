import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { withLock } from './lock.ts';
import type { Progress } from './progress.ts';

export const baseImage = 'debian:trixie-slim';
const suite = 'trixie';
const pullLimitMs = 120_000;

/**
 * Makes sure that Docker has `debian:trixie-slim`: pulls it, or, where no registry can be
 * reached, makes an equal one with debootstrap from the Debian mirror this machine uses.
 */
export async function ensureBaseImage(progress: Progress): Promise<void> {
  if (await hasImage(baseImage)) return;
  await withLock('base-image', progress, async () => {
    if (await hasImage(baseImage)) return;
    const pulled = await progress.step(`pulling ${baseImage}`, () =>
      execa('docker', ['pull', '--quiet', baseImage], { reject: false, timeout: pullLimitMs, all: true }));
    if (!pulled.failed) return;
    progress.note(`  cannot be pulled (${pulled.all.trim().split('\n').at(-1) ?? 'no answer'}): making it from Debian packages`);
    await requireDebootstrap(progress);
    await progress.step(`making ${baseImage} with debootstrap`, makeWithDebootstrap);
  });
}

export async function hasImage(reference: string): Promise<boolean> {
  return !(await execa('docker', ['image', 'inspect', '--format', '{{.Id}}', reference], { reject: false })).failed;
}

async function requireDebootstrap(progress: Progress): Promise<void> {
  if (process.getuid?.() !== 0) {
    throw new Error(`${baseImage} can neither be pulled nor made here: debootstrap needs root. Give this machine access to a registry, or run once as root.`);
  }
  if (!(await execa('debootstrap', ['--version'], { reject: false })).failed) return;
  await progress.step('installing debootstrap', async () => {
    await execa('apt-get', ['update', '-q']);
    await execa('apt-get', ['install', '-qy', '--no-install-recommends', 'debootstrap'], { env: { DEBIAN_FRONTEND: 'noninteractive' } });
  });
}

async function makeWithDebootstrap(): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'podbridge-base-'));
  try {
    const { main, security } = await debianMirrors();
    await execa('debootstrap', ['--variant=minbase', suite, root, ...(main ? [main] : [])], { all: true });
    await slimDown(root);
    if (main) await writeSources(root, main, security);
    const tar = execa('tar', ['-C', root, '-c', '.'], { buffer: false });
    await Promise.all([tar, tar.pipe('docker', ['import', '--change', 'CMD ["bash"]', '-', baseImage])]);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

/** The mirrors in apt's own configuration, in either of its two formats. */
export async function debianMirrors(): Promise<{ main?: string; security?: string }> {
  const lists = await Promise.all([
    readIfThere('/etc/apt/sources.list'),
    ...(await readdir('/etc/apt/sources.list.d').catch(() => [])).map((name) => readIfThere(join('/etc/apt/sources.list.d', name))),
  ]);
  const mirrors: { main?: string; security?: string } = {};
  const stanzas = lists.flatMap((text) => text.split(/\n\s*\n/));
  for (const stanza of stanzas) {
    const entries = [...stanza.matchAll(/^deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s+main\b/gm)].map(([, uri, suites]) => ({ uri, suites }));
    const uri = /^URIs:\s*(\S+)/m.exec(stanza)?.[1];
    const suites = /^Suites:\s*(.+)$/m.exec(stanza)?.[1];
    if (uri && suites && /^Components:.*\bmain\b/m.test(stanza)) entries.push({ uri, suites });
    for (const { uri: address, suites: names } of entries) {
      if (!address || !/\/debian(-security)?\/?$/.test(address)) continue;
      if (names?.includes('-security')) mirrors.security ??= address;
      else mirrors.main ??= address;
    }
  }
  return mirrors;
}

const readIfThere = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '');

/** What the published slim image also leaves out or configures. */
async function slimDown(root: string): Promise<void> {
  const unwanted = ['usr/share/doc', 'usr/share/man', 'usr/share/info', 'usr/share/locale', 'usr/share/lintian', 'var/cache/apt', 'var/lib/apt/lists', 'var/log'];
  await Promise.all(unwanted.map(async (path) => {
    await rm(join(root, path), { recursive: true, force: true });
    await mkdir(join(root, path), { recursive: true });
  }));
  await mkdir(join(root, 'var/cache/apt/archives/partial'), { recursive: true });
  await writeFile(join(root, 'etc/dpkg/dpkg.cfg.d/slim'),
    ['doc', 'man', 'info', 'locale', 'lintian'].map((name) => `path-exclude /usr/share/${name}/*\n`).join(''));
  await writeFile(join(root, 'etc/apt/apt.conf.d/slim'), [
    'Acquire::Languages "none";',
    'Acquire::GzipIndexes "true";',
    'APT::AutoRemove::SuggestsImportant "false";',
    'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb || true"; };',
    'Dir::Cache::pkgcache ""; Dir::Cache::srcpkgcache "";',
  ].join('\n') + '\n');
  // Packages must not start their services while an image is built.
  await writeFile(join(root, 'usr/sbin/policy-rc.d'), '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  await rm(join(root, 'etc/machine-id'), { force: true });
  await writeFile(join(root, 'etc/machine-id'), '');
}

async function writeSources(root: string, main: string, security: string | undefined): Promise<void> {
  const stanza = (uri: string, suites: string): string =>
    `Types: deb\nURIs: ${uri}\nSuites: ${suites}\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n`;
  await rm(join(root, 'etc/apt/sources.list'), { force: true });
  await writeFile(join(root, 'etc/apt/sources.list.d/debian.sources'),
    [stanza(main, `${suite} ${suite}-updates`), ...(security ? [stanza(security, `${suite}-security`)] : [])].join('\n'));
}
