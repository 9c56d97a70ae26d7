/** The identity of a running container, as its main process has it. */
import { readFileSync, readlinkSync } from 'node:fs';
import type { Identity } from '../../../../protocol/identity.ts';
import type { NodePod, PodContainer } from '../pods/node-pod.ts';
import { mainProcess } from '../pods/main-process.ts';
import type { PodProcess } from '../pods/proc-table.ts';
import { loopbackPorts } from './loopback-ports.ts';
import { parseCommand, parseEnviron, parseResolvConf, parseUser } from './proc-files.ts';
import { readInRoot } from './read-in-root.ts';

/** Undefined while the container does not run. */
export function collectIdentity(pod: NodePod, containerName: string, processes: readonly PodProcess[], addresses: string[]): Identity | undefined {
  const container = pod.containers.find(({ name }) => name === containerName);
  const pid = container === undefined ? undefined : mainProcess(container, processes);
  if (container === undefined || pid === undefined) return undefined;
  try {
    return { ...identityOf(pod, container, pid, addresses), loopbackPorts: loopbackPorts(container, processes) };
  } catch (error) {
    if (endedMeanwhile(error)) return undefined;
    throw error;
  }
}

function endedMeanwhile(error: unknown): boolean {
  return ['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '');
}

function identityOf(pod: NodePod, container: PodContainer, pid: number, addresses: string[]): Omit<Identity, 'loopbackPorts'> {
  const proc = `/proc/${pid}`;
  const root = `${proc}/root`;
  const { metadata: { name, namespace = '', uid = '' }, node, serviceAccount } = pod;
  return {
    pod: { name, namespace, uid, node, addresses, serviceAccount },
    container: { name: container.name, image: container.image },
    env: parseEnviron(readFileSync(`${proc}/environ`)),
    workingDir: readlinkSync(`${proc}/cwd`),
    user: parseUser(readFileSync(`${proc}/status`, 'utf8')),
    hostname: readInRoot(root, '/etc/hostname')?.trim() ?? name,
    resolv: parseResolvConf(readInRoot(root, '/etc/resolv.conf') ?? ''),
    hosts: pod.hostAliases,
    limits: container.limits,
    command: parseCommand(readFileSync(`${proc}/cmdline`)),
  };
}
