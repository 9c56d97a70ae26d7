import type { Rule } from '../../../protocol/rule.ts';

/** Deterministic noise (mulberry32), so that a failure can be repeated. */
export function noise(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const nasty = ["'", '"', '\\', '#', '$HOME', '${HOME}', '}', '{', ' ', '-f', '/etc/passwd', '-m', '--', ',', '(', ')', 'é', '😀', '%[src]', '`id`', '|', 'a', 'B', '0', '!', ';', '~', 'use_backend x', 'acl'];

export function nastyText(random: () => number): string {
  return Array.from({ length: 1 + Math.floor(random() * 8) }, () => nasty[Math.floor(random() * nasty.length)]).join('');
}

/** Half of the names and methods are usable ones. */
export function nastyRule(random: () => number): Rule {
  return {
    headers: [{ name: random() < 0.5 ? nastyText(random) : 'x-user', match: (['exact', 'prefix', 'regex'] as const)[Math.floor(random() * 3)] ?? 'exact', value: nastyText(random) }],
    path: { match: 'prefix', value: nastyText(random) }, methods: [random() < 0.5 ? nastyText(random) : 'GET'],
  };
}
