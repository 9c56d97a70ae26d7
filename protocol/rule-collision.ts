/**
 * May two bridges stand on one port of one pod? Rules that look at different things, or of which one has further conditions,
 * are put in an order (the more specific one first). Rules that look at the same things and that one request can satisfy
 * both are not: nobody could say whose request it is.
 */
import type { BridgePort, BridgeSpec } from './objects.ts';
import type { Rule, StringMatch } from './rule.ts';

/** What a bridge asks for, as far as it matters here. */
export type Claim = Pick<BridgeSpec, 'owner' | 'ports' | 'rules'>;

export interface Collision {
  port: BridgePort;
  /** The two rules; undefined: all traffic. */
  mine: Rule | undefined;
  theirs: Rule | undefined;
}

/** Undefined when both may stand. Bridges of one owner may overlap as long as they are not the same: he knows what he wants. */
export function collision(mine: Claim, theirs: Claim): Collision | undefined {
  const port = mine.ports.find((one) => theirs.ports.some((other) => other.port === one.port && other.protocol === one.protocol));
  if (port === undefined) return undefined;
  const [own, others] = [mine.rules ?? [], theirs.rules ?? []];
  if (own.length === 0 || others.length === 0) return own.length === others.length ? { port, mine: undefined, theirs: undefined } : undefined;
  const collide = mine.owner === theirs.owner ? isSameRule : overlap;
  for (const one of own) {
    const other = others.find((candidate) => collide(one, candidate));
    if (other !== undefined) return { port, mine: one, theirs: other };
  }
  return undefined;
}

/** What a rule looks at, and what it wants to see there. A method is a list of words, of which one must be met. */
type Conditions = Map<string, StringMatch[]>;

const known = new WeakMap<Rule, Conditions>();

/** Every bridge is compared with every other at every change: what a rule says is worked out once. */
function conditionsOf(rule: Rule): Conditions {
  let conditions = known.get(rule);
  if (conditions === undefined) known.set(rule, conditions = readConditions(rule));
  return conditions;
}

function readConditions({ mark, headers = [], path, methods = [] }: Rule): Conditions {
  const conditions: Conditions = new Map();
  const add = (key: string, match: StringMatch): void => { conditions.set(key, [...conditions.get(key) ?? [], match]); };
  if (mark !== undefined) add('mark', { match: 'exact', value: mark });
  for (const { name, match, value } of headers) add(`header ${name.toLowerCase()}`, { match, value });
  if (path !== undefined) add('path', path);
  for (const method of methods) add('method', { match: 'exact', value: method });
  return conditions;
}

/** Do both look at the same things, so that one request can satisfy both? */
function overlap(one: Rule, other: Rule): boolean {
  const [a, b] = [conditionsOf(one), conditionsOf(other)];
  return sameKeys(a, b) && [...a].every(([key, matches]) => {
    const others = b.get(key)!;
    return key === 'method' ? matches.some((match) => others.some((theirs) => meet(match, theirs))) : matches.every((match) => others.every((theirs) => meet(match, theirs)));
  });
}

const texts = new WeakMap<Rule, string>();

function textOf(rule: Rule): string {
  let text = texts.get(rule);
  if (text === undefined) {
    text = JSON.stringify([...conditionsOf(rule)].map(([key, matches]) => [key, matches.map(({ match, value }) => `${match} ${value}`).sort()]).sort());
    texts.set(rule, text);
  }
  return text;
}

function isSameRule(one: Rule, other: Rule): boolean {
  return textOf(one) === textOf(other);
}

function sameKeys(a: Conditions, b: Conditions): boolean {
  return a.size === b.size && [...a.keys()].every((key) => b.has(key));
}

/**
 * Is there a text that both accept? Of regular expressions only the same one counts: what two others have in common cannot be
 * computed, and a foreign one is never run here (it might take for ever).
 */
function meet(a: StringMatch, b: StringMatch): boolean {
  if (a.match === 'regex' || b.match === 'regex') return a.match === b.match && a.value === b.value;
  if (a.match === 'exact') return b.match === 'exact' ? a.value === b.value : a.value.startsWith(b.value);
  return b.match === 'exact' ? b.value.startsWith(a.value) : a.value.startsWith(b.value) || b.value.startsWith(a.value);
}
