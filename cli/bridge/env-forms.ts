/** An environment as text, in the forms that shells and dotenv libraries read back exactly. */

export type Env = [name: string, value: string][];

/** Needs no quotes in any of the forms. */
const plain = /^[A-Za-z0-9_@%+:,./-]*$/;
const shellName = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** For a POSIX shell; multi-line values too. */
function shellQuoted(value: string): string {
  return plain.test(value) ? value : `'${value.replaceAll("'", String.raw`'\''`)}'`;
}

/**
 * As dotenv libraries and Compose agree on: what stands in single quotes is taken as it is, lines included. A value with a single
 * quote needs double ones, with escapes; Node's own reader knows none, so a value without anything to escape has none.
 */
function dotenvQuoted(value: string): string {
  if (plain.test(value)) return value;
  if (!value.includes("'")) return `'${value}'`;
  return `"${value.replaceAll(/["\\$]/g, String.raw`\$&`)}"`;
}

/** `NAME=VALUE` lines, quoted where it matters. */
export function envText(env: Env): string {
  return env.map(([name, value]) => `${name}=${shellQuoted(value)}`).join('\n');
}

/** `export` lines for `eval` or `.`; variables whose names no shell takes are told in a comment. */
export function shText(env: Env): string {
  return env.map(([name, value]) => (shellName.test(name) ? `export ${name}=${shellQuoted(value)}` : `# no name for a shell: ${name.replaceAll(/[\r\n]/g, ' ')}`)).join('\n');
}

export function dotenvText(env: Env): string {
  return env.map(([name, value]) => `${name}=${dotenvQuoted(value)}`).join('\n');
}
