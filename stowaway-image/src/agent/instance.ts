/**
 * Agents before us may have died without a word. What they left in pods is harmless (a tproxy rule without its listener does
 * not match) but not ours to leave. An instance's name is its process: number and start time, so that anybody on the node can
 * see whether it lives.
 */
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { isTunnelDevice } from '../../../protocol/egress.ts';
import { closeTunnelOf, linksOf } from '../adapters/egress.ts';
import { applyOf, removeReturnRouteOf, routingTablesOf, tablesOf } from '../adapters/leftovers.ts';
import { pause } from '../kube/index.ts';
import { words, type Log } from '../log.ts';
import { renderRemoval, returnPriority, returnRouteOf, strayReturns, tableInstance } from './netns/tables.ts';
import { startTimeOf } from './pods/proc-table.ts';

/** A process by which a namespace was found may end before it is entered. */
const mostTries = 3;
const againMs = 1000;

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

/**
 * Removes the tables, routes and tunnels of dead instances from all pods of the node. Each kind is found by itself, whatever its maker or remover
 * died between. @param wanted does a bridge still want this tunnel? Resolves when all is searched, or what could not be has been tried often enough.
 */
export async function removeLeftovers(own: string, nodePid: number, wanted: (device: string) => boolean, log: Log): Promise<void> {
  let failed: Set<string> | undefined;
  for (let tries = 1; failed === undefined || (failed.size > 0 && tries <= mostTries); tries += 1) {
    if (failed !== undefined) await pause(againMs);
    const again = new Set<string>();
    for (const [netns, pid] of namespaces(nodePid)) {
      if (failed !== undefined && !failed.has(netns)) continue;
      await removeLeftoversOf(pid, own, wanted, log).catch((error: unknown) => {
        again.add(netns);
        log('a network namespace could not be searched for leftovers', { pid, error: words(error) });
      });
    }
    failed = again;
  }
}

async function removeLeftoversOf(pid: number, own: string, wanted: (device: string) => boolean, log: Log): Promise<void> {
  const tables = await tablesOf(pid);
  const living = tables.flatMap((name) => tableInstance(name) ?? []).filter((instance) => instance !== own && isAlive(instance));
  // Devices have no maker's name: where another agent lives, they may be its.
  const devices = living.length > 0 ? [] : (await linksOf(pid)).filter((device) => isTunnelDevice(device) && !wanted(device));
  for (const device of devices) await closeTunnelOf(pid, device);
  if (devices.length > 0) log('removed tunnels that a dead agent had left', { pid, devices });
  // An agent that lives has its tables before its route: PodNetwork.prepareReturn.
  const routes = strayReturns(await routingTablesOf(pid, returnPriority), [own, ...living]);
  for (const table of routes) await removeReturnRouteOf(pid, returnRouteOf(table));
  const dead = tables.filter((name) => {
    const instance = tableInstance(name);
    return instance !== undefined && instance !== own && !living.includes(instance);
  });
  if (dead.length > 0) await applyOf(pid, renderRemoval(dead));
  if (dead.length + routes.length > 0) log('removed what a dead agent had left', { pid, tables: dead, routes });
}
