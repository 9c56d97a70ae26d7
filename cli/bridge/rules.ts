/**
 * Rules from flags. Headers and methods hold together (AND); several marks or paths are alternatives (OR), each with all
 * headers and methods.
 */
import { markBaggageKey, markPattern, type HeaderMatch, type MatchKind, type Rule, type StringMatch } from '../../protocol/rule.ts';
import type { Options } from '../command.ts';
import { BridgeError } from '../errors.ts';

export interface RuleFlags {
  header: string[];
  mark: string[];
  path: string[];
  pathPrefix: string[];
  pathRegex: string[];
  method: string[];
}

/** RFC 9110 section 5.6.2. */
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const signs: Record<string, MatchKind> = { '=': 'exact', '^=': 'prefix', '~=': 'regex' };

function fail(flag: string, value: string, why: string, next: string): BridgeError {
  return new BridgeError({ kind: 'usage', code: 'rule-malformed', what: `--${flag} '${value}' is no rule`, why, next });
}

function checkValue(flag: string, given: string, { match, value }: StringMatch, next: string): void {
  if (/[\u0000-\u001f\u007f]/.test(value)) throw fail(flag, given, 'it has a control character', next);
  if (value === '' && match !== 'exact') throw fail(flag, given, 'an empty pattern matches everything', next);
  if (match !== 'regex') return;
  try {
    new RegExp(value);
  } catch (error) {
    throw fail(flag, given, error instanceof Error ? error.message : String(error), `write signs that stand for themselves with a backslash: ${next.replace(/REGEX.*$/, '')}'${value.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}'`);
  }
}

/** `NAME=VALUE`, `NAME^=PREFIX`, `NAME~=REGEX`. The first `=` decides; `^` and `~` before it are part of the sign, not of the name. */
export function parseHeader(text: string, flag: 'header' | 'mark' = 'header'): HeaderMatch {
  const next = flag === 'mark' ? '--mark x-developer=ann' : '--header NAME=VALUE, NAME^=PREFIX or NAME~=REGEX';
  const [, name = '', sign = '', value = ''] = /^([^=]*?)([~^]?=)(.*)$/s.exec(text) ?? [];
  const match = signs[sign];
  if (match === undefined) throw fail(flag, text, 'there is no = in it', next);
  if (!token.test(name)) throw fail(flag, text, name === '' ? 'the name is missing' : `'${name}' is no name of a header`, next);
  const header: HeaderMatch = { name, match, value };
  checkValue(flag, text, header, next);
  return header;
}

function parsePaths(flags: RuleFlags): StringMatch[] {
  const lists: [flag: string, match: MatchKind, values: string[]][] = [['path', 'exact', flags.path], ['path-prefix', 'prefix', flags.pathPrefix], ['path-regex', 'regex', flags.pathRegex]];
  return lists.flatMap(([flag, match, values]) => values.map((value) => {
    if (match !== 'regex' && !value.startsWith('/')) throw fail(flag, value, 'a path begins with /', `--${flag} /${value}`);
    const path = { match, value };
    checkValue(flag, value, path, `--${flag} ${match === 'regex' ? 'REGEX' : '/PATH'}`);
    return path;
  }));
}

/** `ID`, or a header of one's own choice: `NAME=VALUE`. */
function parseMark(value: string): Pick<Rule, 'mark' | 'headers'> {
  if (value.includes('=')) {
    const header = parseHeader(value, 'mark');
    if (header.name.toLowerCase() === markBaggageKey) throw fail('mark', value, `that would be a header called ${header.name}; a mark is already sent as baggage: ${markBaggageKey}=...`, `--mark ${header.value === '' ? 'ann' : header.value}`);
    if (header.match !== 'exact' || header.value === '') throw fail('mark', value, 'a mark is one value of a header, because it is also what is sent', '--mark x-developer=ann');
    return { headers: [header] };
  }
  if (!markPattern.test(value)) throw fail('mark', value, 'a mark is letters, digits, dot, dash and underscore, up to 63', '--mark ann');
  return { mark: value };
}

function parseMethod(value: string): string[] {
  return value.split(',').map((method) => {
    const upper = method.trim().toUpperCase();
    if (!token.test(upper)) throw fail('method', value, 'that is no HTTP method', '--method GET');
    return upper;
  });
}

/** As {@link rulesFromFlags}, of the options of a command. */
export function rulesFromOptions(options: Options): Rule[] {
  const list = (name: string): string[] => [options[name] ?? []].flat().filter((value) => typeof value === 'string');
  return rulesFromFlags({ header: list('header'), mark: list('mark'), path: list('path'), pathPrefix: list('pathPrefix'), pathRegex: list('pathRegex'), method: list('method') });
}

/** No flags: no rules, all traffic. */
export function rulesFromFlags(flags: RuleFlags): Rule[] {
  const headers = flags.header.map((each) => parseHeader(each));
  const methods = [...new Set(flags.method.flatMap(parseMethod))];
  const marks = [...new Set(flags.mark)].map(parseMark);
  const paths: (StringMatch | undefined)[] = parsePaths(flags);
  if (headers.length + methods.length + marks.length + paths.length === 0) return [];
  return (marks.length === 0 ? [{}] : marks).flatMap(({ mark, headers: own = [] }: Pick<Rule, 'mark' | 'headers'>) => (paths.length === 0 ? [undefined] : paths).map((path): Rule => ({
    ...(mark === undefined ? {} : { mark }), ...(own.length + headers.length === 0 ? {} : { headers: [...own, ...headers] }), ...(path === undefined ? {} : { path }), ...(methods.length === 0 ? {} : { methods }),
  })));
}
