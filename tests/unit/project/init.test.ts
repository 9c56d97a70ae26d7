/** What bridge init writes: a bridge.yaml that is right as it stands, and right with its comments taken away. */
import { describe, expect, test } from '@jest/globals';
import { command as runCommand } from '../../../cli/commands/run.ts';
import { serviceEntry, serviceNameOf, type EntryQuestion } from '../../../cli/init/service-entry.ts';
import { extendProject, newProject } from '../../../cli/init/write-project.ts';
import { allOptions } from '../../../cli/parse/global-options.ts';
import { parseProject } from '../../../cli/project/read-project.ts';
import { initProject } from '../../../cli/init/init-project.ts';
import type { Cluster } from '../../../cli/adapters/cluster/index.ts';
import { askChoice, readChoice } from '../../../cli/ui/ask-choice.ts';
import { fakeHost } from '../cli/fake-host.ts';

const parse = (text: string) => parseProject(text, { file: '/w/bridge.yaml', shown: 'bridge.yaml', host: { env: { USER: 'ann' }, homeDir: '/' }, options: allOptions(runCommand.options) });
const target = (over: Partial<EntryQuestion['target']> = {}): EntryQuestion['target'] => ({
  ref: { kind: 'Deployment', name: 'api.v2' }, namespace: 'shop', volumes: {}, mountsToken: false, podVolumes: [], ports: [{ port: 8080, protocol: 'TCP', local: 8080 }],
  container: { name: 'api', image: 'registry:5000/api@sha256:0', ports: [{ name: 'http', containerPort: 8080 }], env: [{ name: 'LEVEL' }] }, ...over,
});
const place = { context: 'lab', namespace: 'shop', program: 'bridge' as const };
const entry = (question: EntryQuestion) => ({ name: serviceNameOf(question.target), lines: serviceEntry(question) });

test('a new file', () => {
  const project = parse(newProject([entry({ target: target(), severalContainers: true })], place));
  expect(project.settings).toEqual({ namespace: 'shop' });
  expect([...project.services.values()]).toEqual([{ name: 'api-v2', options: { target: 'deploy/api.v2', container: 'api', image: 'registry:5000/api@sha256:0' }, rules: [], command: [] }]);
});

test('its comments say what whoever made it types', () => expect(newProject([], { ...place, program: 'podbridge' })).toMatch(/^# podbridge run NAME[^]*: podbridge schema > /));

test('with every suggestion taken it is still right', () => {
  const text = newProject([entry({ target: target(), severalContainers: false, build: '.' })], place).replaceAll(/^( *)# (ports|rules|env|mounts|command|context): /gm, '$1$2: ');
  const service = parse(text).services.get('api-v2')!;
  expect(service).toMatchObject({ options: { port: ['http', '8080:3000'], env: ['LOG_LEVEL=debug'], build: '/w' }, rules: [{ mark: 'ann' }], command: ['npm', 'run', 'dev'] });
});

test('without ports nothing is bridged', () => {
  const bare = target({ ports: [], container: { name: 'api' } });
  expect(parse(newProject([entry({ target: bare, severalContainers: false })], place)).services.get('api-v2')!.options).toMatchObject({ port: ['none'] });
});

describe('a file that is there', () => {
  const old = 'services:\n  # mine\n  web: {image: a}\n\nnamespace: shop\n';
  test('gets a service more and keeps the rest', () => {
    const text = extendProject(old, [entry({ target: target(), severalContainers: false })], 'bridge.yaml');
    expect(text).toMatch(/^services:\n {2}# mine\n {2}web: \{image: a\}\n {2}api-v2:\n/);
    expect([...parse(text).services.keys()]).toEqual(['web', 'api-v2']);
    expect(parse(text).settings).toEqual({ namespace: 'shop' });
  });

  test.each([['services: {}\n', 'project-unreadable'], ['services:\n  api-v2: {image: a}\n', 'service-exists']])('%j', (text, code) => {
    let thrown: unknown;
    try {
      extendProject(text, [entry({ target: target(), severalContainers: false })], 'bridge.yaml');
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ facts: { code } });
  });
});

test.each([['1', ['a']], ['2, 1', ['b', 'a']], ['b', ['b']], ['3', undefined], ['x', undefined], ['', undefined]])('answer %j', (answer, chosen) => expect(readChoice(answer, ['a', 'b'])).toEqual(chosen));

test('a folder to build that is not there is not written', async () => {
  await expect(initProject({ cluster: {} as Cluster, host: { cwd: '/', program: 'bridge' }, namespace: 'shop', targets: [], build: './nosuch', print: true })).rejects.toMatchObject({ facts: { code: 'build-context', what: 'there is no folder /nosuch' } });
});

describe('the question', () => {
  const asked = () => {
    const host = fakeHost({ tty: true });
    const stdin = host.stdin as unknown as NodeJS.WritableStream;
    return { host, stdin, answer: askChoice(host, { emit: () => undefined }, 'Which?', ['deploy/api', 'deploy/web']) };
  };
  const until = async (is: () => boolean): Promise<void> => { while (!is()) await new Promise((resolve) => { setImmediate(resolve); }); };
  test('a number that is not in the list is told so, and asked again', async () => {
    const { host, stdin, answer } = asked();
    stdin.write('7\n');
    await until(() => /that is none of them: numbers from 1 to 2, or names[^]*Which\?/.test(host.err()));
    stdin.write('2\n');
    expect(await answer).toEqual(['deploy/web']);
  });
  test('Ctrl-C ends it as shells report it', async () => {
    const { host, stdin, answer } = asked();
    await until(() => host.err().includes('Which?'));
    stdin.write('\u0003');
    await expect(answer).rejects.toMatchObject({ isInterrupted: true, exitCode: 130 });
  });
});
