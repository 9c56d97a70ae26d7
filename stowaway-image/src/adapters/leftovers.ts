/** Our nftables tables and policy routes in a network namespace that has no name (yet). */
import { inNetnsOf, tablesNamed, type PolicyRoute } from './netns.ts';

/** Names of the IPv4 tables there. */
export async function tablesOf(pid: number): Promise<string[]> {
  const { stdout } = await inNetnsOf(pid, ['nft', '-j', 'list', 'tables', 'ip']);
  const { nftables } = JSON.parse(stdout) as { nftables: { table?: { name: string } }[] };
  return nftables.flatMap(({ table }) => (table === undefined ? [] : [table.name]));
}

export async function applyOf(pid: number, script: string): Promise<void> {
  await inNetnsOf(pid, ['nft', '-f', '-'], { input: script });
}

/** Numbers of the routing tables that a policy rule of this priority leads to, or that have routes, each once. */
export async function routingTablesOf(pid: number, priority: number): Promise<number[]> {
  const [rules, routes] = await Promise.all([
    inNetnsOf(pid, ['ip', '-N', '-j', '-4', 'rule', 'show', 'priority', String(priority)]), inNetnsOf(pid, ['ip', '-N', '-j', '-4', 'route', 'show', 'table', 'all']),
  ]);
  return [...new Set([rules, routes].flatMap(({ stdout }) => tablesNamed(stdout)))];
}

export async function removeReturnRouteOf(pid: number, { mark, table, priority }: PolicyRoute): Promise<void> {
  await inNetnsOf(pid, ['ip', 'rule', 'delete', 'fwmark', String(mark), 'lookup', String(table), 'priority', String(priority)], { ok: [0, 2] });
  await inNetnsOf(pid, ['ip', 'route', 'flush', 'table', String(table)], { ok: [0, 2] });
}
