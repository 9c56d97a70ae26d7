/** Findings for people. */
import type { Paint } from '../ui/terminal.ts';
import { areas, type FoundBy, type Severity } from './finding.ts';

const titles = { host: 'This machine', cluster: 'Cluster', link: 'Link', bridges: 'Bridges' } as const;

function sign(severity: Severity, paint: Paint): string {
  const signs = { ok: paint.green('✓'), info: 'i', warning: paint.yellow('!'), error: paint.red('✗') };
  return signs[severity];
}

export function reportText(findings: readonly FoundBy[], paint: Paint): string {
  const sections = areas.flatMap((area) => {
    const own = findings.filter((finding) => finding.area === area);
    if (own.length === 0) return [];
    return [[paint.bold(titles[area]), ...own.flatMap(({ severity, code, what, why, fix }) => [
      `  ${sign(severity, paint)} ${severity === 'ok' || severity === 'info' ? '' : `${severity}: `}${what}${severity === 'ok' ? '' : ` ${paint.dim(`[${code}]`)}`}`,
      ...(why === undefined ? [] : [`      why: ${why}`]), ...(fix === undefined ? [] : [`      fix: ${fix}`]),
    ])].join('\n')];
  });
  const count = (severity: Severity) => findings.filter((finding) => finding.severity === severity).length;
  const [errors, warnings] = [count('error'), count('warning')];
  const plural = (number: number, word: string) => `${number} ${word}${number === 1 ? '' : 's'}`;
  return `${sections.join('\n\n')}\n\n${errors + warnings === 0 ? `Nothing is wrong (${count('ok')} checks).` : `${plural(errors, 'error')}, ${plural(warnings, 'warning')}.`}`;
}
