/** The catalogue of errors is complete, and all of it has been provoked by a test. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { allErrors, errorReference, errorsFile, errorsIn } from '../docs/error-reference.ts';

const root = join(import.meta.dirname, '..', '..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');

test('docs/errors.md is as the source has it (npm run docs)', () => {
  expect(read(errorsFile)).toBe(errorReference());
});

test('what is found in the source', () => {
  const source = "throw new BridgeError({ kind: 'usage', code: bad ? 'a-b' : 'c-d', what: `no ${x} here`, ...(y === undefined ? {} : { why: 'y' }), next: 'bridge list' });\nconst other = { code: 'not-an-error' };";
  expect(errorsIn(source, 'x.ts')).toEqual([
    { code: 'a-b', kind: 'usage', what: 'no … here', why: 'y', next: 'bridge list', file: 'x.ts' }, { code: 'c-d', kind: 'usage', what: 'no … here', why: 'y', next: 'bridge list', file: 'x.ts' },
  ]);
});

test('every code is listed, and there are many', () => {
  const listed = new Set([...read(errorsFile).matchAll(/^\| `([^`]+)` \|/gm)].map(([, code]) => code));
  const codes = new Set(allErrors().map(({ code }) => code));
  expect([...codes].filter((code) => !listed.has(code))).toEqual([]);
  expect(codes.size).toBeGreaterThan(60);
});

test('each is provoked by a test, which names it', () => {
  // The generator of the catalogue and this file name codes without provoking them.
  const tests = globSync('tests/{unit,integration,e2e,chaos}/**/*.ts', { cwd: root }).filter((file) => !file.endsWith('unit/errors.test.ts')).map(read).join('\n');
  const named = new Set([...tests.matchAll(/['"`]([a-z][a-z0-9-]+)['"`]/g)].map(([, word]) => word!));
  const isNamed = (code: string): boolean => named.has(code) || (code.includes('…') && [...named].some((word) => new RegExp(`^${code.replace('…', '[a-z0-9-]+')}$`).test(word)));
  expect([...new Set(allErrors().map(({ code }) => code))].filter((code) => !isNamed(code))).toEqual([]);
});
