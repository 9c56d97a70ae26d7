import { readFileSync } from 'node:fs';
import { isFirstOfNamespace } from '../identity/proc-files.ts';
import type { PodContainer } from './node-pod.ts';
import type { PodProcess } from './proc-table.ts';

/** The container's first process; with a shared PID namespace that is the oldest one. */
export function mainProcess(container: PodContainer, processes: readonly PodProcess[]): number | undefined {
  const own = processes.filter(({ owner }) => container.id !== undefined && owner.containerId === container.id);
  const first = own.find(({ pid }) => {
    try {
      return isFirstOfNamespace(readFileSync(`/proc/${pid}/status`, 'utf8'));
    } catch {
      return false;
    }
  });
  return (first ?? own[0])?.pid;
}
