/** The one error of the API client. Foreign errors (sockets, HTTP, Kubernetes Status) become it once, here. */

/** metav1.Status, as far as it matters. */
export interface KubeStatus {
  kind?: string;
  status?: string;
  message?: string;
  reason?: string;
  code?: number;
  details?: { retryAfterSeconds?: number };
}

export class KubeError extends Error {
  override readonly name = 'KubeError';
  /** HTTP status; 0 when the API server could not be reached. */
  readonly code: number;
  /** Kubernetes' word (`NotFound`, `Conflict`, `Expired`...), or the socket's (`ECONNREFUSED`). */
  readonly reason: string;
  /** Asked for by the server; absent when it did not. */
  readonly retryAfterMs: number | undefined;

  constructor(code: number, reason: string, message: string, options: { cause?: unknown; retryAfterMs?: number } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.reason = reason;
    this.retryAfterMs = options.retryAfterMs;
  }
}

export function fromStatus(what: string, status: KubeStatus, httpCode: number): KubeError {
  const code = status.code ?? httpCode;
  const retry = status.details?.retryAfterSeconds;
  return new KubeError(code, status.reason ?? `HTTP ${code}`, `${what}: ${status.message ?? status.reason ?? `HTTP ${code}`}`,
    retry === undefined ? {} : { retryAfterMs: retry * 1000 });
}

export function fromSocket(what: string, cause: unknown): KubeError {
  if (cause instanceof KubeError) return cause;
  const error = cause as { code?: unknown; message?: unknown };
  const code = typeof error.code === 'string' ? error.code : 'Unreachable';
  return new KubeError(0, code, `${what}: the API server cannot be reached (${typeof error.message === 'string' ? error.message : String(cause)})`, { cause });
}

export const isKubeError = (error: unknown): error is KubeError => (error as { name?: unknown } | null)?.name === 'KubeError';
export const isNotFound = (error: unknown): boolean => isKubeError(error) && error.code === 404;
/** The object changed meanwhile, or its uid is not the one that was meant. */
export const isConflict = (error: unknown): boolean => isKubeError(error) && error.code === 409 && error.reason !== 'AlreadyExists';
export const isAlreadyExists = (error: unknown): boolean => isKubeError(error) && error.code === 409 && error.reason === 'AlreadyExists';
export const isForbidden = (error: unknown): boolean => isKubeError(error) && error.code === 403;
/** A policy, a quota or a rule of the cluster forbids this very object; asking again changes nothing. */
export const isRefused = (error: unknown): boolean => isKubeError(error) && (error.code === 403 || error.code === 422 || error.code === 400);
/** The resourceVersion is too old for the server's memory: list again. */
export const isExpired = (error: unknown): boolean => isKubeError(error) && (error.code === 410 || error.reason === 'Expired');
