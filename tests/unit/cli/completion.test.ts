import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { completionLines } from '../../../cli/complete/answer.ts';
import { cached, freshMs } from '../../../cli/complete/cache.ts';
import { namesOfLinks } from '../../../cli/complete/live.ts';
import { question } from '../../../cli/complete/question.ts';
import { scripts, shells } from '../../../cli/complete/scripts.ts';
import { commands } from '../../../cli/commands/index.ts';
import { topics } from '../../../cli/help/topics.ts';
import { labels } from '../../../protocol/names.ts';
import type { Bridge } from '../../../protocol/objects.ts';
import { fakeHost } from './fake-host.ts';

/** The first context loads client-node, which takes seconds on a busy machine. */
jest.setTimeout(60_000);
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'podbridge-completion-'));
  await mkdir(join(folder, 'sub'));
  await writeFile(join(folder, 'some.env'), '');
  await writeFile(join(folder, 'config'), 'apiVersion: v1\nkind: Config\ncurrent-context: lab\ncontexts: [{name: lab, context: {cluster: c, user: u}}, {name: live, context: {cluster: c, user: u}}]\nclusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]\nusers: [{name: u, user: {}}]\n');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const host = () => fakeHost({ cwd: folder, env: { PODBRIDGE_KUBECONFIG: join(folder, 'config'), XDG_CACHE_HOME: join(folder, 'cache') } });
const complete = async (words: string[], shell = 'zsh') => (await completionLines(host(), shell, words, commands, topics.map(({ name, summary }) => ({ value: name, description: summary })))).map((line) => line.split('\t')[0]);

describe('Tab', () => {
  test('commands, with what they do', async () => {
    expect(await complete(['st'])).toEqual(['stop', 'status']);
    expect(await completionLines(host(), 'zsh', ['res'], commands, [])).toEqual(['restart\tRestart the containers of bridges']);
    expect(await complete([''])).toEqual([...commands.map(({ name }) => name), 'help']);
  });
  test('options, those that were not given yet', async () => {
    expect(await complete(['stop', '--al'])).toEqual(['--all']);
    expect(await complete(['stop', '--all', '--al'])).toEqual([]);
    expect(await complete(['run', '--port', '80', '--po'])).toEqual(['--port']);
    expect(await complete(['--cont'])).toEqual(['--context']);
  });
  test('values that are known', async () => {
    expect(await complete(['list', '-o', ''])).toEqual(['text', 'wide', 'json', 'yaml']);
    expect(await complete(['run', '--pull', 'm'])).toEqual(['missing']);
    expect(await complete(['run', '--pull=m'])).toEqual(['--pull=missing']);
    expect(await complete(['run', '--pull', '=', 'm'], 'bash')).toEqual(['missing']);
    expect(await complete(['completion', 'z'])).toEqual(['zsh']);
    expect(await complete(['help', 'exit'])).toEqual(['exit-codes']);
  });
  test('contexts and files', async () => {
    expect(await complete(['run', '--context', 'l'])).toEqual(['lab', 'live']);
    expect(await complete(['run', '--env-file', 's'])).toEqual(['some.env', 'sub/']);
    expect(await complete(['run', '--env-file', 'sub/'])).toEqual([]);
  });
  test('services of bridge.yaml, right or not', async () => {
    expect(await complete(['run', ''])).toEqual([]);
    await writeFile(join(folder, 'shop.yaml'), 'services:\n  api: {imag: a}\n  worker:\n');
    expect(await complete(['run', '--project', 'shop.yaml', ''])).toEqual(['api', 'worker']);
    expect(await complete(['run', '--project', 'shop.yaml', 'api', 'w'])).toEqual(['worker']);
    expect(await complete(['run', '--project', 'none', ''])).toEqual([]);
  });
  test('a cluster that does not answer has nothing to offer, and says nothing', async () => {
    expect(await complete(['run', '--target', ''])).toEqual([]);
    expect(await complete(['nonsense', 'x'])).toEqual([]);
  });
  test('what the cluster is asked depends on the line', async () => {
    expect(await question(['run', '-n', 'shop', '--context=live', '--target', 'deploy/api', '--container', 'a'], commands)).toMatchObject({ live: 'container', word: 'a', given: { namespace: 'shop', context: 'live', target: 'deploy/api' } });
    expect(await question(['stop', 'a', ''], commands)).toMatchObject({ live: 'bridge' });
    expect(await question(['run', '--', 'ba'], commands)).toMatchObject({ live: 'file' });
  });
});

test('bridges and containers of this link are offered, those of others are not', () => {
  const app = (name: string, link: string, bridge?: string) => ({ name, labels: { [labels.link]: link, ...(bridge === undefined ? {} : { [labels.bridge]: bridge }) } });
  const made = (name: string, client: string) => ({ metadata: { name }, spec: { client } }) as Bridge;
  const apps = [app('api-ann', 'ann-1', 'api-ann'), app('tool-ann', 'ann-1'), app('api-ben', 'ben-1', 'api-ben'), app('old', 'ann-2')];
  expect(namesOfLinks(['ann-1'], apps, [made('api-ann', 'ann-1'), made('elsewhere-ann', 'ann-1'), made('web-ben', 'ben-1')])).toEqual(['api-ann', 'tool-ann', 'elsewhere-ann']);
  expect(namesOfLinks([], apps, [])).toEqual([]);
});

test('answers are kept for a moment', async () => {
  let asked = 0;
  let now = 1000;
  const ask = async () => [`answer ${++asked}`];
  const get = () => cached(join(folder, 'kept'), ['key'], ask, () => now);
  expect([await get(), await get()]).toEqual([['answer 1'], ['answer 1']]);
  now += freshMs + 1;
  expect(await get()).toEqual(['answer 2']);
  expect(await cached(join(folder, 'config'), ['not a folder'], ask, () => now)).toEqual(['answer 3']);
});

test('a script for each shell, and nothing that JavaScript should have filled in', () => {
  for (const shell of shells) {
    expect(scripts[shell]).toContain(`__complete ${shell}`);
    expect(scripts[shell]).not.toContain('undefined');
  }
});
