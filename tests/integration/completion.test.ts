/** The completion scripts in real shells, and that Tab is quick. */
import { mkdtemp, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { execa } from 'execa';
import { bridgeProgram } from '../support/bridge-command.ts';
import { ensureProgram } from '../support/system-program.ts';
import { openTerminal } from '../support/terminal.ts';

jest.setTimeout(300_000);
let folder: string;
let env: Record<string, string>;

beforeAll(async () => {
  for (const shell of ['bash', 'zsh', 'fish']) await ensureProgram(shell);
  folder = await mkdtemp(join(tmpdir(), 'podbridge-shells-'));
  await mkdir(join(folder, 'bin'));
  await symlink(bridgeProgram, join(folder, 'bin', 'bridge'));
  // `#!/usr/bin/env node` must find the Node that runs the tests.
  await symlink(process.execPath, join(folder, 'bin', 'node'));
  await writeFile(join(folder, 'config'), 'apiVersion: v1\nkind: Config\ncurrent-context: lab\ncontexts: [{name: lab, context: {cluster: c, user: u}}, {name: production, context: {cluster: c, user: u}}]\nclusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]\nusers: [{name: u, user: {}}]\n');
  env = { PATH: `${join(folder, 'bin')}:${process.env.PATH}`, HOME: folder, XDG_CACHE_HOME: join(folder, 'cache'), PODBRIDGE_KUBECONFIG: join(folder, 'config'), LANG: 'C.UTF-8' };
}, 300_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

const run = async (file: string, args: string[]) => (await execa(file, args, { env, extendEnv: false, cwd: folder, stdin: 'ignore' })).stdout;

describe('bash', () => {
  // What readline does at Tab: fill COMP_WORDS and COMP_CWORD, call the function, read COMPREPLY.
  const complete = async (...words: string[]) => (await run('bash', ['--noprofile', '--norc', '-c', `compopt() { :; }; source <(bridge completion bash); COMP_WORDS=("$@"); COMP_CWORD=$((\${#COMP_WORDS[@]}-1)); _bridge_complete bridge; printf '%s\\n' "\${COMPREPLY[@]}"`, 'bash', 'bridge', ...words])).split('\n');
  test('commands, options, values, contexts', async () => {
    expect(await complete('comple')).toEqual(['completion']);
    expect(await complete('run', '--hide')).toEqual(['--hide-served-by']);
    expect(await complete('list', '-o', 'j')).toEqual(['json']);
    expect(await complete('list', '--output', '=', 'j')).toEqual(['json']);
    expect(await complete('list', '--context', 'prod')).toEqual(['production']);
  });
});

test('zsh: a real Tab on a real terminal', async () => {
  await writeFile(join(folder, '.zshrc'), "PS1='ready> '\nautoload -U compinit && compinit -u\nsource <(bridge completion zsh)\n");
  const terminal = await openTerminal(['zsh', '-i'], { env: { ...env, ZDOTDIR: folder } });
  try {
    await terminal.until('the prompt', (text) => text.includes('ready>'));
    await terminal.keys('bridge comple', 'Tab');
    await terminal.until('the command', (text) => text.includes('bridge completion'));
    await terminal.keys('C-u', 'bridge list --context prod', 'Tab');
    await terminal.until('the context', (text) => text.includes('--context production'));
  } finally {
    await terminal.close();
  }
});

test('fish completes commands with their descriptions, and contexts', async () => {
  const complete = async (line: string) => run('fish', ['--no-config', '-c', `bridge completion fish | source; complete -C '${line}'`]);
  expect(await complete('bridge comple')).toBe('completion\tPrint the script that completes words in your shell');
  expect(await complete('bridge list --context prod')).toBe('production');
});

test('Tab takes about as long as bare Node', async () => {
  const time = async (args: string[]) => {
    const start = performance.now();
    await execa(process.execPath, args, { env, extendEnv: false, cwd: folder, stdin: 'ignore' });
    return performance.now() - start;
  };
  const [bare, tab]: [number[], number[]] = [[], []];
  for (let round = 0; round < 10; round++) {
    bare.push(await time(['-e', '0']));
    tab.push(await time([bridgeProgram, '__complete', 'bash', 'run', '--pu']));
  }
  process.stderr.write(`Tab ${Math.min(...tab).toFixed(0)} ms, node -e 0 ${Math.min(...bare).toFixed(0)} ms\n`);
  expect(Math.min(...tab) / Math.min(...bare)).toBeLessThan(4);
});
