/** `bridge tap`: requests that pass a target's ports, as the agents see them. A bridge of mode tap asks for them; its agents give them only to its client. */

export interface TapEvent {
  /** RFC 3339, when the request came, with milliseconds. */
  at: string;
  pod: string;
  port: number;
  /** Address of the client. */
  client: string;
  method: string;
  /** With its query; values that look like secrets are masked. */
  path: string;
  /** Absent: no answer (the client or the server went away). */
  status?: number;
  /** From the first byte of the request to the last of the answer. */
  ms: number;
  /** `1.1`, `2.0`. */
  version: string;
  tls: boolean;
  /** W3C baggage member `bridge`. */
  mark?: string;
  /** Who answered: `original`, a bridge as `<namespace>/<name>`, or `agent` (a fault that was asked for, or nobody was there). */
  by: string;
  bytes: number;
  /** Only when asked for; secrets are masked. */
  requestHeaders?: [name: string, value: string][];
  responseHeaders?: [name: string, value: string][];
  /** Of a mirror whose answers are compared: how the copy's answer differs; absent: it is the same. */
  difference?: AnswerDifference;
}

export interface AnswerDifference {
  /** Of the copy; absent: it gave no answer. */
  status?: number;
  bytes: number;
  /** At most {@link mostDifferences}; of JSON by path (`$.items[0].price`), of other text by line. Values are cut, and masked where their name looks like a secret's. Absent side: it is not there. */
  at: { place: string; original?: string; copy?: string }[];
  /** Those that are left out. */
  more: number;
}

export const mostDifferences = 20;

/** Plaintext inside the sealed answer. */
export interface TapAnswer {
  v: 1;
  events: TapEvent[];
  /** What to ask for next, as `after`. */
  next: number;
  /** Events that were dropped because nobody fetched them in time. */
  lost: number;
}

/** The agent answers at once when there is something, else after this long. */
export const tapWaitMs = 2000;

/** GET on the agent's port; answers 200 with a sealed {@link TapAnswer}. @param after `next` of the answer before; 0 at first */
export function tapPath(namespace: string, bridge: string, after: number): string {
  return `/v1/bridges/${namespace}/${bridge}/tap?after=${after}`;
}
