/** The catalogue of errors is complete, and most of it has been provoked by a test. */
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

test('tests provoke most of them by name', () => {
  const tests = globSync('tests/**/*.ts', { cwd: root }).map(read).join('\n');
  const codes = [...new Set(allErrors().map(({ code }) => code))].filter((code) => !code.includes('…'));
  const provoked = codes.filter((code) => tests.includes(`'${code}'`) || tests.includes(`"${code}"`));
  expect(provoked.length / codes.length).toBeGreaterThan(0.5);
});
