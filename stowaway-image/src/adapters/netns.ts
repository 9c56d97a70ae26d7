/** Network namespaces of pods: `ip netns`, and tools run inside one. */
import { readdir, unlink } from 'node:fs/promises';
import { run, type Outcome, type RunOptions } from './run.ts';

export const netnsDir = '/run/netns';

/** Runs a tool in the network namespace `name`; unlike `ip netns exec` it needs no mounts and is twice as fast. */
export async function inNetns(name: string, argv: readonly [string, ...string[]], options?: RunOptions): Promise<Outcome> {
  return await run(['nsenter', `--net=${netnsDir}/${name}`, '--', ...argv], options);
}

/** The same for the namespace of a process. */
export async function inNetnsOf(pid: number, argv: readonly [string, ...string[]], options?: RunOptions): Promise<Outcome> {
  return await run(['nsenter', '-t', String(pid), '-n', '--', ...argv], options);
}

/**
 * Forgets names that an earlier process of this pod has left in its /run, which outlives containers: the namespaces behind them went with its
 * mounts, and `ip netns attach` refuses a name that is taken. Before any other use.
 */
export async function forgetNetns(prefix: string): Promise<void> {
  const names = await readdir(netnsDir).catch(() => []);
  await Promise.all(names.filter((name) => name.startsWith(prefix)).map((name) => unlink(`${netnsDir}/${name}`)));
}

/** Gives the network namespace of a process a name; it then outlives the process, until {@link detachNetns}. A name that is taken stood for another one. */
export async function attachNetns(name: string, pid: number): Promise<void> {
  const attach = async (): Promise<Outcome> => await run(['ip', 'netns', 'attach', name, String(pid)]);
  await attach().catch(async () => {
    await detachNetns(name).catch(() => undefined);
    await attach();
  });
}

export async function detachNetns(name: string): Promise<void> {
  await run(['ip', 'netns', 'delete', name]);
}

interface Link {
  ifname: string;
  addr_info?: { family: string; local: string; scope: string }[];
}

/** Addresses that others reach this namespace by, IPv4 only. */
export async function netnsAddresses(name: string): Promise<string[]> {
  const { stdout } = await run(['ip', '-n', name, '-j', '-4', 'addr', 'show', 'scope', 'global']);
  return (JSON.parse(stdout === '' ? '[]' : stdout) as Link[])
    .filter(({ ifname }) => ifname !== undefined && ifname !== 'lo')
    .flatMap(({ addr_info = [] }) => addr_info.map(({ local }) => local));
}

/** The address that connections of the node itself (kubelet's probes) to `destination` come from. */
export async function nodeSourceAddress(destination: string, nodePid: number): Promise<string | undefined> {
  const { stdout } = await inNetnsOf(nodePid, ['ip', '-j', '-4', 'route', 'get', destination]);
  return (JSON.parse(stdout) as { prefsrc?: string }[])[0]?.prefsrc;
}

/** Packets with this mark are delivered here, whoever they are addressed to. */
export interface PolicyRoute {
  mark: number;
  table: number;
  priority: number;
}

export async function addReturnRoute(name: string, { mark, table, priority }: PolicyRoute): Promise<void> {
  await run(['ip', '-n', name, 'route', 'replace', 'local', 'default', 'dev', 'lo', 'table', String(table)]);
  // 2: it is there already.
  await run(['ip', '-n', name, 'rule', 'add', 'fwmark', String(mark), 'lookup', String(table), 'priority', String(priority)], { ok: [0, 2] });
}

export async function hasReturnRoute(name: string, { mark, table, priority }: PolicyRoute): Promise<boolean> {
  const [rules, routes] = await Promise.all([
    run(['ip', '-n', name, '-N', '-j', 'rule', 'show', 'priority', String(priority)]),
    // 2: no such table.
    run(['ip', '-n', name, '-N', '-j', 'route', 'show', 'table', String(table)], { ok: [0, 2] }),
  ]);
  return hasRule(rules.stdout, { mark, table }) && parsed<{ dst: string }>(routes.stdout).some(({ dst }) => dst === 'default' || dst === '0.0.0.0/0');
}

/** @param json of `ip -N -j rule show` */
export function hasRule(json: string, { mark, table }: Pick<PolicyRoute, 'mark' | 'table'>): boolean {
  return parsed<{ fwmark?: string; table?: string }>(json).some((rule) => Number(rule.fwmark) === mark && Number(rule.table) === table);
}

/** Numbers of the tables in it; of routes of the main one none is told. @param json of `ip -N -j rule show` or `ip -N -j route show table all` */
export function tablesNamed(json: string): number[] {
  return parsed<{ table?: string }>(json).flatMap(({ table }) => (table === undefined ? [] : [Number(table)]));
}

/** iproute2 prints nothing instead of an empty list. */
function parsed<T>(json: string): T[] {
  return JSON.parse(json.trim() === '' ? '[]' : json) as T[];
}

export async function removeReturnRoute(name: string, { mark, table, priority }: PolicyRoute): Promise<void> {
  await run(['ip', '-n', name, 'rule', 'delete', 'fwmark', String(mark), 'lookup', String(table), 'priority', String(priority)], { ok: [0, 2] });
  await run(['ip', '-n', name, 'route', 'flush', 'table', String(table)], { ok: [0, 2] });
}
