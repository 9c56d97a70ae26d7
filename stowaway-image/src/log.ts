/** One JSON line per event. Never a key, token or environment value. */
export type Log = (event: string, facts?: Record<string, unknown>) => void;

/** An error in words, with its cause. */
export function words(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined || error.message.includes(words(error.cause)) ? error.message : `${error.message}: ${words(error.cause)}`;
}
