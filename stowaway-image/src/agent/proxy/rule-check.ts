/** Would HAProxy accept these rules? One bad regular expression must not take the whole configuration down. */
import { rm, writeFile } from 'node:fs/promises';
import type { Rule } from '../../../../protocol/rule.ts';
import { configErrors } from '../../adapters/haproxy.ts';
import { ruleCondition, unusableValue } from './rule-acl.ts';

/** Verdicts are kept for this many sets of rules; of more, the oldest that no bridge has any more go. */
const mostVerdicts = 500;

export class RuleCheck {
  readonly #directory: string;
  readonly #verdicts = new Map<string, string | undefined>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Undefined: usable. Only after {@link prepare} of the same rules. */
  verdict(rules: readonly Rule[]): string | undefined {
    return unusableValue(rules) ?? this.#verdicts.get(JSON.stringify(rules));
  }

  /** Compiles the regular expressions of all these sets that were not seen before. */
  async prepare(sets: Iterable<readonly Rule[]>): Promise<void> {
    const present = new Set<string>();
    for (const rules of sets) {
      const key = JSON.stringify(rules);
      present.add(key);
      if (this.#verdicts.has(key) || !rules.some(hasRegex) || unusableValue(rules) !== undefined) continue;
      this.#verdicts.set(key, await this.#compile(rules));
    }
    for (const key of [...this.#verdicts.keys()]) {
      if (this.#verdicts.size <= mostVerdicts) break;
      if (!present.has(key)) this.#verdicts.delete(key);
    }
  }

  async #compile(rules: readonly Rule[]): Promise<string | undefined> {
    const file = `${this.#directory}/rules.cfg`;
    const acls = rules.flatMap((rule, index) => ruleCondition(rule, `r${index}`).acls);
    await writeFile(file, ['defaults', '  mode http', '  timeout client 1s', '  timeout server 1s', '  timeout connect 1s', 'frontend f', '  bind 127.0.0.1:1', ...acls.map((acl) => `  ${acl}`), ''].join('\n'), { mode: 0o600 });
    const errors = await configErrors(file);
    await rm(file, { force: true });
    if (errors === undefined) return undefined;
    const regex = errors.split('\n').find((line) => line.includes('regex'));
    return `HAProxy does not accept it${regex === undefined ? '' : ` (${regex.replace(/^.*?'acl'\s*:\s*/, '').replace(/\s+/g, ' ').slice(0, 200)})`}`;
  }
}

function hasRegex({ headers = [], path }: Rule): boolean {
  return path?.match === 'regex' || headers.some(({ match }) => match === 'regex');
}
