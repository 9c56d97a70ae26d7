/** Jest's own report (`--json`), as far as it is needed here. */
import { readFile } from 'node:fs/promises';

export interface SuiteResult { name: string; status: string; message: string; assertionResults: { fullName: string; status: string }[] }
export interface Report { testResults: SuiteResult[] }

/** Undefined when Jest did not come to its end. */
export async function readReport(file: string): Promise<Report | undefined> {
  return await readFile(file, 'utf8').then((text) => JSON.parse(text) as Report, () => undefined);
}

export const isGood = ({ status, assertionResults }: SuiteResult): boolean => status === 'passed' && assertionResults.every((test) => test.status === 'passed');
export const failures = ({ assertionResults }: SuiteResult): string[] => assertionResults.filter(({ status }) => status !== 'passed').map(({ fullName }) => fullName);
