/** Services that come as values, not as a bridge.yaml: of a Compose file, or of a program. Their keys and checks are the same. */
import { createHash } from 'node:crypto';
import { stringify } from 'yaml';
import type { OptionSpec } from '../command.ts';
import { isBridgeError, type BridgeError } from '../errors.ts';
import type { Host } from '../host.ts';
import type { ProjectService } from './project.ts';
import { parseProject } from './read-project.ts';

export interface ValuesQuestion {
  /** By any name. */
  services: Record<string, object>;
  host: Pick<Host, 'env' | 'homeDir' | 'cwd'>;
  /** Those of `bridge run`, the global ones included. */
  options: readonly OptionSpec[];
  /** The error for mistakes: each with its path in the service. */
  invalid: (problems: { service: string; path: string; message: string }[]) => BridgeError;
}

/** In bridge.yaml names are narrower. */
function keyOf(name: string): string {
  return `s-${createHash('sha256').update(name).digest('hex').slice(0, 12)}`;
}

/** By the service's name. Paths in it are relative to the working directory. */
export function readValues({ services, host, options, invalid }: ValuesQuestion): Map<string, ProjectService> {
  const names = new Map(Object.keys(services).map((name) => [keyOf(name), name]));
  // Values are meant as they are: `${A}` in them is no variable.
  const text = stringify({ services: Object.fromEntries(Object.entries(services).map(([name, service]) => [keyOf(name), service])) }, { lineWidth: 0, aliasDuplicateObjects: false }).replaceAll('${', () => '$${');
  try {
    const { services: read, absent } = parseProject(text, { file: `${host.cwd}/values`, shown: 'values', host, options });
    const missing = absent([...read.keys()]);
    if (missing !== undefined) throw missing;
    return new Map([...read].map(([key, service]) => [names.get(key)!, service]));
  } catch (error) {
    if (!isBridgeError(error) || error.facts.problems === undefined) throw error;
    throw invalid(error.facts.problems.map(({ path, message }) => {
      const [, key = '', rest = ''] = /^services\.(s-[0-9a-f]+)\.?(.*)$/.exec(path) ?? [];
      return { service: names.get(key) ?? '', path: rest, message };
    }));
  }
}
