/** `-v` as docker takes it: `SOURCE:TARGET[:OPTIONS]`; a source that is a path may be relative to the working directory. */
import { resolve } from 'node:path';
import { BridgeError } from '../errors.ts';

function fail(flag: string, why: string): BridgeError {
  return new BridgeError({ kind: 'usage', code: 'volume-malformed', what: `-v '${flag}' is no volume`, why, next: '-v SOURCE:TARGET[:ro]' });
}

/** @returns the bind with an absolute source, as the daemon wants it */
export function parseBind(flag: string, cwd: string, homeDir: string): string {
  // A drive letter's colon belongs to the path.
  const match = /^((?:[A-Za-z]:[\\/])?[^:]+):([^:]+)(?::([^:]*))?$/.exec(flag);
  if (match === null) throw fail(flag, flag.includes(':') ? 'it has too many or empty parts' : 'the place in the container is missing');
  const [, source = '', target = '', options] = match;
  if (!target.startsWith('/')) throw fail(flag, `'${target}' is no absolute path in the container`);
  const isPath = /^[.~/\\]|^[A-Za-z]:[\\/]/.test(source);
  const full = !isPath ? source : source.startsWith('~') ? resolve(homeDir, `.${source.slice(1)}`) : resolve(cwd, source);
  if (!isPath && !/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(source)) throw fail(flag, `'${source}' is neither a path nor the name of a volume`);
  return [full, target, ...(options === undefined ? [] : [options])].join(':');
}

/** The path on this machine of what {@link parseBind} has made; undefined for a volume. */
export function sourcePath(bind: string): string | undefined {
  return /^((?:[A-Za-z]:)?[\\/][^:]*):/.exec(bind)?.[1];
}
