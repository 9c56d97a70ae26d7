/**
 * Agents before us may have died without a word. What they left in pods is harmless (a tproxy rule without its listener does
 * not match) but not ours to leave. An instance's name is its process: number and start time, so that anybody on the node can
 * see whether it lives.
 */
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { isTunnelDevice } from '../../../protocol/egress.ts';
import { closeTunnelOf, linksOf } from '../adapters/egress.ts';
import { applyOf, removeReturnRouteOf, tablesOf } from '../adapters/leftovers.ts';
import { words, type Log } from '../log.ts';
import { renderRemoval, returnRoute, tableInstance } from './netns/tables.ts';
import { startTimeOf } from './pods/proc-table.ts';

function instanceOf(pid: string, proc = '/proc'): string | undefined {
  try {
    const startTime = startTimeOf(readFileSync(`${proc}/${pid}/stat`, 'latin1'));
    return startTime === undefined ? undefined : `${pid}_${startTime}`;
  } catch {
    return undefined;
  }
}

/** The name of this process. In the node's PID namespace (hostPID), where /proc/self is what others see too. */
export function ownInstance(): string {
  const instance = instanceOf(readlinkSync('/proc/self'));
  if (instance === undefined) throw new Error('/proc/self/stat cannot be read: is /proc mounted?');
  return instance;
}

export function isAlive(instance: string, proc?: string): boolean {
  return instanceOf(instance.split('_')[0] ?? '', proc) === instance;
}

/** One process of every network namespace on the node but the node's own and ours. */
function namespaces(nodePid: number): Map<string, number> {
  const found = new Map<string, number>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const netns = readlinkSync(`/proc/${name}/ns/net`);
      if (!found.has(netns)) found.set(netns, Number(name));
    } catch {
      // It has ended, or is a kernel thread.
    }
  }
  for (const pid of [nodePid, 'self']) found.delete(readlinkSync(`/proc/${pid}/ns/net`));
  return found;
}

/** Removes the tables, routes and tunnels of dead instances from all pods of the node. @param wanted does a bridge still want this tunnel? */
export async function removeLeftovers(own: string, nodePid: number, wanted: (device: string) => boolean, log: Log): Promise<void> {
  for (const pid of namespaces(nodePid).values()) {
    try {
      const tables = await tablesOf(pid);
      // Devices have no maker's name: where another agent lives, they may be its.
      const shared = tables.some((name) => { const instance = tableInstance(name); return instance !== undefined && instance !== own && isAlive(instance); });
      const devices = shared ? [] : (await linksOf(pid)).filter((device) => isTunnelDevice(device) && !wanted(device));
      for (const device of devices) await closeTunnelOf(pid, device);
      const dead = tables.filter((name) => {
        const instance = tableInstance(name);
        return instance !== undefined && instance !== own && !isAlive(instance);
      });
      if (devices.length > 0) log('removed tunnels that a dead agent had left', { pid, devices });
      if (dead.length === 0) continue;
      await applyOf(pid, renderRemoval(dead));
      for (const instance of new Set(dead.flatMap((name) => tableInstance(name) ?? []))) await removeReturnRouteOf(pid, returnRoute(instance));
      log('removed what a dead agent had left', { pid, tables: dead });
    } catch (error) {
      log('a network namespace could not be searched for leftovers', { pid, error: words(error) });
    }
  }
}
