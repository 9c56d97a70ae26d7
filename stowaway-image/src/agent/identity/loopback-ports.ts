/** What a container finds on its pod's loopback: the TCP ports on which the pod's other containers listen. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { PodContainer } from '../pods/node-pod.ts';
import type { PodProcess } from '../pods/proc-table.ts';

/** Addresses that a connection to 127.0.0.1 reaches, as /proc/PID/net/tcp and tcp6 write them: 127.0.0.1, any, and both in IPv6's form (also ::, which takes IPv4 too). */
const reachable = new Set(['0100007F', '00000000', '0000000000000000FFFF00000100007F', '0'.repeat(32)]);

export interface Listener {
  port: number;
  /** Of its socket. */
  inode: string;
}

/** @param table content of /proc/PID/net/tcp or tcp6 */
export function loopbackListeners(table: string): Listener[] {
  return table.split('\n').slice(1).flatMap((line) => {
    const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
    const [address = '', port = ''] = local.split(':');
    return state === '0A' && reachable.has(address) ? [{ port: Number.parseInt(port, 16), inode }] : [];
  });
}

/** @param container whose own ports are left out */
export function loopbackPorts(container: PodContainer, processes: readonly PodProcess[], proc = '/proc'): number[] {
  const [any] = processes;
  if (any === undefined || container.id === undefined) return [];
  const others = processes.filter(({ owner }) => owner.containerId !== container.id);
  const sockets = new Set(others.flatMap(({ pid }) => socketsOf(pid, proc)));
  const listeners = ['tcp', 'tcp6'].flatMap((table) => loopbackListeners(read(`${proc}/${any.pid}/net/${table}`)));
  return [...new Set(listeners.filter(({ inode }) => sockets.has(inode)).map(({ port }) => port))].sort((one, other) => one - other);
}

function socketsOf(pid: number, proc: string): string[] {
  try {
    return readdirSync(`${proc}/${pid}/fd`).flatMap((name) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`${proc}/${pid}/fd/${name}`))?.[1] ?? [];
      } catch {
        return []; // closed meanwhile
      }
    });
  } catch {
    return []; // it has ended
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return ''; // no IPv6, or the process has ended
  }
}
