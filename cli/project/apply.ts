/** Precedence: flag, PODBRIDGE_ variable, bridge.yaml, default. */
import type { Command, CommandContext, Options } from '../command.ts';
import { allOptions } from '../parse/global-options.ts';
import { keysOf } from './keys.ts';
import type { Project, ProjectService } from './project.ts';

/** What the file says for every command, where neither a flag nor a variable says otherwise. */
export function applySettings({ settings }: Pick<Project, 'settings'>, command: Command, options: Options, given: ReadonlySet<string>): void {
  for (const { name } of keysOf(allOptions(command.options), 'project')) {
    if (!given.has(name) && settings[name] !== undefined) options[name] = settings[name];
  }
}

/** The options of `bridge run` for a service: the command line replaces the file's, or adds to it. */
export function serviceOptions(service: ProjectService, command: Command, { options, given }: Pick<CommandContext, 'options' | 'given'>): Options {
  const merged: Options = { ...options };
  const adding = new Set(keysOf(allOptions(command.options), 'service').filter(({ adds }) => adds).map(({ name }) => name));
  for (const [name, value] of Object.entries(service.options)) {
    if (value === undefined) continue;
    if (!given.has(name)) merged[name] = value;
    else if (adding.has(name)) merged[name] = [value, options[name]].flat().filter((item) => typeof item === 'string');
  }
  // Another image than the one that is built, or the other way round.
  if (given.has('image') && !given.has('build')) delete merged.build;
  if (given.has('build') && !given.has('image')) delete merged.image;
  return merged;
}
