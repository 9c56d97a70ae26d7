/** A rule as HAProxy conditions: named ACLs, because a pattern that reads `}` would end an anonymous one. */
import { markBaggageKey, markPattern, type MatchKind, type Rule } from '../../../../protocol/rule.ts';
import { headerName, methodName, quote, UnusableValue } from './quote.ts';

// HAProxy takes 64 words on a line.
const mostConditions = 40;
const mostMethods = 40;

const flags: Record<MatchKind, string> = { exact: 'str', prefix: 'beg', regex: 'reg' };

export interface RuleCondition {
  /** `acl` lines, without indentation. */
  acls: string[];
  /** What goes behind `if`: all must hold. */
  condition: string;
}

/**
 * @param prefix unique among the rules of one frontend
 * @throws UnusableValue when a value cannot be expressed
 */
export function ruleCondition(rule: Rule, prefix: string): RuleCondition {
  const conditions: string[] = [];
  if (rule.mark !== undefined) {
    if (!markPattern.test(rule.mark)) throw new UnusableValue(`${JSON.stringify(rule.mark)} is not a mark`);
    // W3C baggage: members separated by commas, each with optional properties after a semicolon.
    const member = `${markBaggageKey}=${rule.mark.replaceAll('.', String.raw`\.`)}`;
    conditions.push(`req.fhdr(baggage) -m reg -- ${quote(`(^|,)[[:space:]]*${member}[[:space:]]*(;|,|$)`)}`);
  }
  // fhdr: the whole value of each header line, where hdr would cut it at commas.
  for (const { name, match, value } of rule.headers ?? []) conditions.push(`${quote(`req.fhdr(${headerName(name)})`)} -m ${flags[match]} -- ${quote(value)}`);
  if (rule.path !== undefined) conditions.push(`path -m ${flags[rule.path.match]} -- ${quote(rule.path.value)}`);
  if (rule.methods !== undefined && rule.methods.length > 0) conditions.push(`method -m str -- ${rule.methods.map(methodName).map(quote).join(' ')}`);
  if (conditions.length > mostConditions || (rule.methods?.length ?? 0) > mostMethods) throw new UnusableValue(`a rule takes at most ${mostConditions} conditions and ${mostMethods} methods`);
  // A rule that asks for nothing would take everything, which only a bridge without rules may.
  if (conditions.length === 0) throw new UnusableValue('a rule without any condition');
  return {
    acls: conditions.map((condition, index) => `acl ${prefix}_${index} ${condition}`),
    condition: conditions.map((_, index) => `${prefix}_${index}`).join(' '),
  };
}

/** Why these rules cannot be expressed; undefined when they can. Whether a regular expression compiles, only HAProxy knows. */
export function unusableValue(rules: readonly Rule[]): string | undefined {
  try {
    rules.forEach((rule) => ruleCondition(rule, 'r'));
    return undefined;
  } catch (error) {
    if (error instanceof UnusableValue) return error.message;
    throw error;
  }
}

export function hasRegex({ headers = [], path }: Rule): boolean {
  return path?.match === 'regex' || headers.some(({ match }) => match === 'regex');
}
