/** How two answers differ, in few words. Pure. Secrets do not leave the agent: values are masked by the names that they have. */
import { mostDifferences, type AnswerDifference } from '../../../../protocol/tap.ts';
import { isSecretName, masked } from '../tap/mask.ts';

export interface Answer {
  /** Absent: none came. */
  status?: number;
  contentType: string;
  /** Decoded; its beginning. */
  body: string;
  /** Of the body, as far as it is known. */
  bytes: number;
  /** The body is whole. */
  whole: boolean;
}

const mostValueLength = 200;
const mostDepth = 40;

/** Undefined: they are the same, as far as can be seen. */
export function differenceOf(original: Answer, copy: Answer): AnswerDifference | undefined {
  const at = copy.status === undefined ? [] : places(original, copy);
  if (copy.status === original.status && at.length === 0) return undefined;
  return { ...(copy.status === undefined ? {} : { status: copy.status }), bytes: copy.bytes, at: at.slice(0, mostDifferences), more: Math.max(0, at.length - mostDifferences) };
}

type Place = AnswerDifference['at'][number];

function places(original: Answer, copy: Answer): Place[] {
  if (original.body === copy.body && original.bytes === copy.bytes) return [];
  if (original.whole && copy.whole) {
    const [one, other] = [parsed(original), parsed(copy)];
    if (one !== undefined && other !== undefined) return inJson(one.value, other.value, '$', '', 0);
  }
  if (!isText(original) || !isText(copy)) return [{ place: 'body', original: `${original.bytes} bytes`, copy: `${copy.bytes} bytes` }];
  return inLines(original, copy);
}

function parsed({ contentType, body }: Answer): { value: unknown } | undefined {
  if (!/\bjson\b/i.test(contentType)) return undefined;
  try {
    return { value: JSON.parse(body) };
  } catch {
    return undefined;
  }
}

const isText = ({ contentType, body }: Answer): boolean => contentType === '' || /^text\/|json|xml|javascript|x-www-form-urlencoded/i.test(contentType) || !body.includes('\u0000');

function inJson(one: unknown, other: unknown, place: string, name: string, depth: number): Place[] {
  if (Object.is(one, other)) return [];
  if (depth < mostDepth && Array.isArray(one) && Array.isArray(other)) {
    return Array.from({ length: Math.max(one.length, other.length) }, (_, index) => inJson(one[index], other[index], `${place}[${index}]`, name, depth + 1)).flat();
  }
  if (depth < mostDepth && isObject(one) && isObject(other)) {
    return [...new Set([...Object.keys(one), ...Object.keys(other)])].flatMap((key) => inJson(one[key], other[key], /^[A-Za-z_]\w*$/.test(key) ? `${place}.${key}` : `${place}[${JSON.stringify(key)}]`, isSecretName(name) ? name : key, depth + 1));
  }
  return [{ place, ...side('original', one, name), ...side('copy', other, name) }];
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

function side(key: 'original' | 'copy', value: unknown, name: string): Partial<Place> {
  return value === undefined ? {} : { [key]: isSecretName(name) ? masked : cut(withoutSecrets(value)) };
}

/** Of what is shown as a whole, because the other side has something else there. */
function withoutSecrets(value: unknown): string {
  return JSON.stringify(value, (name, inner: unknown) => (name !== '' && isSecretName(name) ? masked : inner));
}

function cut(text: string): string {
  return text.length <= mostValueLength ? text : `${text.slice(0, mostValueLength)}...`;
}

/** Lines at the same place: this tells that and where, not how one became the other. */
function inLines(original: Answer, copy: Answer): Place[] {
  const [one, other] = [original.body.split('\n'), copy.body.split('\n')];
  const found: Place[] = [];
  // What is cut off is no difference.
  const length = original.whole && copy.whole ? Math.max(one.length, other.length) : Math.min(one.length, other.length) - 1;
  for (let index = 0; index < length; index++) {
    if (one[index] !== other[index]) found.push({ place: `line ${index + 1}`, ...line('original', one[index]), ...line('copy', other[index]) });
  }
  if (found.length === 0 && original.bytes !== copy.bytes) found.push({ place: 'body', original: `${original.bytes} bytes`, copy: `${copy.bytes} bytes` });
  return found;
}

function line(key: 'original' | 'copy', text: string | undefined): Partial<Place> {
  // A line that names a secret is not shown at all: where its value ends, nobody can tell.
  return text === undefined ? {} : { [key]: isSecretName(text) ? masked : cut(text) };
}
