/** Rules that somebody took out of a pod. */
import { describe, expect, test } from '@jest/globals';
import type { talkingChild } from '../../../stowaway-image/src/adapters/talking-child.ts';
import { hasRule } from '../../../stowaway-image/src/adapters/netns.ts';
import { LostRules } from '../../../stowaway-image/src/agent/lost-rules.ts';
import { chainSizes, listedChainSizes, lostTables, tablesIn } from '../../../stowaway-image/src/agent/netns/lost-tables.ts';
import { renderEgress, renderReturn, renderRules } from '../../../stowaway-image/src/agent/netns/tables.ts';

describe('what is missing', () => {
  const rules = { address: '10.0.0.7', tcp: [{ port: 8080, listenPort: 17_000, exclude: ['10.0.0.1'] }], udp: [{ port: 53, hub: { address: '10.0.9.9', port: 20_001 }, silent: false }], listenPorts: [17_000] };
  const wanted = chainSizes(renderRules('7_42', rules) + renderReturn('7_42') + renderEgress('7_42', '10.0.0.7', []));
  /** As nft would list it. */
  const listing = (sizes: ReadonlyMap<string, number>): string => JSON.stringify({
    nftables: [{ metainfo: {} }, ...[...sizes].flatMap(([key, count]) => {
      const [table = '', chain = ''] = key.split(' ');
      return [{ table: { name: table } }, { chain: { table, name: chain } }, ...Array.from({ length: count }, () => ({ rule: { table, chain } }))];
    })],
  });

  test('chains and rules of what we render', () => {
    expect(Object.fromEntries(wanted)).toEqual({
      'podbridge_7_42_in pre': 2, 'podbridge_7_42_in in': 1, 'podbridge_7_42_udp aim': 4, 'podbridge_7_42_udp pre': 1, 'podbridge_7_42_udp post': 1, 'podbridge_7_42_ret pre': 1, 'podbridge_7_42_ret out': 2,
    });
    expect(tablesIn(wanted)).toEqual(['in', 'udp', 'ret'].map((kind) => `podbridge_7_42_${kind}`));
  });

  test('all there, a table gone, a chain gone, a rule gone, rules flushed', () => {
    const without = (change: (sizes: Map<string, number>) => void): string[] => {
      const found = new Map(wanted);
      change(found);
      return lostTables(wanted, listedChainSizes(['', listing(found)]));
    };
    expect(without(() => undefined)).toEqual([]);
    expect(without((found) => found.set('istio x', 3))).toEqual([]);
    expect(without((found) => found.clear())).toEqual(['in', 'udp', 'ret'].map((kind) => `podbridge_7_42_${kind}`));
    expect(without((found) => found.delete('podbridge_7_42_ret out'))).toEqual(['podbridge_7_42_ret']);
    expect(without((found) => found.set('podbridge_7_42_in pre', 1))).toEqual(['podbridge_7_42_in']);
    expect(without((found) => found.set('podbridge_7_42_in in', 0))).toEqual(['podbridge_7_42_in']);
  });

  test('the policy rule, however iproute2 writes its numbers', () => {
    const route = { mark: 0x70b1_0007, table: 0x70b1_0007 };
    expect(hasRule('[{"priority":28849,"src":"all","fwmark":"0x70b10007","table":"1890648071"}]', route)).toBe(true);
    expect(hasRule('[{"priority":28849,"src":"all","fwmark":"0x70b10008","table":"1890648072"}]', route)).toBe(false);
    expect(hasRule('', route)).toBe(false);
  });
});

describe('the look', () => {
  function stage() {
    const world = { now: 1000, told: [] as string[], logged: [] as string[], started: 0, closed: 0, triggers: 0, names: ['pb-1', 'pb-2'], looked: [] as string[], lost: [] as string[], dueIn: Infinity, answer: (line: string): void => void line, end: (): void => undefined };
    const start = ((_argv, _env, onAnswer) => {
      world.started += 1;
      world.answer = onAnswer;
      const ended = new Promise<string>((resolve) => { world.end = () => resolve('it ended'); });
      return { tell: (line: string) => world.told.push(line), close: () => { world.closed += 1; }, kill: () => undefined, ended };
    }) as typeof talkingChild;
    const rules = new LostRules({
      networks: () => world.names.map((netns) => ({ netns, putBack: async () => { world.looked.push(netns); return world.lost; } })),
      log: (event) => world.logged.push(event), trigger: () => { world.triggers += 1; }, triggerIn: (ms) => { world.dueIn = Math.min(world.dueIn, ms); }, start, now: () => world.now,
    });
    return { world, rules };
  }
  const changed = (netns: string): string => JSON.stringify({ netns });

  test('only where something has changed, and each pod now and then', async () => {
    const { world, rules } = stage();
    rules.watch();
    await rules.look();
    expect([world.looked, world.told]).toEqual([[], ['{"watch":["pb-1","pb-2"]}']]);
    world.answer(changed('pb-2'));
    world.answer(changed('pb-9'));
    await rules.look();
    await rules.look();
    expect([world.looked, world.triggers, world.logged]).toEqual([['pb-2'], 1, []]);
    world.now += world.dueIn;
    await rules.look();
    expect(world.looked).toEqual(['pb-2', 'pb-1', 'pb-2']);
  });

  test('what was lost is told; pods that are left are not watched; without pods nothing runs', async () => {
    const { world, rules } = stage();
    rules.watch();
    world.lost = ['x_in'];
    world.answer(changed('pb-1'));
    await rules.look();
    expect(world.logged).toEqual(['rules that somebody took out of a pod are put back']);
    world.names = ['pb-2'];
    rules.watch();
    rules.watch();
    expect([world.told.slice(1), world.closed]).toEqual([['{"watch":["pb-2"]}'], 0]);
    world.names = [];
    rules.watch();
    expect([world.closed, world.started]).toEqual([1, 1]);
  });

  test('a watch that ends is started again after a while', async () => {
    const { world, rules } = stage();
    rules.watch();
    world.end();
    await new Promise((resolve) => setImmediate(resolve));
    rules.watch();
    expect([world.started, world.triggers]).toEqual([1, 1]);
    world.now += 1000;
    rules.watch();
    expect([world.started, world.told.at(-1)]).toEqual([2, '{"watch":["pb-1","pb-2"]}']);
  });
});
