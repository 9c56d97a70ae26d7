/** `${NAME}` and `${NAME:-default}` in values of bridge.yaml: what differs from one user to the next, like a mark. `$${` stands for `${`. */

export interface Interpolated {
  text: string;
  /** Names without value and default. */
  missing: string[];
  /** What begins like a variable and is none: `${A` without an end, `${A-b}`. */
  malformed: string[];
}

export function interpolate(text: string, env: Record<string, string | undefined>): Interpolated {
  const [missing, malformed]: [string[], string[]] = [[], []];
  const result = text.replaceAll(/\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\$\{[^}]*\}?/g, (whole, name?: string, fallback?: string) => {
    if (whole === '$${') return '${';
    if (name === undefined) {
      malformed.push(whole);
      return whole;
    }
    const value = env[name];
    if (value !== undefined && value !== '') return value;
    if (fallback !== undefined) return fallback;
    missing.push(name);
    return whole;
  });
  return { text: result, missing, malformed };
}
