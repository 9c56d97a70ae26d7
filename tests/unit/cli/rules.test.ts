import { describe, expect, test } from '@jest/globals';
import { tryLines, type RunSummary } from '../../../cli/bridge/summary.ts';
import { curlLine } from '../../../cli/status/bridge-state.ts';
import { parseHeader, rulesFromFlags, type RuleFlags } from '../../../cli/bridge/rules.ts';

const none: RuleFlags = { header: [], mark: [], path: [], pathPrefix: [], pathRegex: [], method: [] };

describe('--header', () => {
  test.each([
    ['x-user=ann', { name: 'x-user', match: 'exact', value: 'ann' }], ['X-User^=an', { name: 'X-User', match: 'prefix', value: 'an' }], ['x-user~=^a.*n$', { name: 'x-user', match: 'regex', value: '^a.*n$' }],
    ['cookie=a=b; c~=d', { name: 'cookie', match: 'exact', value: 'a=b; c~=d' }], ['x-empty=', { name: 'x-empty', match: 'exact', value: '' }], ['x-q="quoted \\ value"', { name: 'x-q', match: 'exact', value: '"quoted \\ value"' }],
  ])('%s', (text, header) => expect(parseHeader(text)).toEqual(header));

  test.each(['x-user', '=ann', 'x user=ann', 'x-user~=(', 'x-user^=', 'x-user=a\nb', 'x:y=1'])('%j is refused', (text) => expect(() => parseHeader(text)).toThrow(/is no rule/));
});

test('no flags, no rules', () => expect(rulesFromFlags(none)).toEqual([]));

test('headers and methods hold together; marks and paths are alternatives', () => {
  expect(rulesFromFlags({ ...none, header: ['a=1', 'b=2'], method: ['get', 'POST,get'] })).toEqual([
    { headers: [{ name: 'a', match: 'exact', value: '1' }, { name: 'b', match: 'exact', value: '2' }], methods: ['GET', 'POST'] },
  ]);
  expect(rulesFromFlags({ ...none, mark: ['ann', 'ann', 'bob'], path: ['/x'], pathPrefix: ['/y/'], pathRegex: ['^/z'] })).toEqual([
    { mark: 'ann', path: { match: 'exact', value: '/x' } }, { mark: 'ann', path: { match: 'prefix', value: '/y/' } }, { mark: 'ann', path: { match: 'regex', value: '^/z' } },
    { mark: 'bob', path: { match: 'exact', value: '/x' } }, { mark: 'bob', path: { match: 'prefix', value: '/y/' } }, { mark: 'bob', path: { match: 'regex', value: '^/z' } },
  ]);
});

test('a mark may be a header of one\'s own', () => {
  expect(rulesFromFlags({ ...none, mark: ['x-developer=ann', 'bob'], header: ['x-b=1'] })).toEqual([
    { headers: [{ name: 'x-developer', match: 'exact', value: 'ann' }, { name: 'x-b', match: 'exact', value: '1' }] }, { mark: 'bob', headers: [{ name: 'x-b', match: 'exact', value: '1' }] },
  ]);
});

test.each([
  [{ mark: ['x-a^=b'] }], [{ mark: ['x-a='] }], [{ mark: ['=ann'] }], [{ mark: ['a b'] }], [{ mark: [''] }], [{ path: ['x'] }], [{ pathPrefix: ['x'] }], [{ pathRegex: ['('] }], [{ pathRegex: ['['] }], [{ method: ['G ET'] }], [{ mark: ['-a'] }],
])('%j is refused', (flags) => expect(() => rulesFromFlags({ ...none, ...flags })).toThrow(/is no rule/));

describe('a request that is taken, to be typed', () => {
  const hint = (flags: Partial<RuleFlags>) => tryLines({ rules: rulesFromFlags({ ...none, ...flags }) } as RunSummary);
  test.each([
    [{ mark: ['ann'] }, "curl -H 'baggage: bridge=ann' http://..."], [{ mark: ['ann'], path: ['/view'] }, "curl -H 'baggage: bridge=ann' http://.../view"],
    [{ header: ['x-user=ann'], pathPrefix: ['/catalog'] }, "curl -H 'x-user: ann' http://.../catalog"], [{ path: ["/a b'c"], method: ['POST'] }, "curl -X POST 'http://.../a b'\\''c'"],
    [{ method: ['HEAD'] }, 'curl -I http://...'],
  ])('%j', (flags, line) => expect(hint(flags)).toEqual([`  try:  ${line}`]));
  test.each([[{ pathRegex: ['^/a'] }], [{}]])('%j: none', (flags) => expect(hint(flags)).toEqual([]));
  test('of a status', () => expect(curlLine({ spec: { rules: [{ mark: 'ann', path: { match: 'prefix', value: '/view' } }], ports: [{ protocol: 'TCP' }] } } as unknown as Parameters<typeof curlLine>[0])).toBe("curl -H 'baggage: bridge=ann' http://.../view"));
});

test.each([['bridge=ben', '--mark ben'], ['Bridge=ben', '--mark ben'], ['bridge=', '--mark ann']])('--mark %s is the hint typed as a header', (mark, next) => {
  expect(() => rulesFromFlags({ ...none, mark: [mark] })).toThrow(expect.objectContaining({ facts: expect.objectContaining({ code: 'rule-malformed', why: expect.stringContaining('already sent as baggage: bridge='), next }) }));
});
