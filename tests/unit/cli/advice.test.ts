/** Commands to type are written as the program was called, wherever they come out. */
import { describe, expect, test } from '@jest/globals';
import { asTyped } from '../../../cli/advice.ts';
import type { Command } from '../../../cli/command.ts';
import { command as completion } from '../../../cli/commands/completion.ts';
import { commands, type CommandEntry } from '../../../cli/commands/index.ts';
import { typedFinding } from '../../../cli/doctor/finding.ts';
import { BridgeError } from '../../../cli/errors.ts';
import type { Program } from '../../../cli/host.ts';
import { main } from '../../../cli/main.ts';
import { programOf } from '../../../cli/process-host.ts';
import { fakeHost } from './fake-host.ts';

const called = (program: Program) => ({ ...fakeHost(), program });
const entry = (run: Command['run']): CommandEntry => ({ name: 'run', summary: 'x', load: async () => ({ name: 'run', summary: 'x', run, examples: [{ command: 'bridge run api', explains: 'x' }] }) });

test.each([
  ['/usr/bin/bridge', 'bridge'], ['/a/node_modules/.bin/podbridge', 'podbridge'], ['/a/kubectl-bridge', 'kubectl bridge'], ['/home/ann/.docker/cli-plugins/docker-bridge', 'docker bridge'], ['C:\\x\\bin.js', 'bridge'], ['', 'bridge'],
])('%s is called as %s', (file, program) => expect(programOf(file)).toBe(program));

test.each([
  ['bridge list', 'podbridge list'], ['run `bridge doctor`, or bridge uninstall && bridge install', 'run `podbridge doctor`, or podbridge uninstall && podbridge install'],
  ['kubectl bridge list; docker bridge list', 'kubectl bridge list; docker bridge list'], ['bridge --help (bridge COMMAND --help)', 'podbridge --help (podbridge COMMAND --help)'],
  ['the bridge api-ann of bridge runner', 'the bridge api-ann of bridge runner'], ['edit bridge.yaml', 'edit bridge.yaml'], ['podbridge list', 'podbridge list'], ['complete -F _bridge_complete bridge podbridge', 'complete -F _bridge_complete bridge podbridge'],
])('%s', (text, wanted) => expect([asTyped('podbridge', text), asTyped('bridge', text)]).toEqual([wanted, text]));

test.each(commands.map(({ name }) => name))('every command: %s', (name) => expect(asTyped('docker bridge', `'bridge ${name}'`)).toBe(`'docker bridge ${name}'`));

describe('every way out', () => {
  const host = called('kubectl bridge');
  const told = async (argv: string[], list: readonly CommandEntry[] = commands): Promise<string> => {
    const own = { ...fakeHost(), program: host.program };
    await main(argv, own, list);
    return own.out() + own.err();
  };
  test.each([
    ['an error', ['list', '-n'], /next: kubectl bridge list --help/], ['did-you-mean', ['lsit'], /next: kubectl bridge list --help/], ['an error as JSON', ['lsit', '-o', 'json'], /"next": "kubectl bridge list --help"/], ['usage', ['list', '--verbose', '--x'], /usage: kubectl bridge list/],
    ['help', ['--help'], /Usage: kubectl bridge COMMAND/], ['help of a command', ['tap', '--help'], /Usage: kubectl bridge tap[^]* {2}kubectl bridge tap deploy/], ['a topic', ['help', 'troubleshooting'], /^ {2}kubectl bridge doctor/m],
    ['a completion script', ['completion', 'zsh'], /source <\(kubectl bridge completion zsh\)/],
  ])('%s', async (_, argv, wanted) => {
    const text = await told(argv);
    expect(text).toMatch(wanted);
    expect(text).not.toMatch(/(?<!kubectl )(?<![\w-])bridge (list|tap|doctor|completion|run) /);
  });
  test.each([[[]], [['--progress', 'json']]])('warnings and notes (%j)', async (argv) => {
    const text = await told(['run', ...argv], [entry(async ({ reporter }) => {
      reporter.emit({ type: 'note', text: 'stop: bridge stop api', at: 0 });
      reporter.emit({ type: 'warning', code: 'x', text: 'see bridge status', next: 'bridge down && bridge up', at: 0 });
      return {};
    })]);
    for (const wanted of ['stop: kubectl bridge stop api', 'see kubectl bridge status', 'kubectl bridge down && kubectl bridge up']) expect(text).toContain(wanted);
  });
  test('answers are what they are: of their own words a command says so itself', async () => expect(await told(['run'], [entry(async () => ({ text: 'START=bridge run' }))])).toBe('START=bridge run\n'));
  test('what a foreign program has said stays', async () => {
    const text = await told(['run', '--verbose'], [entry(async () => Promise.reject(new BridgeError({ kind: 'environment', code: 'x', what: 'x', detail: 'bridge list' })))]);
    expect(text).toContain('| bridge list');
  });
  test('findings of doctor', () => expect(typedFinding('podbridge', { code: 'x', severity: 'error', what: 'no link', why: 'bridge run and bridge up make one', fix: 'bridge down && bridge up' })).toEqual({ code: 'x', severity: 'error', what: 'no link', why: 'podbridge run and podbridge up make one', fix: 'podbridge down && podbridge up' }));
  test('the script completes both names, whoever asks', async () => {
    const { text } = await completion.run({ host, args: ['bash'] } as unknown as Parameters<Command['run']>[0]);
    expect(text).toMatch(/^complete -F _bridge_complete bridge podbridge$/m);
  });
});
