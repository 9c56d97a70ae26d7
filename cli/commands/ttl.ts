/** `--ttl`: checked here, because the cluster's own words about it would be those of a schema. */
import type { CommandContext } from '../command.ts';
import { BridgeError } from '../errors.ts';
import { text } from './choices.ts';

const pattern = /^([0-9]+(\.[0-9]+)?(ms|s|m|h|d))+$/;
const msOf: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const leastMs = 1000;

/** As the schemas of the cluster want it, which know no days: `1d12h` -> `24h12h`. */
function goDuration(given: string): string {
  return given.replaceAll(/([0-9.]+)d/g, (_, days: string) => `${Number(days) * 24}h`);
}

/** @param option its name, for the words of the error */
export function durationMs(option: string, given: string): number {
  const ms = [...given.matchAll(/([0-9.]+)(ms|s|m|h|d)/g)].reduce((sum, [, amount, unit]) => sum + Number(amount) * (msOf[unit ?? ''] ?? 0), 0);
  if (pattern.test(given) && ms >= leastMs) return ms;
  throw new BridgeError({ kind: 'usage', code: 'usage', what: `--${option} ${given} is not a duration of a second or more`, why: 'it is written like 30m, 12h, 1h30m or 2d', next: `--${option} 1h30m` });
}

export function ttlOf(context: Pick<CommandContext, 'options'>): { ttl?: string } {
  const ttl = text(context, 'ttl');
  if (ttl === undefined) return {};
  durationMs('ttl', ttl);
  return { ttl: goDuration(ttl) };
}

/** `--lifetime`, of a bridge. */
export function lifetimeOf(context: Pick<CommandContext, 'options'>): { lifetime?: string } {
  const lifetime = text(context, 'lifetime');
  if (lifetime === undefined) return {};
  durationMs('lifetime', lifetime);
  return { lifetime: goDuration(lifetime) };
}
