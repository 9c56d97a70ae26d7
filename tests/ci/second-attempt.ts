/**
 * node tests/ci/second-attempt.ts JEST_JSON: prints the suites that are to be run once more, a line each.
 *
 * With nodes, load and laptop on two processors, a suite that makes faults under load may fail because the machine stood still. Few
 * such suites get one second attempt, which the summary tells; a fault of ours fails twice. Unit tests get none, nor does a run with
 * more failures than a standing machine makes.
 */
import { relative } from 'node:path';
import { isGood, readReport } from './report.ts';

const mostSuites = 4;
const failed = (await readReport(process.argv[2] ?? ''))?.testResults.filter((suite) => !isGood(suite)).map(({ name }) => relative(process.cwd(), name)) ?? [];
if (failed.length <= mostSuites && !failed.some((name) => name.startsWith('tests/unit/'))) process.stdout.write(failed.map((name) => `${name}\n`).join(''));
