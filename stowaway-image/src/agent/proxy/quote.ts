/**
 * Users' values in HAProxy's configuration. Inside single quotes nothing is special but the single quote (management guide
 * 2.2 "Quoting and escaping"); a line cannot hold control characters at all.
 */

// HAProxy's lines end at 2048 characters, and a single quote becomes four.
export const maxValueLength = 1024;

export class UnusableValue extends Error {
  override readonly name = 'UnusableValue';
}

/** One word of a configuration line, exactly `value`. @throws UnusableValue */
export function quote(value: string): string {
  if (/[\u0000-\u001f\u007f\u2028\u2029]/.test(value)) throw new UnusableValue('control characters cannot be matched');
  // A lone surrogate has no UTF-8 form.
  if (!value.isWellFormed()) throw new UnusableValue('not valid Unicode');
  const quoted = `'${value.replaceAll("'", String.raw`'\''`)}'`;
  if (Buffer.byteLength(quoted) > maxValueLength) throw new UnusableValue(`more than ${maxValueLength} bytes cannot be matched`);
  return quoted;
}

/** A header's name as an argument of a sample fetch: tokens of RFC 9110 without the quote, which HAProxy's argument parser takes for itself. @throws UnusableValue */
export function headerName(name: string): string {
  if (!/^[A-Za-z0-9!#$%&*+.^_`|~-]{1,128}$/.test(name)) throw new UnusableValue(`${JSON.stringify(name)} is not a usable header name`);
  return name;
}

/** @throws UnusableValue */
export function methodName(method: string): string {
  if (!/^[A-Za-z-]{1,32}$/.test(method)) throw new UnusableValue(`${JSON.stringify(method)} is not an HTTP method`);
  return method;
}
