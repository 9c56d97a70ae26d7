/**
 * A laptop beside the cluster: a Docker engine of its own in a network namespace of its own, which is attached to the cluster's Docker
 * network like another machine. It can be moved to another address, its engine restarted, its plug pulled. Needs root and dockerd, as
 * the embedded cluster does.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { until } from './wait.ts';

export interface Laptop {
  /** For programs that shall talk to its engine. */
  env: { DOCKER_HOST: string };
  docker(...args: string[]): Promise<string>;
  /** Copies images there from this machine's engine. */
  load(...images: string[]): Promise<void>;
  /** As `systemctl restart docker`: containers end with it. */
  restartDocker(): Promise<void>;
  /** Everything that runs ends at once, and all that is not on disk is gone. Then it is switched on. */
  losePower(): Promise<void>;
  /** Another address in the same network. */
  move(): Promise<void>;
  remove(): Promise<void>;
}

const name = 'podbridge-laptop';
const device = 'pb-laptop';
const startLimitMs = 60_000;
/** Outside of the range from which Docker gives addresses. */
const addresses = [250, 251] as const;

/** @param network name of a Docker bridge network on this machine. @param parent folder on a disk that overlays can lie on */
export async function startLaptop(network: string, parent: string): Promise<Laptop> {
  const [{ Id: id, IPAM: { Config: [range] } }] = JSON.parse((await execa('docker', ['network', 'inspect', network])).stdout) as [{ Id: string; IPAM: { Config: { Subnet: string; Gateway: string }[] } }];
  const { Subnet: subnet, Gateway: gateway } = range!;
  const at = (last: number): string => `${gateway.replace(/\d+$/, String(last))}/${subnet.split('/')[1]}`;
  const inside = (...argv: string[]) => execa('nsenter', [`--net=/var/run/netns/${name}`, ...argv]);
  const folder = await mkdtemp(join(parent, 'laptop-'));
  const host = `unix://${folder}/docker.sock`;
  let engine: ChildProcess;

  async function plugIn(): Promise<void> {
    await execa('ip', ['netns', 'delete', name], { reject: false });
    await execa('ip', ['link', 'delete', device], { reject: false });
    await execa('ip', ['netns', 'add', name]);
    await execa('ip', ['link', 'add', device, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name]);
    await execa('ip', ['link', 'set', device, 'master', `br-${id.slice(0, 12)}`, 'up']);
    await inside('ip', 'address', 'add', at(addresses[0]), 'dev', 'eth0');
    for (const link of ['lo', 'eth0']) await inside('ip', 'link', 'set', link, 'up');
    await inside('ip', 'route', 'add', 'default', 'via', gateway);
  }

  async function startEngine(): Promise<void> {
    const log = openSync(`${folder}/log`, 'a', 0o600);
    engine = spawn('nsenter', [
      // Not `ip netns exec`: that hides the cgroups.
      `--net=/var/run/netns/${name}`, 'dockerd', '--host', host, '--data-root', `${folder}/data`, '--exec-root', `${folder}/exec`, '--pidfile', `${folder}/pid`,
      '--bip', '10.213.0.1/24', '--default-address-pool', 'base=10.214.0.0/16,size=24',
    ], { stdio: ['ignore', log, log] });
    closeSync(log);
    await until('the laptop\'s engine', async () => {
      if (engine.exitCode !== null) throw new Error(`it ended: ${(await readFile(`${folder}/log`, 'utf8')).slice(-2000)}`);
      return (await execa('docker', ['--host', host, 'version'], { reject: false })).failed ? undefined : true;
    }, startLimitMs);
  }

  async function stopEngine(): Promise<void> {
    if (engine.exitCode !== null || engine.signalCode !== null) return;
    engine.kill('SIGTERM');
    await once(engine, 'exit');
  }

  /** The engine's helpers, which name its folder on their command lines. */
  const helpers = async (): Promise<string[]> => (await execa('pgrep', ['-f', `${folder}/exec`], { reject: false })).stdout.split('\n').filter(Boolean);

  await plugIn();
  await startEngine();
  return {
    env: { DOCKER_HOST: host },
    docker: async (...args) => (await execa('docker', ['--host', host, ...args])).stdout,
    load: async (...images) => {
      await execa('sh', ['-c', 'docker save "$@" | docker --host "$0" load --quiet', host, ...images]);
    },
    async restartDocker() {
      await stopEngine();
      await startEngine();
    },
    async losePower() {
      const { stdout: running } = await execa('sh', ['-c', 'docker --host "$0" ps --quiet | xargs -r docker --host "$0" inspect --format "{{.State.Pid}}"', host]);
      engine.kill('SIGKILL');
      // Daemon, shims, and what runs in the containers.
      await execa('kill', ['-9', ...await helpers(), ...running.split('\n').filter(Boolean)], { reject: false });
      await until('nothing of it runs', async () => ((await helpers()).length === 0 ? true : undefined), startLimitMs);
      await unmount(folder);
      await rm(`${folder}/exec`, { recursive: true, force: true });
      await plugIn();
      await startEngine();
    },
    async move() {
      const { stdout } = await inside('ip', '-o', '-4', 'address', 'show', 'dev', 'eth0');
      const [now, next] = stdout.includes(at(addresses[0])) ? addresses : addresses.toReversed();
      await inside('ip', 'address', 'delete', at(now), 'dev', 'eth0');
      await inside('ip', 'address', 'add', at(next), 'dev', 'eth0');
      // It went with the last address.
      await inside('ip', 'route', 'replace', 'default', 'via', gateway);
    },
    async remove() {
      await stopEngine();
      await execa('ip', ['netns', 'delete', name], { reject: false });
      await unmount(folder);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Deepest first. */
async function unmount(folder: string): Promise<void> {
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n').flatMap((line) => line.split(' ')[4] ?? []).filter((path) => path.startsWith(`${folder}/`));
  for (const path of mounts.toSorted((a, b) => b.length - a.length)) await execa('umount', ['--lazy', path], { reject: false });
}
