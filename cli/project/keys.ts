/** Keys of bridge.yaml, made from the options of `bridge run`: a new option is a key of services without further words. */
import type { FileKey, OptionSpec } from '../command.ts';
import { camelCase } from '../parse/camel-case.ts';

/** `x-` keys are the user's own, at the top and in services: a place for YAML anchors. */
export const extensionKey = /^x-/;

export interface Key {
  /** As the file says it: `envFiles`. */
  key: string;
  /** As the options of a command have it: `envFile`. */
  name: string;
  option: OptionSpec;
  form: FileKey['form'];
  adds: boolean;
}

export function keysOf(options: readonly OptionSpec[], place: 'project' | 'service' | 'rule'): Key[] {
  return options.flatMap((option) => {
    if (option.file === false) return [];
    const { key, of: places = 'service', form, adds = false } = option.file ?? {};
    const name = camelCase(option.name);
    return places.split(' and ').includes(place) ? [{ key: key ?? name, name, option, form, adds }] : [];
  });
}
