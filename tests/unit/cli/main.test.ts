import { describe, expect, test } from '@jest/globals';
import type { Command, CommandContext } from '../../../cli/command.ts';
import { commands } from '../../../cli/commands/index.ts';
import { BridgeError, type ErrorKind } from '../../../cli/errors.ts';
import { main } from '../../../cli/main.ts';
import { parse } from '../../../cli/parse/parse.ts';
import { suggest } from '../../../cli/parse/suggest.ts';
import { fakeHost } from './fake-host.ts';

function entry(command: Partial<Command> & Pick<Command, 'name' | 'run'>) {
  const whole: Command = { summary: `Summary of ${command.name}`, ...command };
  return { name: whole.name, summary: whole.summary, load: async () => whole };
}

function capture(extra: Partial<Command> = {}) {
  const seen: CommandContext[] = [];
  const commandEntry = entry({
    name: 'run', takesRest: true,
    options: [
      { name: 'image', description: 'image', value: { placeholder: 'IMAGE' } },
      { name: 'env', short: 'e', description: 'variable', value: { placeholder: 'NAME=VALUE' }, repeatable: true },
      { name: 'interactive', short: 'i', description: 'stdin' }, { name: 'tty', short: 't', description: 'terminal' }, { name: 'detach', short: 'd', description: 'background' },
      { name: 'pull', description: 'policy', value: { placeholder: 'POLICY', choices: ['always', 'missing', 'never'] }, default: 'missing', env: 'PODBRIDGE_PULL' },
      { name: 'path-prefix', description: 'path', value: { placeholder: 'PATH' } },
    ],
    run: async (context) => {
      seen.push(context);
      return { text: 'hello', data: { hello: true } };
    },
    ...extra,
  });
  return { seen, entries: [commandEntry, entry({ name: 'stop', run: async () => ({}) }), entry({ name: 'status', run: async () => ({}) })] };
}

describe('words of the command line', () => {
  test('options in every place, combined, repeated, with values that look like options, and the rest after --', async () => {
    const { seen, entries } = capture();
    const host = fakeHost();
    const code = await main(['--context', 'kind', 'run', '-it', '--image=a:b', '-e', 'A=1', '-eB=x=y', '-n', 'shop', '--path-prefix', '/x', '--', 'sh', '-c', 'echo -- "$A"'], host, entries);
    expect(code).toBe(0);
    expect(seen[0]).toMatchObject({
      output: 'text', args: [], rest: ['sh', '-c', 'echo -- "$A"'],
      options: { context: 'kind', interactive: true, tty: true, detach: undefined, image: 'a:b', env: ['A=1', 'B=x=y'], namespace: 'shop', pathPrefix: '/x', pull: 'missing' },
    });
    expect(host.out()).toBe('hello\n');
  });

  test('flag before environment before default', () => {
    const command: Command = { name: 'x', summary: '', options: [{ name: 'pull', description: '', value: { placeholder: 'P', choices: ['always', 'never'] }, default: 'never', env: 'PODBRIDGE_PULL' }, { name: 'on', description: '', env: 'PODBRIDGE_ON' }], run: async () => ({}) };
    expect(parse(command, [], {}).options).toMatchObject({ pull: 'never' });
    expect(parse(command, [], { PODBRIDGE_PULL: 'always', PODBRIDGE_ON: '1' }).options).toMatchObject({ pull: 'always', on: true });
    expect(parse(command, [], { PODBRIDGE_ON: 'false' }).options).toMatchObject({ on: false });
    expect(parse(command, ['--pull', 'never'], { PODBRIDGE_PULL: 'always' }).options).toMatchObject({ pull: 'never' });
    expect(() => parse(command, [], { PODBRIDGE_PULL: 'sometimes' })).toThrow(/PODBRIDGE_PULL is 'sometimes'/);
  });

  test.each([
    [['run', '--imgae', 'x'], 2, "unknown option '--imgae'", 'did you mean --image?'],
    [['run', '--pull', 'often'], 2, 'often', undefined],
    [['run', '--image'], 2, 'argument missing', undefined],
    [['run', 'surplus'], 2, 'too many arguments', undefined],
    [['rnu'], 2, "there is no command 'rnu'", "did you mean 'run'?"],
    [['stop', '--', 'x'], 2, 'takes no command after --', undefined],
    [['--nonsense'], 2, 'no command was given', undefined],
  ])('%j is refused in words', async (argv, code, what, why) => {
    const host = fakeHost();
    expect(await main(argv, host, capture().entries)).toBe(code);
    expect(host.err()).toContain(what);
    if (why !== undefined) expect(host.err()).toContain(`why:  ${why}`);
    expect(host.err()).toMatch(/next: bridge/);
    expect(host.out()).toBe('');
  });

  test('an option that takes one value takes no second one; the same again does no harm, nor do lists and flags', async () => {
    const command = await commands.find(({ name }) => name === 'run')!.load();
    const read = (...words: string[]) => parse(command, words, {}).options;
    const facts = (...words: string[]) => { try { read(...words); } catch (error) { return (error as BridgeError).facts; } return undefined; };
    expect(facts('--target', 'deploy/a', '--target=deploy/b')).toMatchObject({ code: 'option-repeated', kind: 'usage', what: '--target is there twice, with deploy/a and with deploy/b', next: 'leave one of them out, or bridge run each of them' });
    expect(facts('-n', 'a', '--namespace', 'b')).toMatchObject({ what: '--namespace is there twice, with a and with b', next: 'leave one of them out' });
    expect(read('-n', 'a', '-n', 'a', '-d', '-d', '-p', '1', '-p', '2', '--mark', 'x', '--mark', 'y')).toMatchObject({ namespace: 'a', detach: true, publish: ['1', '2'], mark: ['x', 'y'] });
    expect(parse(command, ['--pull', 'never'], { PODBRIDGE_NAMESPACE: 'a' }).options).toMatchObject({ pull: 'never', namespace: 'a' });
  });

  test('an option behind a word that is no option: perhaps it is of the command that is run', async () => {
    const command = await commands.find(({ name }) => name === 'run')!.load();
    const next = (...words: string[]) => { try { parse(command, words, {}); } catch (error) { return (error as BridgeError).facts.next; } return undefined; };
    expect(next('--image', 'x', 'node', '--inspect=0')).toMatch(/put -- before that command$/);
    expect(next('--inspect', 'node')).toBe('bridge run --help');
  });

  test('usage errors come as one object too', async () => {
    for (const argv of [['run', '--imgae', '-o', 'json'], ['rnu', '--json'], ['-ojson', 'rnu'], ['rnu', '--output=json']]) {
      const host = fakeHost();
      expect(await main(argv, host, capture().entries)).toBe(2);
      expect(JSON.parse(host.out())).toMatchObject({ error: { kind: 'usage', code: argv.includes('rnu') ? 'command-unknown' : 'usage', what: expect.any(String), next: expect.any(String) } });
      expect(host.err()).toBe('');
    }
  });

  test('did you mean', () => {
    expect(suggest('lsit', ['list', 'logs', 'run'])).toBe('list');
    expect(suggest('comp', ['completion', 'run'])).toBe('completion');
    expect(suggest('xyzzy', ['list', 'logs', 'run'])).toBeUndefined();
    expect([suggest('--img', ['--image', '--name']), suggest('--nmspace', ['--namespace', '--name']), suggest('--it', ['--image'])]).toEqual(['--image', '--namespace', undefined]);
  });
});

