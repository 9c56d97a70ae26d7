/** The fake laptops, in one container on the cluster's Docker network. */
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { until } from '../../support/wait.ts';

export interface LinkOrder { index: number; address: string; hubKey: string; hubAddress: string; endpoint: string }
export interface ServeOrder { address: string; port: number; name: string }
export interface FleetState { keys: Record<number, string>; links: { index: number; echoes: number; firstEchoMs: number | null }[] }

export interface Fleet {
  order(order: { keys?: number[]; link?: LinkOrder[]; serve?: ServeOrder[] }): Promise<FleetState>;
  remove(): Promise<void>;
}

const name = 'podbridge-bench-fleet';
const startLimitMs = 60_000;

/** @param image of cargo. @param network the cluster's */
export async function startFleet(image: string, network: string): Promise<Fleet> {
  await execa('docker', ['rm', '--force', name], { reject: false });
  const folder = await mkdtemp(join(tmpdir(), 'podbridge-fleet-'));
  await execa('docker', [
    'create', '--name', name, '--network', network, '--cap-add', 'NET_ADMIN', '--device', '/dev/net/tun', '--sysctl', 'net.ipv4.conf.all.rp_filter=2', '--sysctl', 'net.ipv4.conf.default.rp_filter=2',
    '--entrypoint', 'tini', image, '-s', '--', 'node', '/fleet-program.mts',
  ]);
  await copyFile(join(import.meta.dirname, 'fleet-program.ts'), join(folder, 'fleet-program.mts'));
  await execa('docker', ['cp', join(folder, 'fleet-program.mts'), `${name}:/fleet-program.mts`]);
  await rm(folder, { recursive: true });
  await execa('docker', ['start', name]);
  const { stdout: address } = await execa('docker', ['inspect', '--format', `{{(index .NetworkSettings.Networks "${network}").IPAddress}}`, name]);
  const order: Fleet['order'] = async (body) => {
    const response = await fetch(`http://${address}:7999/`, { method: 'POST', body: JSON.stringify(body), signal: AbortSignal.timeout(600_000) });
    if (!response.ok) throw new Error(`the fleet: ${await response.text()}`);
    return await response.json() as FleetState;
  };
  await until('the fleet listens', () => order({}).catch(() => undefined), startLimitMs);
  return { order, remove: async () => { await execa('docker', ['rm', '--force', name]); } };
}
