/** Somebody at a bash prompt on a real terminal, who types commands as they stand in a page and reads what is shown. */
import { readFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openTerminal } from './terminal.ts';
import { until } from './wait.ts';

/** Installing builds images on a new machine. */
const commandLimitMs = 5 * 60_000;
/** So wide that no command is wrapped, so high that what a page can show stands on the screen. */
const size = { columns: 400, rows: 120 };
const prompt = '⟫';

export interface Typed {
  exitCode: number;
  /** What stood on the terminal below the command. */
  shown: string;
}

export interface Typist {
  /** Types a command and waits for the prompt. */
  type(command: string): Promise<Typed>;
  /** Types a command that does not end by itself, and waits until what it shows satisfies. */
  begin(command: string, satisfies: (shown: string) => boolean): Promise<string>;
  /** Presses keys and waits for the prompt. @returns what was shown since then */
  end(...keys: string[]): Promise<Typed>;
  close(): Promise<void>;
}

/** @param env beside PATH, HOME and the like; what the shell exports stays for the next command */
export async function openTypist(cwd: string, env: Record<string, string>): Promise<Typist> {
  const folder = await mkdtemp(join(tmpdir(), 'podbridge-typist-'));
  const [start, codes] = [join(folder, 'bashrc'), join(folder, 'codes')];
  await writeFile(codes, '');
  await writeFile(start, `PS1='${prompt} '\nPROMPT_COMMAND='echo $? >> ${codes}'\nunset HISTFILE\ncd '${cwd}'\n`);
  const terminal = await openTerminal(['bash', '--noprofile', '--rcfile', start, '-i'], { ...size, env });
  const ended = async (): Promise<number[]> => (await readFile(codes, 'utf8')).split('\n').slice(0, -1).map(Number);
  let prompts = 0;

  /** Below the command, without the prompt at the end. */
  const shown = async (): Promise<string> => (await terminal.screen()).slice(1).join('\n').replace(new RegExp(`${prompt}$`), '').trimEnd();
  const nextPrompt = async (what: string): Promise<number> => {
    prompts++;
    const exitCodes = await until(what, async () => {
      const all = await ended();
      return all.length >= prompts ? all : undefined;
    }, commandLimitMs).catch(async (error: unknown) => {
      throw new Error(`${String(error)}\n${await shown()}`);
    });
    // Bash tells the code before it draws the prompt.
    await terminal.until('the prompt', (text) => text.endsWith(prompt));
    return exitCodes[prompts - 1]!;
  };
  const enter = async (command: string): Promise<void> => {
    await terminal.keys('C-l');
    await terminal.until('an empty screen', (text) => text === prompt);
    await terminal.keys('-l', '--', command);
    await terminal.keys('Enter');
  };
  await nextPrompt('a shell');
  return {
    async type(command) {
      await enter(command);
      return { exitCode: await nextPrompt(command), shown: await shown() };
    },
    async begin(command, satisfies) {
      await enter(command);
      await until(command, async () => {
        if ((await ended()).length > prompts) throw new Error(`${command} has ended:\n${await shown()}`);
        return satisfies(await shown()) ? true : undefined;
      }, commandLimitMs);
      return shown();
    },
    async end(...keys) {
      const before = await shown();
      await terminal.keys(...keys);
      const exitCode = await nextPrompt(keys.join(' '));
      const after = await shown();
      return { exitCode, shown: after.startsWith(before) ? after.slice(before.length).trimStart() : after };
    },
    async close() {
      await terminal.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
