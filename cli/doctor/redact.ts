/** Takes secrets out of what leaves the machine in a bundle. Rather too much than too little: names stay, values go. */

const removed = '<removed>';
/** Keys whose values are never wanted in a bundle, wherever they stand. */
const secretKeys = /^(env|data|stringData|token|password|secret|authorization|cookie|privateKey|client-key-data|client-certificate-data|certificate-authority-data|bearer|args|command|cmd|entrypoint|value|curl)$/i;
/** Annotations hold whole objects now and then (`last-applied-configuration`). */
const droppedKeys = new Set(['managedFields', 'annotations']);

const patterns: readonly [RegExp, string][] = [
  // PEM blocks, whatever is in them.
  [/-----BEGIN [^-]+-----[\s\S]*?-----END [^-]+-----/g, removed],
  // JSON Web Tokens: service accounts, OIDC.
  [/\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*/g, removed],
  [/\b(Bearer|Basic) +[A-Za-z0-9._~+/=-]{8,}/gi, `$1 ${removed}`],
  // Credentials in URLs.
  [/\b([a-z][a-z0-9+.-]*:\/\/)[^\s/@:]+:[^\s/@]+@/gi, `$1${removed}@`],
  // `password=...`, `"token": "..."` in logs.
  [/\b((?:[\w-]*(?:password|passwd|secret|token|api[_-]?key|private[_-]?key)[\w-]*)["']?\s*[:=]\s*["']?)[^\s"',;&]{3,}/gi, `$1${removed}`],
  // Values of header rules, in words and in curl lines.
  [/\b(header [\w-]+(?:[~^]?=))\S+/g, `$1${removed}`], [/(-H '[\w-]+: )[^']*'/g, `$1${removed}'`],
  // Keys of WireGuard and others of 32 bytes in base64.
  [/(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{43}=(?![A-Za-z0-9+/=])/g, removed],
];

export function redactText(text: string): string {
  return patterns.reduce((clean, [pattern, replacement]) => clean.replace(pattern, replacement), text);
}

function hidden(value: unknown): unknown {
  if (Array.isArray(value)) {
    // `NAME=VALUE` and `{ name, value }`: the name helps and tells nothing.
    return value.map((entry: unknown) => (typeof entry === 'string' ? (/^[A-Za-z_][\w.-]*=/.test(entry) ? `${entry.slice(0, entry.indexOf('='))}=${removed}` : removed) : redact(entry)));
  }
  if (typeof value === 'object' && value !== null) return Object.fromEntries(Object.keys(value).map((key) => [key, removed]));
  return value === undefined || value === null ? value : removed;
}

/** A copy of an object without secrets. */
export function redact(value: unknown): unknown {
  if (typeof value === 'string') return redactText(value);
  if (Array.isArray(value)) return value.map(redact);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).filter(([key]) => !droppedKeys.has(key)).map(([key, entry]) => [key, secretKeys.test(key) ? hidden(entry) : redact(entry)]));
}
