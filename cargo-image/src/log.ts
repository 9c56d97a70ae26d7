/** One JSON line per event. Never a key, never an environment value. */
export type Log = (event: string, facts?: Record<string, unknown>) => void;
