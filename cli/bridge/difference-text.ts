/** How the copy's answer differs from the original's, for people. */
import type { TapEvent } from '../../protocol/tap.ts';

const none = '(nothing)';

export function differenceText({ at, pod, port, method, path, status, bytes, difference }: TapEvent): string {
  if (difference === undefined) return '';
  const { at: places, more } = difference;
  const head = `${at.slice(11, 23)} ${pod}:${port} ${method} ${path}: original ${status ?? 'no answer'} (${bytes} bytes), copy ${difference.status ?? 'no answer'}${difference.status === undefined ? '' : ` (${difference.bytes} bytes)`}`;
  return [head, ...places.map(({ place, original = none, copy = none }) => `    ${place}: ${original} -> ${copy}`), ...(more > 0 ? [`    and ${more} more`] : [])].join('\n');
}
