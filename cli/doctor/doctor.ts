/** Runs the checks side by side and brings their findings into order. */
import { factsOf } from '../ui/error-text.ts';
import type { Check, DoctorContext } from './check.ts';
import { areas, worstFirst, type FoundBy } from './finding.ts';

/** What many checks stand on is told once, by the check that is about it. */
const told = new Set(['docker-unreachable', 'docker-denied', 'cluster-unreachable', 'cluster-unauthorized', 'cluster-credentials', 'kubeconfig-missing', 'not-installed', 'not-allowed', 'cluster-kind-missing']);

export async function examine(checks: readonly Check[], context: DoctorContext): Promise<FoundBy[]> {
  const found = await Promise.all(checks.map(async (check): Promise<FoundBy[]> => {
    const { id, area, title } = check;
    try {
      return (await check.run(context)).map((finding) => ({ ...finding, area, check: id }));
    } catch (error) {
      const { code, what, why } = factsOf(error);
      return [{ area, check: id, code: told.has(code) ? 'not-checked' : 'check-failed', severity: told.has(code) ? 'info' : 'warning', what: `${title}: could not be checked`, why: why === undefined ? what : `${what}: ${why}` }];
    }
  }));
  const all = found.flat();
  return areas.flatMap((area) => all.filter((finding) => finding.area === area).sort(worstFirst));
}

/** Errors decide the exit code; warnings and hints do not. */
export function hasErrors(findings: readonly FoundBy[]): boolean {
  return findings.some(({ severity }) => severity === 'error');
}
