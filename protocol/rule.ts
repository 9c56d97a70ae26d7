/**
 * Which requests belong to a bridge. All conditions of one rule must hold (AND); a bridge takes a request when any of its
 * rules matches (OR). A bridge without rules takes all traffic of its ports, of any protocol.
 */

export type MatchKind = 'exact' | 'prefix' | 'regex';

/** Regular expressions are PCRE/POSIX-extended as HAProxy's `-m reg` takes them, unanchored. */
export interface StringMatch {
  match: MatchKind;
  value: string;
}

export interface HeaderMatch extends StringMatch {
  /** Compared without case. */
  name: string;
}

export interface Rule {
  /** W3C `baggage` member `bridge=<mark>`. */
  mark?: string;
  headers?: HeaderMatch[];
  path?: StringMatch;
  /** Upper case. Any of these. */
  methods?: string[];
}

/** Key of the W3C baggage member that carries a mark: `baggage: bridge=<id>`. */
export const markBaggageKey = 'bridge';

/** A mark is a token that needs no escaping in baggage, HAProxy and DNS alike. */
export const markPattern = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;

/** Response header that tells which side answered: the bridge's `<namespace>/<name>` or `original`. */
export const servedByHeader = 'x-bridge-served-by';

/** One line for people: `mark demo`, `header x-user=ann and path^=/api`. */
export function describeRule(rule: Rule): string {
  const sign = { exact: '=', prefix: '^=', regex: '~=' } as const;
  const parts = [
    ...(rule.mark === undefined ? [] : [`mark ${rule.mark}`]),
    ...(rule.headers ?? []).map((header) => `header ${header.name}${sign[header.match]}${header.value}`),
    ...(rule.path === undefined ? [] : [`path${sign[rule.path.match]}${rule.path.value}`]),
    ...(rule.methods === undefined || rule.methods.length === 0 ? [] : [`method ${rule.methods.join('|')}`]),
  ];
  return parts.join(' and ');
}

/**
 * The headers with which a request satisfies one of these rules, as far as headers can: undefined when none of them can be told
 * (regular expressions). Without rules none are needed. A rule with a mark is preferred, because marks travel.
 */
export function headersFor(rules: readonly Rule[]): { mark?: string; headers: [name: string, value: string][] } | undefined {
  if (rules.length === 0) return { headers: [] };
  const usable = rules.filter(({ headers = [] }) => headers.every(({ match }) => match !== 'regex'));
  const rule = usable.find(({ mark }) => mark !== undefined) ?? usable[0];
  if (rule === undefined) return undefined;
  return { ...(rule.mark === undefined ? {} : { mark: rule.mark }), headers: (rule.headers ?? []).map(({ name, value }) => [name, value]) };
}
