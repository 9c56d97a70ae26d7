/**
 * node tests/ci/summary.ts JEST_JSON [CHECK=EXIT_CODE...]: sums Jest's results and further checks up, and ends with the line
 * `N passed, N failed`. Exit code 1 when anything failed, when a test was skipped, or when no test ran.
 */
import { readFile } from 'node:fs/promises';

interface JestResult {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  testResults: { name: string; status: string; message: string; assertionResults: { fullName: string; status: string }[] }[];
}

const [file, ...checks] = process.argv.slice(2);
const problems: string[] = [];
let passed = 0;
let failed = 0;

const result = await readFile(file ?? '', 'utf8').then((text) => JSON.parse(text) as JestResult, () => undefined);
if (result === undefined) {
  problems.push('the tests did not come to an end');
  failed++;
} else {
  passed += result.numPassedTests;
  failed += result.numFailedTests;
  for (const suite of result.testResults) {
    for (const test of suite.assertionResults) {
      if (test.status !== 'passed') problems.push(`${test.status}: ${test.fullName}`);
    }
    // A suite that could not even be loaded has no tests to fail.
    if (suite.status === 'failed' && suite.assertionResults.every((test) => test.status !== 'failed')) {
      problems.push(`failed: ${suite.name}\n${suite.message}`);
      failed++;
    }
  }
  if (result.numPassedTests + result.numFailedTests === 0) problems.push('no test ran');
}
const skipped = (result?.numPendingTests ?? 0) + (result?.numTodoTests ?? 0);
if (skipped > 0) problems.push(`${skipped} tests were skipped: in CI nothing may be`);
for (const check of checks) {
  const [name, code] = check.split('=');
  if (code === '0') passed++;
  else {
    problems.push(`failed: ${name} (exit code ${code})`);
    failed++;
  }
}
process.stdout.write(`${['', ...problems].join('\n')}\n${passed} passed, ${failed} failed\n`);
process.exitCode = problems.length > 0 || failed > 0 ? 1 : 0;
