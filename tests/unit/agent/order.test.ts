import { describe, expect, test } from '@jest/globals';
import type { Rule } from '../../../protocol/rule.ts';
import { orderRoutes } from '../../../stowaway-image/src/agent/proxy/order.ts';
import { route } from './fixtures.ts';

function order(...bridges: [name: string, rules: Rule[], created?: string][]): string[] {
  const { rules, rest } = orderRoutes(bridges.map(([name, ruleList, createdAt = '2026-01-01T00:00:00Z']) => route(name, { rules: ruleList, createdAt })));
  return [...rules.map((entry) => entry.route.bridge), `rest ${rest?.bridge ?? 'original'}`];
}
const header = (match: 'exact' | 'prefix' | 'regex', value: string): Rule => ({ headers: [{ name: 'x-user', match, value }] });

describe('order of rules', () => {
  test('more conditions first, whatever the order of the bridges', () => {
    const two: Rule = { mark: 'ann', methods: ['GET'] };
    expect(order(['one', [{ mark: 'ann' }]], ['two', [two]])).toEqual(['shop/two', 'shop/one', 'rest original']);
    expect(order(['two', [two]], ['one', [{ mark: 'ann' }]])).toEqual(['shop/two', 'shop/one', 'rest original']);
  });

  test('exact before prefix before regex', () => {
    expect(order(['regex', [header('regex', 'ann.*')]], ['prefix', [header('prefix', 'ann-the-long')]], ['exact', [header('exact', 'ann')]]))
      .toEqual(['shop/exact', 'shop/prefix', 'shop/regex', 'rest original']);
  });

  test('longer values first', () => {
    const path = (value: string): Rule => ({ path: { match: 'prefix', value } });
    expect(order(['short', [path('/api')]], ['long', [path('/api/orders')]])).toEqual(['shop/long', 'shop/short', 'rest original']);
  });

  test('equal rules: the older bridge, then the lower name', () => {
    expect(order(['b', [{ mark: 'x' }], '2026-02-01T00:00:00Z'], ['a', [{ mark: 'x' }], '2026-03-01T00:00:00Z'])).toEqual(['shop/b', 'shop/a', 'rest original']);
    expect(order(['b', [{ mark: 'x' }]], ['a', [{ mark: 'x' }]])).toEqual(['shop/a', 'shop/b', 'rest original']);
  });

  test('the bridge without rules takes the rest; of two, the older', () => {
    expect(order(['all', [], '2026-02-01T00:00:00Z'], ['marked', [{ mark: 'x' }], '2026-03-01T00:00:00Z'], ['older', [], '2026-01-01T00:00:00Z'])).toEqual(['shop/marked', 'rest shop/older']);
  });

  test('the rules of one bridge are alternatives, each at its place', () => {
    expect(order(['both', [{ mark: 'x' }, { mark: 'x', methods: ['GET'], path: { match: 'exact', value: '/' } }]], ['between', [{ mark: 'x', methods: ['GET'] }]]))
      .toEqual(['shop/both', 'shop/between', 'shop/both', 'rest original']);
  });
});
