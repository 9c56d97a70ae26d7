/** The program `haproxy` itself. */
import { child, type Child } from './child.ts';
import { CommandError, run } from './run.ts';

export interface StartOptions {
  config: string;
  /** Runtime socket of the process to take the listeners over from. */
  inheritFrom?: string;
  onLine: (line: string) => void;
}

/** In the foreground and without its master process, which costs 17 MB and does what the agent does. */
export function startHaproxy({ config, inheritFrom, onLine }: StartOptions): Child {
  return child([
    'haproxy', '-db', '-f', config,
    ...(inheritFrom === undefined ? [] : ['-x', inheritFrom]),
  ], {}, onLine);
}

/** What is wrong with a configuration; undefined when HAProxy accepts it. */
export async function configErrors(config: string): Promise<string | undefined> {
  try {
    await run(['haproxy', '-c', '-f', config]);
    return undefined;
  } catch (error) {
    if (error instanceof CommandError && error.exitCode === 1) return error.output;
    throw error;
  }
}
