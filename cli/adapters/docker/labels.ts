import type { Labels } from './docker.ts';

/** Docker's label filter: `name=value`, or the name alone for an empty value. */
export function labelFilter(labels: Labels): string[] {
  return Object.entries(labels).map(([name, value]) => (value === '' ? name : `${name}=${value}`));
}
