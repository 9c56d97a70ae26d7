/** A bridge.yaml that was read and found right: its values as the options of commands have them. */
import type { Rule } from '../../protocol/rule.ts';
import type { Options } from '../command.ts';

export interface Project {
  /** Absolute path. */
  file: string;
  /** What holds for every command: context, namespace, transport. */
  settings: Options;
  /** In the order of the file. */
  services: Map<string, ProjectService>;
}

export interface ProjectService {
  name: string;
  /** Options of `bridge run`, by name in camelCase; paths are absolute. */
  options: Options;
  rules: Rule[];
  /** What would stand after `--`; empty: the image's. */
  command: string[];
}
