/**
 * Several bridges may stand on one port. Which one gets a request that several rules match?
 *  1. the rule with more conditions;
 *  2. of these, the one with the more exact conditions (exact before prefix before regex; a mark counts as exact);
 *  3. of these, the one with the longer values;
 *  4. of these, the older bridge, then the lower name.
 * A bridge without rules comes last and takes what is left; without one that is the original's. Of several bridges without
 * rules only the oldest is in force (the others are reported, never silently mixed).
 */
import type { MatchKind, Rule } from '../../../../protocol/rule.ts';
import type { Route } from './model.ts';

export interface OrderedRules {
  rules: { route: Route; rule: Rule }[];
  /** Takes everything that no rule matches. */
  rest: Route | undefined;
}

const weight: Record<MatchKind, number> = { exact: 3, prefix: 2, regex: 1 };

export function orderRoutes(routes: readonly Route[]): OrderedRules {
  const byAge = [...routes].sort(older);
  const rules = byAge
    .flatMap((route) => route.rules.map((rule) => ({ route, rule, key: specificity(rule) })))
    // The sort is stable: what compares equal stays in order of age.
    .sort((a, b) => compare(b.key, a.key))
    .map(({ route, rule }) => ({ route, rule }));
  return { rules, rest: byAge.find((route) => route.rules.length === 0) };
}

export function older(a: { createdAt: string; bridge: string }, b: { createdAt: string; bridge: string }): number {
  return byText(a.createdAt, b.createdAt) || byText(a.bridge, b.bridge);
}

function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function specificity(rule: Rule): [conditions: number, exactness: number, length: number] {
  const matches = [...rule.headers ?? [], ...(rule.path === undefined ? [] : [rule.path])];
  const methods = rule.methods !== undefined && rule.methods.length > 0 ? 1 : 0;
  const mark = rule.mark === undefined ? 0 : 1;
  return [
    matches.length + methods + mark,
    matches.reduce((sum, { match }) => sum + weight[match], (methods + mark) * weight.exact),
    matches.reduce((sum, { value }) => sum + value.length, rule.mark?.length ?? 0),
  ];
}

function compare(a: number[], b: number[]): number {
  return a.map((value, index) => value - (b[index] ?? 0)).find((difference) => difference !== 0) ?? 0;
}
