/** What a process does at this moment, as /proc tells it. */
import { readdirSync, readFileSync } from 'node:fs';
import type { ProcessSample } from './hang.ts';

/** Returns undefined when it has ended, or one of its threads while we looked. */
export function sampleProcess(pid: number, proc = '/proc'): ProcessSample | undefined {
  try {
    // Times and faults are those of all threads together, the state is the thread's own.
    const [, , , , , , , , , majorFaults, , user, system] = statFields(`${proc}/${pid}/stat`);
    const states = readdirSync(`${proc}/${pid}/task`).map((thread) => statFields(`${proc}/${pid}/task/${thread}/stat`)[0]!);
    return { states, progress: `${majorFaults} ${user} ${system}` };
  } catch {
    return undefined;
  }
}

/** From field 3 on (proc_pid_stat(5)); the command name before it may contain spaces and parentheses. */
function statFields(path: string): string[] {
  const stat = readFileSync(path, 'latin1');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}
