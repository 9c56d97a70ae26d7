/** All commands, by name and summary; a command's file is loaded only when it is called, so that `bridge --help` loads none. */
import type { Command } from '../command.ts';

export interface CommandEntry {
  name: string;
  /** The same as in the command's own description (a test compares them). */
  summary: string;
  load(): Promise<Command>;
}

export const commands: readonly CommandEntry[] = [
  { name: 'version', summary: 'Show the versions of this program, Docker and the cluster', load: async () => (await import('./version.ts')).command },
];
