/** Secrets do not leave the agent: values are masked by the names that they have. */

const secretName = /auth|cookie|token|secret|passw|api-?key|access-?key|signature|session|credential|jwt|csrf|xsrf/i;
export const masked = '***';

export function isSecretName(name: string): boolean {
  return secretName.test(name);
}

export function maskHeaders(headers: readonly [name: string, value: string][]): [name: string, value: string][] {
  return headers.map(([name, value]) => [name, isSecretName(name) ? masked : value]);
}

/** Of a path with its query. */
export function maskPath(path: string): string {
  const [head = '', query] = path.split(/\?(.*)/s);
  if (query === undefined) return path;
  const parts = query.split('&').map((part) => {
    const [name = '', value] = part.split(/=(.*)/s);
    return value !== undefined && (secretName.test(name) || /^(?:key|sig|code|pw)$/i.test(name)) ? `${name}=${masked}` : part;
  });
  return `${head}?${parts.join('&')}`;
}
