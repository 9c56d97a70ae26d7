/** Words for structural schemas (apiextensions.k8s.io/v1), so that the two resources read as what they say. */

export interface Schema {
  type: 'object' | 'array' | 'string' | 'integer' | 'boolean';
  [keyword: string]: unknown;
}

type Keywords = Record<string, unknown>;

export function object(properties: Record<string, Schema>, required: string[] = [], more: Keywords = {}): Schema {
  return { type: 'object', properties, ...(required.length === 0 ? {} : { required }), ...more };
}

export function text(maxLength: number, more: Keywords = {}): Schema {
  return { type: 'string', maxLength, ...more };
}

/** One of a fixed set of words. */
export function word(words: readonly string[], more: Keywords = {}): Schema {
  return { type: 'string', enum: [...words], ...more };
}

export function integer(minimum: number, maximum: number, more: Keywords = {}): Schema {
  return { type: 'integer', minimum, maximum, ...more };
}

export function flag(more: Keywords = {}): Schema {
  return { type: 'boolean', ...more };
}

export function list(items: Schema, maxItems: number, more: Keywords = {}): Schema {
  return { type: 'array', items, maxItems, ...more };
}

/** A list whose entries are told apart by some of their fields, so that server-side apply by several writers merges them. */
export function mapList(items: Schema, keys: string[], maxItems: number, more: Keywords = {}): Schema {
  return { ...list(items, maxItems, more), 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': keys };
}

/** CEL rules. */
export function rules(...pairs: [rule: string, message: string][]): Keywords {
  return { 'x-kubernetes-validations': pairs.map(([rule, message]) => ({ rule, message })) };
}

export const time: Schema = { type: 'string', format: 'date-time' };
export const ipv4: Schema = { type: 'string', format: 'ipv4' };
export const portNumber: Schema = integer(1, 65535);
/** Text that may stand in one line of a configuration file and of a terminal. */
export const oneLine = (maxLength: number): Schema => text(maxLength, { pattern: '^[^\\x00-\\x1f\\x7f]*$' });

/** As in metav1.Condition. */
export const conditions: Schema = mapList(
  object({
    type: text(316, { pattern: '^[A-Z][A-Za-z0-9]*$' }),
    status: word(['True', 'False', 'Unknown']),
    reason: text(1024, { pattern: '^[A-Z][A-Za-z0-9]*$' }),
    message: text(32768),
    lastTransitionTime: time,
  }, ['type', 'status', 'reason', 'message', 'lastTransitionTime']),
  ['type'], 16,
);
