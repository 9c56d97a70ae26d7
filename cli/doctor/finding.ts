/** What a check has found. Codes are stable: scripts name them. */
import { asTyped } from '../advice.ts';
import type { Program } from '../host.ts';

export type Severity = 'ok' | 'info' | 'warning' | 'error';

export interface Finding {
  /** kebab-case: `rules-missing`. */
  code: string;
  severity: Severity;
  /** One sentence without a full stop at the end. */
  what: string;
  why?: string;
  /** The command that repairs it, or failing that, what to do. */
  fix?: string;
}

export const areas = ['host', 'cluster', 'link', 'bridges'] as const;
export type Area = (typeof areas)[number];

export interface FoundBy extends Finding {
  area: Area;
  /** Id of the check. */
  check: string;
}

const order: Record<Severity, number> = { error: 0, warning: 1, info: 2, ok: 3 };

export function worstFirst(a: Finding, b: Finding): number {
  return order[a.severity] - order[b.severity];
}

/** As the caller can type it: see cli/advice.ts. */
export function typedFinding<F extends Finding>(program: Program, finding: F): F {
  const { what, why, fix } = finding;
  return { ...finding, what: asTyped(program, what), ...(why === undefined ? {} : { why: asTyped(program, why) }), ...(fix === undefined ? {} : { fix: asTyped(program, fix) }) };
}

export const ok = (code: string, what: string): Finding => ({ code, severity: 'ok', what });
