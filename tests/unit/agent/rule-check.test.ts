import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Rule } from '../../../protocol/rule.ts';
import { planAssignments, regexRules } from '../../../stowaway-image/src/agent/plan.ts';
import { RuleCheck } from '../../../stowaway-image/src/agent/proxy/rule-check.ts';
import { bridge, client, pod } from './fixtures.ts';

const regex = (value: string): Rule[] => [{ path: { match: 'regex', value } }];
const good = (index: number): Rule[] => regex(`^/good${index}$`);
const bad = (index: number): Rule[] => regex(`(bad${index}`);
const notYet = 'its regular expressions are still to be checked';

let directory: string;
let runs: number;
let now: number;
beforeEach(() => { directory = mkdtempSync(`${tmpdir()}/podbridge-rules-`); runs = 0; now = 0; });
afterEach(() => { rmSync(directory, { recursive: true }); });

/** A HAProxy that needs 30 ms and does not like `(bad`. */
async function errorsOf(file: string): Promise<string | undefined> {
  runs += 1;
  now += 30;
  const line = readFileSync(file, 'utf8').split('\n').find((text) => text.includes('(bad'));
  return line === undefined ? undefined : `[ALERT] (1) : config : parsing [${file}:8] : error detected while parsing ACL 'r0_0' : regex '(bad' is invalid (error=missing closing parenthesis)`;
}
const check = (): RuleCheck => new RuleCheck(directory, { errorsOf, now: () => now });

describe('a set of rules', () => {
  test('with a regular expression is not usable before it was checked', async () => {
    const rules = check();
    expect(rules.trouble(good(1))).toBe(notYet);
    expect(await rules.prepare([good(1), bad(1)])).toBe(true);
    expect(rules.trouble(good(1))).toBeUndefined();
    expect(rules.trouble(bad(1))).toMatch(/^a rule cannot be applied: HAProxy does not accept it \(.*regex/);
    expect(readdirSync(directory)).toEqual([]);
  });

  test('without one needs no check, also not to be refused', async () => {
    const rules = check();
    expect(rules.trouble([{ mark: 'ann' }])).toBeUndefined();
    expect(rules.trouble([{}])).toBe('a rule cannot be applied: a rule without any condition');
    expect(await rules.prepare([[{ mark: 'ann' }], [], [{}]])).toBe(true);
    expect(runs).toBe(0);
  });

  test('is checked once, as long as any bridge has it', async () => {
    const rules = check();
    const sets = Array.from({ length: 700 }, (_, index) => good(index));
    for (let round = 0; round < 3; round++) expect(await rules.prepare(sets)).toBe(true);
    expect(runs).toBe(1);
    expect(sets.filter((set) => rules.trouble(set) !== undefined)).toEqual([]);
  });

  test('of more sets than are remembered the first one, which is bad, stays refused', async () => {
    const rules = check();
    const sets = [bad(0), ...Array.from({ length: 700 }, (_, index) => good(index))];
    while (!await rules.prepare(sets));
    expect(rules.trouble(bad(0))).toMatch(/HAProxy does not accept it/);
    // What no bridge has any more may be forgotten, but is not taken for good then.
    expect(await rules.prepare(sets.slice(1))).toBe(true);
    expect(rules.trouble(bad(0))).toBe(notYet);
  });
});

test('many bad sets at once: everything else goes on in between, and every time more are known', async () => {
  const rules = check();
  const sets = Array.from({ length: 300 }, (_, index) => (index % 3 === 0 ? bad(index) : good(index)));
  let unknown = sets.length;
  for (let rounds = 0; ; rounds++) {
    const before = now;
    const all = await rules.prepare(sets);
    // The time that it may take, or the way down to the first that is known; and one more run of HAProxy.
    expect(now - before).toBeLessThanOrEqual(30 * 11);
    const left = sets.filter((set) => rules.trouble(set) === notYet).length;
    expect(left).toBeLessThan(unknown);
    unknown = left;
    if (all) break;
    expect(rounds).toBeLessThan(300);
  }
  expect(unknown).toBe(0);
  expect(sets.map((set) => rules.trouble(set) === undefined)).toEqual(sets.map((_, index) => index % 3 !== 0));
});

describe('in the plan', () => {
  const clients = new Map([['ann-1', client('ann-1', 'ann')], ['ben-1', client('ben-1', 'ben')]]);
  const world = {
    pods: [pod('api-1'), pod('api-2')], client: (name: string) => clients.get(name),
    bridges: [
      bridge('here', { rules: good(1) }), bridge('marked', { rules: [{ mark: 'm' }] }),
      bridge('stolen', { rules: bad(1), client: 'ben-1' }), bridge('orphan', { rules: bad(2), client: 'nobody' }), bridge('system', { rules: bad(3), namespace: 'kube-system' }),
      bridge('elsewhere', { rules: bad(4), status: { podSelector: { podName: 'api-9' } } }), bridge('unresolved', { rules: bad(5), status: {} }),
    ],
  };

  test('only rules of bridges that may be served and have a pod here are to be checked, once for all pods', () => {
    expect(regexRules(world)).toEqual([good(1)]);
  });

  test('a bridge whose rules are not checked yet waits with the reason, and the others do not', () => {
    const rules = check();
    const plan = planAssignments({ ...world, pods: [pod('api-1')], rulesTrouble: (set) => rules.trouble(set) });
    expect(plan.map(({ bridge: { metadata }, tcp, trouble }) => [metadata.name, tcp.length, trouble])).toEqual([['here', 0, notYet], ['marked', 1, undefined]]);
  });
});
