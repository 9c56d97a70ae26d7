/** Which of the pod's variables the container gets: by names, in which `*` stands for anything. */
import { BridgeError } from '../errors.ts';

export interface EnvFilter {
  /** Empty: all. */
  only: string[];
  except: string[];
}

function patternOf(name: string): RegExp {
  return new RegExp(`^${name.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&')).join('.*')}$`);
}

/** @throws BridgeError for what can be no name */
export function checkEnvPattern(name: string): void {
  if (name !== '' && !/[\s=]/.test(name)) return;
  throw new BridgeError({ kind: 'usage', code: 'env-malformed', what: `'${name}' is no name of variables`, why: 'it has a blank or = in it, or is empty', next: '--env-only \'DB_*\', --env-except \'OTEL_*\'' });
}

export function passes({ only, except }: EnvFilter): (name: string) => boolean {
  const [wanted, unwanted] = [only.map(patternOf), except.map(patternOf)];
  return (name) => (wanted.length === 0 || wanted.some((pattern) => pattern.test(name))) && !unwanted.some((pattern) => pattern.test(name));
}
