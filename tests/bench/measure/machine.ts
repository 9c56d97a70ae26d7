import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { execa } from 'execa';

export interface Machine {
  cores: number;
  processor: string;
  memoryGiB: number;
  kernel: string;
  docker: string;
  node: string;
  /** One minute's load average when the run began: above about 1.5 the machine was busy with something else. */
  loadAverage: number;
}

export async function describeMachine(): Promise<Machine> {
  const docker = await execa('docker', ['version', '--format', '{{.Server.Version}}'], { reject: false });
  return {
    cores: availableParallelism(), processor: cpus()[0]?.model ?? 'unknown', memoryGiB: Math.round(totalmem() / 2 ** 30), kernel: release(),
    docker: docker.stdout.trim() || 'none', node: process.version, loadAverage: loadavg()[0] ?? 0,
  };
}
