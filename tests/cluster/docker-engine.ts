import { execa } from 'execa';
import type { Progress } from './progress.ts';

export async function hasDocker(): Promise<boolean> {
  return !(await execa('docker', ['version', '--format', '{{.Server.Version}}'], { reject: false })).failed;
}

export async function ensureDocker(_progress: Progress): Promise<void> {
  if (await hasDocker()) return;
  throw new Error('Docker does not answer.');
}