describe('answers', () => {
  test.each([['json', '{\n  "hello": true\n}\n'], ['yaml', 'hello: true\n']])('-o %s prints the data and nothing else', async (format, printed) => {
    const host = fakeHost();
    expect(await main(['run', '-o', format], host, capture().entries)).toBe(0);
    expect(host.out()).toBe(printed);
  });

  test('--version, --help, help COMMAND, COMMAND --help, nothing at all', async () => {
    const { entries } = capture();
    const run = async (...argv: string[]) => {
      const host = fakeHost();
      return { code: await main(argv, host, entries), out: host.out(), err: host.err() };
    };
    expect(await run('--version')).toMatchObject({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
    expect(JSON.parse((await run('--version', '--json')).out)).toHaveProperty('version');
    const help = await run('--help');
    expect(help.code).toBe(0);
    for (const name of ['run', 'stop', 'status']) expect(help.out).toContain(`Summary of ${name}`);
    const runHelp = await run('run', 'surplus', '--help');
    expect(runHelp).toEqual(await run('help', 'run'));
    expect(runHelp.out).toContain('-e, --env NAME=VALUE');
    expect(runHelp.out).toContain('(always|missing|never; default missing; $PODBRIDGE_PULL)');
    expect(runHelp.out).toContain('[-- COMMAND...]');
    expect(await run()).toMatchObject({ code: 2, out: '', err: help.out });
  });
});

describe('errors', () => {
  test.each<[ErrorKind, number]>([['usage', 2], ['environment', 3], ['refused', 4], ['timeout', 5], ['defect', 1]])('%s ends with %i', async (kind, code) => {
    const failing = entry({ name: 'run', run: async () => Promise.reject(new BridgeError({ kind, code: 'some-code', what: 'it broke', why: 'for a reason', next: 'bridge doctor', detail: 'the detail' })) });
    const host = fakeHost();
    expect(await main(['run'], host, [failing])).toBe(code);
    expect(host.err()).toContain('error: it broke\n  why:  for a reason\n  next: bridge doctor\n');
    expect(host.err().includes('the detail')).toBe(kind === 'defect');
    const verbose = fakeHost();
    await main(['run', '--verbose'], verbose, [failing]);
    expect(verbose.err()).toContain('the detail');
    const yaml = fakeHost();
    expect(await main(['run', '-o', 'yaml'], yaml, [failing])).toBe(code);
    expect(yaml.out()).toContain('error:\n  code: some-code\n');
  });

  test('the exit code that an error names itself', async () => {
    const failing = entry({ name: 'run', run: async () => Promise.reject(new BridgeError({ kind: 'usage', code: 'x', what: 'x', exitCode: 125 })) });
    expect(await main(['run'], fakeHost(), [failing])).toBe(125);
  });

  test('what nobody foresaw is a defect of ours, with a stack', async () => {
    const host = fakeHost();
    expect(await main(['run'], host, [entry({ name: 'run', run: async () => Promise.reject(new TypeError('x is not a function')) })])).toBe(1);
    expect(host.err()).toContain('this is a defect of podbridge');
    expect(host.err()).toContain('main.test.ts');
  });
});

test('every command is described once: name and summary of the registry are those of its file, options are well formed', async () => {
  expect(commands.length).toBeGreaterThan(0);
  for (const listed of commands) {
    const command = await listed.load();
    expect({ name: command.name, summary: command.summary }).toEqual({ name: listed.name, summary: listed.summary });
    const names = (command.options ?? []).map((option) => option.name);
    expect(new Set(names).size).toBe(names.length);
    expect(names.every((name) => /^[a-z][a-z0-9-]*$/.test(name))).toBe(true);
    expect(parse(command, (command.arguments ?? []).filter((argument) => argument.required).map(() => 'x'), {}).options).toHaveProperty('output');
  }
});
