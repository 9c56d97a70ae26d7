import { describe, expect, test } from '@jest/globals';
import type { BridgePort } from '../../../protocol/objects.ts';
import type { MatchKind, Rule } from '../../../protocol/rule.ts';
import { collision, type Claim } from '../../../protocol/rule-collision.ts';

const http: BridgePort = { port: 8080, protocol: 'TCP', local: 8080 };
const claim = (owner: string, rules: Rule[], ports: BridgePort[] = [http]): Claim => ({ owner, ports, rules });
const collide = (one: Rule[], other: Rule[], owners: [string, string] = ['ann', 'bob']): boolean => collision(claim(owners[0], one), claim(owners[1], other)) !== undefined;
const header = (match: MatchKind, value: string, name = 'x-user'): Rule => ({ headers: [{ name, match, value }] });
const path = (match: MatchKind, value: string): Rule => ({ path: { match, value } });

describe('rules of two owners', () => {
  test.each<[string, Rule[], Rule[], boolean]>([
    ['the same mark', [{ mark: 'a' }], [{ mark: 'a' }], true],
    ['two marks', [{ mark: 'a' }], [{ mark: 'b' }], false],
    ['one of several marks', [{ mark: 'a' }, { mark: 'b' }], [{ mark: 'c' }, { mark: 'b' }], true],
    ['the same header in other letters', [header('exact', 'ann', 'X-User')], [header('exact', 'ann', 'x-user')], true],
    ['a value and its prefix', [header('exact', 'ann')], [header('prefix', 'a')], true],
    ['a value and another prefix', [header('exact', 'ann')], [header('prefix', 'b')], false],
    ['a prefix within a prefix', [path('prefix', '/api')], [path('prefix', '/api/v2')], true],
    ['two prefixes', [path('prefix', '/api')], [path('prefix', '/shop')], false],
    ['the same regular expression', [path('regex', '^/a')], [path('regex', '^/a')], true],
    ['two regular expressions, of which nobody knows', [path('regex', '^/a')], [path('regex', '^/(a|b)')], false],
    ['different things: the order decides', [{ mark: 'a' }], [path('prefix', '/api')], false],
    ['further conditions: the order decides', [{ mark: 'a' }], [{ mark: 'a', path: { match: 'prefix', value: '/api' } }], false],
    ['methods that meet', [{ mark: 'a', methods: ['GET', 'PUT'] }], [{ mark: 'a', methods: ['PUT', 'POST'] }], true],
    ['methods that do not', [{ mark: 'a', methods: ['GET'] }], [{ mark: 'a', methods: ['POST'] }], false],
    ['all traffic, twice', [], [], true],
    ['all traffic, and a rule', [], [{ mark: 'a' }], false],
  ])('%s', (_, one, other, expected) => {
    expect([collide(one, other), collide(other, one)]).toEqual([expected, expected]);
  });

  test('on different ports never collide', () => {
    expect(collision(claim('ann', []), claim('bob', [], [{ ...http, port: 9090 }]))).toBeUndefined();
    expect(collision(claim('ann', []), claim('bob', [], [{ ...http, protocol: 'UDP' }]))).toBeUndefined();
  });

  test('are told with the port', () => {
    expect(collision(claim('ann', [{ mark: 'b' }, { mark: 'a' }]), claim('bob', [{ mark: 'a' }]))).toEqual({ port: http, mine: { mark: 'a' }, theirs: { mark: 'a' } });
  });
});

test('rules of one owner collide only when they are the same', () => {
  expect(collide([path('prefix', '/api')], [path('prefix', '/api/v2')], ['ann', 'ann'])).toBe(false);
  expect(collide([path('prefix', '/api')], [path('prefix', '/api')], ['ann', 'ann'])).toBe(true);
  expect(collide([], [], ['ann', 'ann'])).toBe(true);
});
