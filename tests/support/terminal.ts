/** A real terminal that a program runs on, driven by tmux: what stands on its screen, which keys are pressed, how large it is. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { ensureProgram } from './system-program.ts';

const pollIntervalMs = 100;
const limitMs = 60_000;

export interface Terminal {
  /** The lines of the screen, without trailing blanks. */
  screen(): Promise<string[]>;
  /** The same with its colours (SGR sequences). */
  colored(): Promise<string>;
  /** Waits until the screen's text satisfies; the screen then. */
  until(what: string, test: (text: string) => boolean): Promise<string>;
  /** Names as tmux has them (`Enter`, `Escape`, `Up`, `C-c`), or characters. */
  keys(...keys: string[]): Promise<void>;
  resize(columns: number, rows: number): Promise<void>;
  /** Of the program; it must still run. */
  pid(): Promise<number>;
  /** Is the alternate screen in use, is the cursor shown? */
  modes(): Promise<{ alternate: boolean; cursor: boolean }>;
  /** Are the line discipline's settings (stty) after the program's end what they were before it? */
  settingsKept(): Promise<boolean>;
  /** What the program has put into the clipboard. */
  clipboard(): Promise<string>;
  /** Waits for the program's end. */
  exitCode(): Promise<number>;
  close(): Promise<void>;
}

export interface TerminalOptions {
  columns?: number;
  rows?: number;
  env?: Record<string, string>;
}

const quote = (word: string): string => `'${word.replaceAll("'", String.raw`'\''`)}'`;

/** The shell that started the program stays, as a user's does; its prompt is `$ `. */
export async function openTerminal(command: string[], { columns = 120, rows = 40, env = {} }: TerminalOptions = {}): Promise<Terminal> {
  await ensureProgram('tmux');
  const folder = await mkdtemp(join(tmpdir(), 'podbridge-terminal-'));
  const codeFile = join(folder, 'exit-code');
  const script = join(folder, 'start.sh');
  const pidFile = join(folder, 'pid');
  const settingsFile = join(folder, 'settings');
  // The program is the shell's own foreground child; exec in a subshell tells its number.
  await writeFile(script, `PS1='$ '\nbefore=$(stty -g)\n(echo $BASHPID > ${quote(pidFile)}; exec ${command.map(quote).join(' ')})\ncode=$?\n[ "$(stty -g)" = "$before" ]; echo $? > ${quote(settingsFile)}\necho $code > ${quote(codeFile)}\n`);
  const tmux = async (...args: string[]) => (await execa('tmux', ['-S', join(folder, 'socket'), '-f', '/dev/null', ...args], { env: { TERM: 'xterm-256color', TMUX: '' } })).stdout;
  const inherited = Object.entries({ ...Object.fromEntries(['PATH', 'HOME', 'TMPDIR', 'DOCKER_HOST'].flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]))), LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8', ...env });
  // UTF-8 whatever the locale of the test: tmux itself must draw every sign.
  await tmux('-u', 'new-session', '-d', '-x', String(columns), '-y', String(rows), ...['env', '-i', ...inherited.map(([name, value]) => `${name}=${value}`), 'TERM=tmux-256color', 'bash', '--noprofile', '--rcfile', script, '-i'].map(quote).join(' ').split('\0'));
  await tmux('set-option', '-s', 'set-clipboard', 'on');

  const screen = async (): Promise<string[]> => {
    const lines = (await tmux('capture-pane', '-p')).split('\n').map((line) => line.trimEnd());
    return lines.slice(0, lines.findLastIndex((line) => line !== '') + 1);
  };
  const until = async (what: string, test: (text: string) => boolean): Promise<string> => {
    const deadline = Date.now() + limitMs;
    for (;;) {
      const text = (await screen()).join('\n');
      if (test(text)) return text;
      if (Date.now() > deadline) throw new Error(`${what}: not within ${limitMs / 1000} s. The screen:\n${text}`);
      await sleep(pollIntervalMs);
    }
  };
  const fileOf = async (file: string): Promise<string> => {
    const deadline = Date.now() + limitMs;
    for (;;) {
      const text = await readFile(file, 'utf8').catch(() => '');
      if (text.endsWith('\n')) return text.trim();
      if (Date.now() > deadline) throw new Error(`${file} was not written. The screen:\n${(await screen()).join('\n')}`);
      await sleep(pollIntervalMs);
    }
  };
  return {
    screen, until,
    colored: () => tmux('capture-pane', '-p', '-e'),
    async keys(...keys) {
      await tmux('send-keys', ...keys);
    },
    async resize(wide, high) {
      await tmux('resize-window', '-x', String(wide), '-y', String(high));
    },
    pid: async () => Number(await fileOf(pidFile)),
    async modes() {
      const [alternate, cursor] = (await tmux('display-message', '-p', '#{alternate_on} #{cursor_flag}')).split(' ');
      return { alternate: alternate === '1', cursor: cursor === '1' };
    },
    settingsKept: async () => await fileOf(settingsFile) === '0',
    clipboard: () => tmux('show-buffer').catch(() => ''),
    exitCode: async () => Number(await fileOf(codeFile)),
    async close() {
      await tmux('kill-server').catch(() => undefined);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
