/** `--volume-mode NAME=MODE`: how a volume of the pod comes to the container, against the default of its kind. */
import { BridgeError } from '../errors.ts';

export const volumeModes = ['sync', 'live', 'ro', 'ignore', 'local'] as const;
export type VolumeMode = (typeof volumeModes)[number];

export type VolumeModes = ReadonlyMap<string, VolumeMode>;

/** Throws usage errors; whether there are such volumes is known only when the pod is. */
export function parseVolumeModes(flags: readonly string[]): VolumeModes {
  const modes = new Map<string, VolumeMode>();
  for (const flag of flags) {
    const [, name = '', mode = ''] = /^([^=]*)=(.*)$/.exec(flag) ?? [];
    const known = volumeModes.find((each) => each === mode);
    if (name === '' || known === undefined) {
      throw new BridgeError({
        kind: 'usage', code: 'volume-mode-malformed', what: `--volume-mode '${flag}' says not how a volume comes to the container`, why: name === '' ? 'it has not the form NAME=MODE' : `'${mode}' is none of the modes: ${volumeModes.join(', ')}`,
        next: '--volume-mode NAME=ro',
      });
    }
    modes.set(name, known);
  }
  return modes;
}
