/** Will any volume be mounted live, as far as the pod's template tells? Such containers need rights that others do not. */
import type { VolumeModes } from './modes.ts';

/** As the agent sees it (stowaway-image/src/agent/files/volumes.ts); it has the last word. */
const synced: ReadonlySet<string> = new Set(['configMap', 'secret', 'projected', 'downwardAPI']);

/** @param volumes kinds by name */
export function wantsLive(volumes: Readonly<Record<string, string>>, modes: VolumeModes): boolean {
  return Object.entries(volumes).some(([name, kind]) => {
    const mode = modes.get(name) ?? (synced.has(kind) ? 'sync' : 'live');
    return mode === 'live' || (mode === 'ro' && !synced.has(kind));
  });
}
