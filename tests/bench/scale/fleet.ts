/** The fake laptops, in one container on the cluster's Docker network: program and orders in laptops/. */
import { execa } from 'execa';
import { ensureGoProgram } from '../../cluster/go-build.ts';
import type { Progress } from '../../cluster/index.ts';
import { until } from '../../support/wait.ts';

export interface LinkOrder { index: number; address: string; hubKey: string; hubAddress: string; endpoint: string }
export interface ServeOrder { index: number; port: number; name: string }
/** By the laptop's index. */
export interface FleetState { keys: Record<number, string> }

export interface Fleet {
  order(order: { keys?: number[]; link?: LinkOrder[]; serve?: ServeOrder[] }): Promise<FleetState>;
  remove(): Promise<void>;
}

const name = 'podbridge-bench-fleet';
const startLimitMs = 60_000;

/** @param image any that programs run in. @param network the cluster's */
export async function startFleet(image: string, network: string, progress: Progress): Promise<Fleet> {
  const program = await ensureGoProgram({ name: 'laptops', module: '../bench/scale/laptops', ldflags: '', title: 'the fake laptops' }, progress);
  await execa('docker', ['rm', '--force', name], { reject: false });
  await execa('docker', ['create', '--name', name, '--network', network, '--cap-drop', 'ALL', '--entrypoint', '/laptops', image]);
  await execa('docker', ['cp', program, `${name}:/laptops`]);
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
