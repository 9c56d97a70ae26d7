/**
 * Errors as a designed product: what happened, why most likely, the next command to type. The kind is decided where the
 * error is thrown; foreign errors are converted once, at the adapter. Recognised by shape (`isBridgeError`), because
 * jest realms break instanceof.
 */

/** usage: the user's words; environment: Docker, cluster, link; refused: rights or conflict; timeout; defect: ours. */
export type ErrorKind = 'usage' | 'environment' | 'refused' | 'timeout' | 'defect';

/** Exit codes of DESIGN 9; 125 is `bridge run` failing before the container ran and is decided there. */
export const exitCodes = { ok: 0, defect: 1, usage: 2, environment: 3, refused: 4, timeout: 5, notRun: 125, notFound: 127 } as const;

export interface ErrorFacts {
  kind: ErrorKind;
  /** Stable, kebab-case, for machines and docs/errors.md: `docker-unreachable`. */
  code: string;
  /** What happened, one sentence without a full stop at the end. */
  what: string;
  /** Why most likely. */
  why?: string;
  /** The next command to type (or, failing that, the next thing to do). */
  next?: string;
  /** Pasteable detail: the foreign message, the last output of a child process. */
  detail?: string;
  /** Several mistakes of one file; `why` has them as lines. */
  problems?: { line: number; column: number; path: string; message: string }[];
  /** Where the kind does not decide it: `bridge run` in the foreground gives 125, because its other codes are the container's. */
  exitCode?: number;
  cause?: unknown;
}

export class BridgeError extends Error {
  readonly isBridgeError = true;
  readonly facts: ErrorFacts;

  constructor(facts: ErrorFacts) {
    super(facts.what, { cause: facts.cause });
    this.name = 'BridgeError';
    this.facts = facts;
  }
}

export function isBridgeError(error: unknown): error is BridgeError {
  return typeof error === 'object' && error !== null && (error as { isBridgeError?: unknown }).isBridgeError === true;
}
