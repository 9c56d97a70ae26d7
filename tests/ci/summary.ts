/**
 * node tests/ci/summary.ts JEST_JSON SECOND_ATTEMPT_JSON [CHECK=EXIT_CODE...]: sums Jest's results and further checks up, and ends
 * with the line `N passed, N failed`. A suite that passed as a whole in the second attempt counts as that, and is named. Exit code 1
 * when anything failed, when a test was skipped, or when no test ran.
 */
import { failures, isGood, readReport } from './report.ts';

const [file = '', again = '', ...checks] = process.argv.slice(2);
const lines: string[] = [];
let passed = 0;
let failed = 0;
const fail = (words: string): void => {
  lines.push(`failed: ${words}`);
  failed++;
};

const first = await readReport(file);
const second = await readReport(again);
if (first === undefined) fail('the tests did not come to an end');
for (const suite of first?.testResults ?? []) {
  const repeated = isGood(suite) ? undefined : second?.testResults.find(({ name }) => name === suite.name);
  const counted = repeated !== undefined && isGood(repeated) ? repeated : suite;
  if (counted === repeated) lines.push(...failures(suite).map((name) => `passed at the second attempt only: ${name}`));
  passed += counted.assertionResults.filter(({ status }) => status === 'passed').length;
  for (const { fullName, status } of counted.assertionResults) if (status !== 'passed') fail(status === 'failed' ? fullName : `${fullName} (${status}: in CI nothing may be skipped)`);
  // A suite that could not even be loaded has no tests to fail.
  if (counted.status === 'failed' && counted.assertionResults.every(({ status }) => status !== 'failed')) fail(`${counted.name}\n${counted.message}`);
}
if (first !== undefined && passed + failed === 0) fail('no test ran');
for (const check of checks) {
  const [name, code] = check.split('=');
  if (code === '0') passed++;
  else fail(`${name} (exit code ${code})`);
}
process.stdout.write(`${['', ...lines].join('\n')}\n${passed} passed, ${failed} failed\n`);
process.exitCode = failed > 0 ? 1 : 0;
