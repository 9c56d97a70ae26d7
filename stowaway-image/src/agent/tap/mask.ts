/** Secrets do not leave the agent: values are masked by the names that they have. */

const secretName = new RegExp([
  'auth', 'cookie', 'token', 'secret', 'passw', 'passphrase', 'passcode', 'pwd', 'signature', 'session', 'sess-?id', 'credential', 'jwt', 'csrf', 'xsrf', '(?:client|ssl)[-_. ]?cert',
  '(?:api|access|private|licen[cs]e|secret|encryption|signing|master|shared|account|storage|subscription|ssh)[-_. ]?key',
].join('|'), 'i');
/** Too short to be looked for within words. */
const secretWord = /(?<![a-z])(?:pass|otp|totp|pin|pw|sid)(?![a-z])/i;
/** Of headers and queries. In bodies these are too common. */
const secretParameter = /(?:^|[-_. ])key$|^(?:sig|code)$/i;
export const masked = '***';

/** `userPass` -> `user Pass` */
const apart = (name: string): string => name.replaceAll(/([a-z\d])([A-Z])/g, '$1 $2');

export function isSecretName(name: string): boolean {
  return secretName.test(name) || secretWord.test(apart(name));
}

const isSecretParameter = (name: string): boolean => isSecretName(decoded(name)) || secretParameter.test(apart(decoded(name)));

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Of text that may hold addresses, or lists of NAME=VALUE. Where a value ends is known by & and # and spaces only, so too much is masked rather than too little. */
function maskPairs(text: string): string {
  return text.replaceAll(/(\/\/)[^/@\s]*:[^/@\s]*@/g, `$1${masked}@`)
    .replaceAll(/(^|[?&;,#\s])([^=?&;,#\s"/]+)=("[^"]*"|[^&#\s]*)/g, (_, before: string, name: string, value: string) => `${before}${name}=${isSecretParameter(name) ? masked : maskValue(value)}`);
}

/** What is in it may be an address itself, in the open or encoded. */
function maskValue(value: string): string {
  if (!value.includes('=') && !value.includes('%')) return value;
  const shown = maskPairs(value);
  const inner = decoded(shown);
  return inner === shown || maskPairs(inner) === inner ? shown : encodeURIComponent(maskPairs(inner));
}

export function maskHeaders(headers: readonly [name: string, value: string][]): [name: string, value: string][] {
  return headers.map(([name, value]) => [name, isSecretParameter(name) ? masked : maskPairs(value)]);
}

/** Of a path with its query. */
export function maskPath(path: string): string {
  const [head = '', query] = path.split(/\?(.*)/s);
  const shown = head.replaceAll(/;([^;/=]+)=[^;/]*/g, (pair, name: string) => (isSecretParameter(name) ? `;${name}=${masked}` : pair));
  if (query === undefined) return shown;
  const parts = query.split('&').map((part) => {
    const [name = '', value] = part.split(/=(.*)/s);
    return value === undefined ? part : `${name}=${isSecretParameter(name) ? masked : maskValue(value)}`;
  });
  return `${shown}?${parts.join('&')}`;
}
