import type { Kube } from './kube/index.ts';
import type { Log } from './log.ts';

/** What every program of the image starts with. Nothing below main.ts reads `process`. */
export interface RoleContext {
  kube: Kube;
  env: Record<string, string | undefined>;
  log: Log;
  /** Aborted by SIGTERM. */
  signal: AbortSignal;
  /** Processor time that this program has used, in microseconds. */
  cpuUs: () => number;
}

/** Resolves after an orderly end; rejects when it cannot go on, and the kubelet starts it again. */
export type Role = (context: RoleContext) => Promise<void>;

export function required(env: RoleContext['env'], name: string): string {
  const value = env[name];
  if (value === undefined || value === '') throw new Error(`the environment variable ${name} is not set: the pod was not made by 'bridge install' or the controller`);
  return value;
}

/** Resolves when the signal is aborted. */
export async function stopped(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await new Promise<void>((resolve) => { signal.addEventListener('abort', () => resolve(), { once: true }); });
}
