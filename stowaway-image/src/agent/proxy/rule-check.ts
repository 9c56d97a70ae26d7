/** Would HAProxy accept these rules? One bad regular expression must not take the whole configuration down. */
import { rm, writeFile } from 'node:fs/promises';
import type { Rule } from '../../../../protocol/rule.ts';
import { configErrors } from '../../adapters/haproxy.ts';
import { hasRegex, ruleCondition, unusableValue } from './rule-acl.ts';

type RuleSet = readonly Rule[];

/** Verdicts are kept for this many sets of rules; of more, the oldest that no bridge has any more go. */
const mostVerdicts = 500;
/** What many bad sets at once may cost before everything else goes on. */
const prepareMs = 250;

export interface RuleCheckParts {
  /** What HAProxy says of a configuration file; undefined when it accepts it. */
  errorsOf?: (file: string) => Promise<string | undefined>;
  now?: () => number;
}

export class RuleCheck {
  readonly #directory: string;
  readonly #errorsOf: (file: string) => Promise<string | undefined>;
  readonly #now: () => number;
  readonly #verdicts = new Map<string, string | undefined>();

  constructor(directory: string, { errorsOf = configErrors, now = () => performance.now() }: RuleCheckParts = {}) {
    this.#directory = directory;
    this.#errorsOf = errorsOf;
    this.#now = now;
  }

  /** Why these rules cannot be applied, or not yet, for people. Undefined: HAProxy accepts them, for sure. */
  trouble(rules: RuleSet): string | undefined {
    const unusable = unusableValue(rules);
    if (unusable !== undefined) return refused(unusable);
    if (!rules.some(hasRegex)) return undefined;
    const key = JSON.stringify(rules);
    if (!this.#verdicts.has(key)) return 'its regular expressions are still to be checked';
    const verdict = this.#verdicts.get(key);
    return verdict === undefined ? undefined : refused(verdict);
  }

  /**
   * Compiles the regular expressions of those sets that were not seen before: all of them at once, and only when one is bad half of
   * them, and so on. False when there was no time for all: call again, each time more are known.
   */
  async prepare(sets: Iterable<RuleSet>): Promise<boolean> {
    const present = new Map([...sets].map((rules) => [JSON.stringify(rules), rules]));
    const all = await this.#judge([...present].filter(([key, rules]) => !this.#verdicts.has(key) && rules.some(hasRegex) && unusableValue(rules) === undefined).map(([, rules]) => rules));
    for (const key of [...this.#verdicts.keys()]) {
      if (this.#verdicts.size <= mostVerdicts) break;
      if (!present.has(key)) this.#verdicts.delete(key);
    }
    return all;
  }

  async #judge(unseen: RuleSet[]): Promise<boolean> {
    const until = this.#now() + prepareMs;
    const groups = unseen.length === 0 ? [] : [unseen];
    let someKnown = false;
    for (let group = groups.pop(); group !== undefined; group = groups.pop()) {
      if (someKnown && this.#now() >= until) return false;
      const verdict = await this.#compile(group);
      if (verdict !== undefined && group.length > 1) {
        const middle = Math.ceil(group.length / 2);
        groups.push(group.slice(middle), group.slice(0, middle));
        continue;
      }
      for (const rules of group) this.#verdicts.set(JSON.stringify(rules), verdict);
      someKnown = true;
    }
    return true;
  }

  async #compile(sets: readonly RuleSet[]): Promise<string | undefined> {
    const file = `${this.#directory}/rules.cfg`;
    const acls = sets.flat().flatMap((rule, index) => ruleCondition(rule, `r${index}`).acls);
    await writeFile(file, ['defaults', '  mode http', '  timeout client 1s', '  timeout server 1s', '  timeout connect 1s', 'frontend f', '  bind 127.0.0.1:1', ...acls.map((acl) => `  ${acl}`), ''].join('\n'), { mode: 0o600 });
    const errors = await this.#errorsOf(file);
    await rm(file, { force: true });
    if (errors === undefined) return undefined;
    const regex = errors.split('\n').find((line) => line.includes('regex'));
    return `HAProxy does not accept it${regex === undefined ? '' : ` (${regex.replace(/^.*?'acl'\s*:\s*/, '').replace(/\s+/g, ' ').slice(0, 200)})`}`;
  }
}

function refused(why: string): string {
  return `a rule cannot be applied: ${why}`;
}
