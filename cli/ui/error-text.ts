/** Errors for people and for machines: what happened, why most likely, the next command. */
import { isBridgeError, type ErrorFacts } from '../errors.ts';
import type { Paint } from './terminal.ts';

export interface ErrorObject {
  error: { code: string; kind: string; what: string; why?: string; next?: string; detail?: string; problems?: ErrorFacts['problems'] };
}

/** Whatever was thrown, as facts; what nobody foresaw is a defect of ours. */
export function factsOf(error: unknown): ErrorFacts {
  if (isBridgeError(error)) return error.facts;
  return {
    kind: 'defect', code: 'defect', what: error instanceof Error && error.message !== '' ? error.message : String(error),
    why: 'this is a defect of podbridge', next: 'report it with the text below and `bridge version -o json`', detail: error instanceof Error ? error.stack : undefined, cause: error,
  };
}

export function errorObject(facts: ErrorFacts): ErrorObject {
  const { code, kind, what, why, next, detail, problems } = facts;
  return { error: { code, kind, what, ...(why === undefined ? {} : { why }), ...(next === undefined ? {} : { next }), ...(detail === undefined ? {} : { detail }), ...(problems === undefined ? {} : { problems }) } };
}

function indented(text: string): string {
  return text.replaceAll('\n', '\n        ');
}

export function errorText(facts: ErrorFacts, paint: Paint, verbose: boolean): string {
  const lines = [`${paint.red(paint.bold('error'))}: ${facts.what}`];
  if (facts.why !== undefined && facts.why !== '') lines.push(`  why:  ${indented(facts.why)}`);
  if (facts.next !== undefined) lines.push(`  next: ${indented(facts.next)}`);
  if (facts.detail !== undefined && (verbose || facts.kind === 'defect')) lines.push(`  ${paint.dim(`[${facts.code}]`)}`, ...facts.detail.split('\n').map((line) => paint.dim(`  | ${line}`)));
  return `${lines.join('\n')}\n`;
}
