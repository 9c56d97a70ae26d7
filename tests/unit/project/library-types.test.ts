/** The types of the library say what a service of bridge.yaml may say: one table, checked against the other. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { command as runCommand } from '../../../cli/commands/run.ts';
import { aroundKeys, createBridge } from '../../../cli/library.ts';
import { allOptions } from '../../../cli/parse/global-options.ts';
import { keysOf } from '../../../cli/project/keys.ts';
import { projectSchema } from '../../../cli/project/schema.ts';
import type { BridgeFailure, BridgeOptions } from '../../../library/index.d.ts';

const options = allOptions(runCommand.options);
const schema = projectSchema(options);
const declarations = readFileSync(join(import.meta.dirname, '../../../library/index.d.ts'), 'utf8');

/** Name and type of each field. */
function fieldsOf(name: string): Map<string, string> {
  const [, body = ''] = new RegExp(`^export interface ${name} \\{\n([^]*?)^\\}`, 'm').exec(declarations) ?? [];
  return new Map([...body.matchAll(/^ {2}(\w+)\?: (.*);$/gm)].map(([, field = '', type = '']) => [field, type]));
}

test('each key of a service, and what only a program can say', () => {
  expect([...fieldsOf('BridgeOptions').keys()].sort()).toEqual([...schema.knownKeys(['services', 'api']), ...aroundKeys].sort());
  expect([...fieldsOf('BridgeRule').keys()].sort()).toEqual([...schema.knownKeys(['services', 'api', 'rules'])].sort());
});

test('choices are those of the options, and flags are booleans', () => {
  const fields = fieldsOf('BridgeOptions');
  for (const { key, option } of keysOf(options, 'service')) {
    const choices = option.value?.choices;
    if (choices !== undefined) expect([key, fields.get(key)]).toEqual([key, choices.map((choice) => `'${choice}'`).join(' | ')]);
    expect([key, fields.get(key) === 'boolean']).toEqual([key, option.value === undefined]);
  }
});

describe('mistakes are told in the words of keys, all at once', () => {
  const failing = (wrong: object): Promise<BridgeFailure> => createBridge(wrong as BridgeOptions).then(() => { throw new Error('it was made'); }, (error: unknown) => error as BridgeFailure);
  test.each<[object, RegExp]>([
    [{ image: 'a', target: 'deploy/api', delay: 'abc', envFiles: 'nosuch.env', lifetime: '5x' }, /^the options of createBridge have 3 mistakes: (?=[^]*delay: 'abc' is no time)(?=[^]*envFiles: \S+nosuch\.env is not there)(?=[^]*lifetime: 5x is not a duration)[^-]*$/],
    [{ image: 'a', nonsense: 1 }, /there is no such key; there are .*\bimage\b.*\bname, context, kubeconfig, transport, wait, signal, onEvent, onOutput$/],
    [{ image: 'a', contxt: 'lab' }, /contxt: there is no such key; did you mean context\?/],
  ])('%j', async (wrong, message) => expect(await failing(wrong)).toMatchObject({ code: 'options-invalid', message: expect.stringMatching(message) }));
  test('what goes together or not, too', async () => {
    const { message, next } = await failing({ image: 'a', target: 'deploy/api', delay: 200 });
    expect([message, next]).toEqual([expect.stringContaining('delay:'), expect.stringContaining('rules.mark:')]);
    expect(`${message} ${next}`).not.toContain('--');
  });
});
