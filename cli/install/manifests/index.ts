import { assemble } from './assemble.ts';
import type { Manifest, ManifestSettings } from './manifest.ts';
import { workloads } from './workloads.ts';

export type { Manifest, ManifestSettings } from './manifest.ts';

/** Everything that `bridge install` applies, in order. */
export function manifests(settings: ManifestSettings): Manifest[] {
  return assemble(settings, workloads(settings));
}
