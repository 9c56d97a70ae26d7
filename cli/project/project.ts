/** A bridge.yaml that was read and found right: its values as the options of commands have them. */
import type { Rule } from '../../protocol/rule.ts';
import type { Options } from '../command.ts';
import type { BridgeError } from '../errors.ts';

export interface Project {
  /** Absolute path. */
  file: string;
  /** What holds for every command: context, namespace, transport. */
  settings: Options;
  /** In the order of the file. */
  services: Map<string, ProjectService>;
  /** `bridge.yaml:3:10`: where a key of the top has its value. */
  placeOf: (key: string) => string;
  /** `project-invalid`: files and folders that these services name and that are not here. Others may be on other machines only. */
  absent: (services: readonly string[]) => BridgeError | undefined;
}

export interface ProjectService {
  name: string;
  /** Options of `bridge run`, by name in camelCase; paths are absolute. */
  options: Options;
  rules: Rule[];
  /** What would stand after `--`; empty: the image's. */
  command: string[];
}
