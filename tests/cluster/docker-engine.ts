import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { withLock } from './lock.ts';
import { cacheFolder } from './paths.ts';
import type { Progress } from './progress.ts';

const startLimitMs = 60_000;
const pollIntervalMs = 300;
const packages = ['docker.io', 'containerd', 'runc', 'iptables', 'ca-certificates'];

export async function hasDocker(): Promise<boolean> {
  return (await whyNoDocker()) === undefined;
}

/** Undefined if the Docker engine answers, else what the client says. */
async function whyNoDocker(): Promise<string | undefined> {
  const asked = await execa('docker', ['version', '--format', '{{.Server.Version}}'], { reject: false, all: true });
  if (!asked.failed) return undefined;
  return asked.code === 'ENOENT' ? 'there is no docker command' : asked.all.trim().split('\n').at(-1);
}

/**
 * Makes sure that the Docker engine answers. Where nothing else would start it and we may (root,
 * no engine elsewhere), it is installed from Debian's packages and started.
 */
export async function ensureDocker(progress: Progress): Promise<void> {
  if (await hasDocker()) return;
  await withLock('docker-engine', progress, async () => {
    const why = await whyNoDocker();
    if (why === undefined) return;
    const obstacle = await whyNotOurs();
    if (obstacle !== undefined) throw new Error(`Docker does not answer (${why}), and ${obstacle}`);
    if (!await isProgram('dockerd')) await installEngine(progress);
    await progress.step('starting Docker', startEngine);
  });
}

/** Why we may not install or start an engine here; undefined if we may. */
async function whyNotOurs(): Promise<string | undefined> {
  const host = process.env.DOCKER_HOST ?? await currentContextHost();
  if (host !== undefined && host !== 'unix:///var/run/docker.sock') return `it is expected at ${host}. Start it there, or correct DOCKER_HOST (or: docker context use default).`;
  if (process.platform !== 'linux') return 'only its own application can start it here. Install and start Docker Desktop, Colima or OrbStack.';
  if (process.getuid?.() !== 0) return 'only root may start it. Install it (https://docs.docker.com/engine/install/) and run: sudo systemctl start docker. If it runs, add yourself to the group docker.';
  if (!await isProgram('dockerd') && !await isProgram('apt-get')) return 'it is installed by itself on Debian only. Install it: https://docs.docker.com/engine/install/';
  return undefined;
}

async function currentContextHost(): Promise<string | undefined> {
  const { stdout, failed } = await execa('docker', ['context', 'inspect', '--format', '{{.Endpoints.docker.Host}}'], { reject: false });
  return failed || !stdout ? undefined : stdout.trim();
}

const isProgram = async (name: string): Promise<boolean> => !(await execa('sh', ['-c', `command -v ${name}`], { reject: false })).failed;

async function installEngine(progress: Progress): Promise<void> {
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  await progress.step('installing Docker from Debian packages', async () => {
    await execa('apt-get', ['update', '-q'], { env, all: true });
    await execa('apt-get', ['install', '-qy', '--no-install-recommends', ...packages], { env, all: true });
  });
  if (!await isProgram('docker')) {
    // From Debian 13 on the client is a package of its own.
    await execa('apt-get', ['install', '-qy', '--no-install-recommends', 'docker-cli'], { env, all: true });
  }
}

async function startEngine(): Promise<void> {
  let ended = false;
  if (await hasSystemd()) {
    await execa('systemctl', ['start', 'docker'], { all: true });
  } else {
    await removeStalePidFiles();
    const output = openSync(await logFile(), 'w', 0o600);
    try {
      // It outlives this process.
      const engine = spawn('dockerd', [], { detached: true, stdio: ['ignore', output, output] });
      engine.once('exit', () => { ended = true; }).once('error', () => { ended = true; });
      engine.unref();
    } finally {
      closeSync(output);
    }
  }
  const deadline = performance.now() + startLimitMs;
  while (!await hasDocker()) {
    if (ended) throw new Error(`Docker ended as soon as it was started. Its last words:\n${await lastWords()}`);
    if (performance.now() > deadline) throw new Error(`Docker did not answer within ${startLimitMs / 1000} s. Its last words:\n${await lastWords()}`);
    await sleep(pollIntervalMs);
  }
}

const logFile = async (): Promise<string> => join(await cacheFolder('docker'), 'dockerd.log');
const hasSystemd = async (): Promise<boolean> => !(await execa('test', ['-d', '/run/systemd/system'], { reject: false })).failed;

/**
 * An engine that was killed leaves files with process ids, and refuses to start while some other
 * process has such an id, as happens after a restart of the machine.
 */
async function removeStalePidFiles(): Promise<void> {
  const files = { '/var/run/docker.pid': 'dockerd', '/var/run/docker/containerd/containerd.pid': 'containerd' };
  for (const [file, program] of Object.entries(files)) {
    const pid = (await readFile(file, 'utf8').catch(() => '')).trim();
    // "PID (PROGRAM) STATE ...", see proc(5); a zombie is not running, though its id is taken.
    const [, name, state] = /\((.*)\) (\w)/.exec(await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')) ?? [];
    if (pid && (name !== program || state === 'Z')) await rm(file, { force: true });
  }
}

async function lastWords(): Promise<string> {
  const text = await readFile(await logFile(), 'utf8').catch(() => '');
  return text.trim().split('\n').slice(-15).join('\n');
}
