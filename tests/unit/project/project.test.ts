/** bridge.yaml: what it says, who wins, what is told about mistakes, and the schema for editors. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import type { Command, CommandContext } from '../../../cli/command.ts';
import { command as runCommand } from '../../../cli/commands/run.ts';
import { isBridgeError, type ErrorFacts } from '../../../cli/errors.ts';
import { main } from '../../../cli/main.ts';
import { allOptions } from '../../../cli/parse/global-options.ts';
import { serviceOptions } from '../../../cli/project/apply.ts';
import { chooseServices } from '../../../cli/project/choose-services.ts';
import { findProjectFile } from '../../../cli/project/find-project-file.ts';
import type { Project } from '../../../cli/project/project.ts';
import { parseProject } from '../../../cli/project/read-project.ts';
import { jsonSchema } from '../../../cli/project/schema.ts';
import { splitWords } from '../../../cli/project/split-words.ts';
import { schemaFile, schemaText } from '../../docs/project-schema.ts';
import { fakeHost } from '../cli/fake-host.ts';
import { badFiles } from './bad-files.ts';

const options = allOptions(runCommand.options);
const parse = (text: string, env: Record<string, string> = {}): Project => parseProject(text, { file: '/project/bridge.yaml', shown: 'bridge.yaml', host: { env, homeDir: '/home/ann' }, options });

function factsOf(act: () => unknown): ErrorFacts {
  try {
    act();
  } catch (error) {
    if (isBridgeError(error)) return error.facts;
    throw error;
  }
  throw new Error('nothing was wrong');
}

test('every key becomes the option that it stands for', () => {
  const project = parse(`
context: lab
namespace: shop
transport: udp
x-common: &common {pull: never, x-note: for us only}
services:
  api:
    <<: *common
    target: deploy/api
    build: {context: api, dockerfile: Dockerfile.dev, target: dev, args: {LEVEL: 1.10, DEBUG: true, TOKEN_NAME: x}}
    env: {PORT: 8080, VERSION: 1.10, DEBUG: true, HOME:, EMPTY: ''}
    envFiles: .env
    mounts: ['./src:/src:ro', {source: data, target: /data}, '~/cache:/cache']
    ports: [8080:3000, http, 53/udp]
    publish: 9229
    command: npm run "dev server"
    user: 1000
    rules:
      - {mark: '\${USER}', method: [GET, POST]}
      - {headers: {x-user: ann, x-team^: b}, pathPrefix: /v2}
  tool: {image: curl, command: [curl, http://api], namespace: other}
`, { USER: 'ann' });
  expect(project).toMatchObject({ file: '/project/bridge.yaml', settings: { context: 'lab', namespace: 'shop', transport: 'udp' } });
  expect(project.services.get('api')).toEqual({
    name: 'api', command: ['npm', 'run', 'dev server'],
    options: {
      pull: 'never', target: 'deploy/api', build: '/project/api', dockerfile: 'Dockerfile.dev', buildTarget: 'dev', buildArg: ['LEVEL=1.10', 'DEBUG=true', 'TOKEN_NAME=x'],
      env: ['PORT=8080', 'VERSION=1.10', 'DEBUG=true', 'HOME', 'EMPTY='], envFile: ['/project/.env'], volume: ['/project/src:/src:ro', 'data:/data', '/home/ann/cache:/cache'],
      port: ['8080:3000', 'http', '53/udp'], publish: ['9229'], user: '1000',
    },
    rules: [
      { mark: 'ann', methods: ['GET', 'POST'] },
      { headers: [{ name: 'x-user', match: 'exact', value: 'ann' }, { name: 'x-team', match: 'prefix', value: 'b' }], path: { match: 'prefix', value: '/v2' } },
    ],
  });
  expect(project.services.get('tool')).toEqual({ name: 'tool', command: ['curl', 'http://api'], options: { image: 'curl', namespace: 'other' }, rules: [] });
});

test('variables: value, default, and a dollar that is meant', () => {
  const { services } = parse('services: {api: {image: "a:${TAG:-dev}", env: {A: "${B}", C: "$${D}", E: $F}}}', { B: 'b' });
  expect(services.get('api')!.options).toEqual({ image: 'a:dev', env: ['A=b', 'C=${D}', 'E=$F'] });
});

test('an option of bridge run is a key of services without further words', () => {
  const more = [...options, { name: 'volume-mode', description: 'x', value: { placeholder: 'PATH=MODE' }, repeatable: true }, { name: 'as-pod', description: 'y' }, { name: 'hidden', description: 'z', file: false as const }];
  const read = (text: string) => parseProject(text, { file: '/bridge.yaml', shown: 'bridge.yaml', host: { env: {}, homeDir: '/' }, options: more }).services.get('api')!.options;
  expect(read('services: {api: {image: a, volumeMode: {/data: local}, asPod: true}}')).toEqual({ image: 'a', volumeMode: ['/data=local'], asPod: true });
  expect(factsOf(() => read('services: {api: {image: a, hidden: true}}'))).toMatchObject({ code: 'project-invalid' });
});

describe('a wrong file', () => {
  test('there are at least thirty', () => expect(badFiles.length).toBeGreaterThanOrEqual(30));

  test.each(badFiles)('$name', ({ text, problems }) => {
    const facts = factsOf(() => parse(text));
    expect(facts).toMatchObject({ kind: 'usage', code: 'project-invalid', what: expect.stringMatching(/^bridge\.yaml has (a mistake|\d+ mistakes)$/) });
    expect(facts.why?.split('\n')).toEqual(problems);
    expect(facts.problems).toHaveLength(problems.length);
  });
});

const context = (given: CommandContext['options']): Pick<CommandContext, 'options' | 'given'> => ({ options: { pull: 'missing', ...given }, given: new Set(Object.keys(given)) });

test('flags win over the file; variables, mounts and published ports are added to it', () => {
  const service = parse('services: {api: {image: a, target: deploy/api, pull: never, ports: [80], env: [A=1], mounts: [v:/v], publish: [1]}}').services.get('api')!;
  expect(serviceOptions(service, runCommand, context({}))).toMatchObject({ image: 'a', pull: 'never', port: ['80'] });
  expect(serviceOptions(service, runCommand, context({ image: 'b', port: ['81'], env: ['A=2'], volume: ['w:/w'], publish: ['2'] }))).toEqual({
    image: 'b', target: 'deploy/api', pull: 'never', port: ['81'], env: ['A=1', 'A=2'], volume: ['v:/v', 'w:/w'], publish: ['1', '2'],
  });
});

test('another image than the one that the file builds', () => {
  const service = parse('services: {api: {build: .}}').services.get('api')!;
  expect(serviceOptions(service, runCommand, context({ image: 'b' }))).not.toHaveProperty('build');
});

describe('which services are meant', () => {
  const two = parse('services: {api: {image: a}, web: {image: b}}');
  const one = parse('services: {api: {image: a}}');

  test.each<[string, Project | undefined, string[], string[]]>([
    ['the only one', one, [], ['api']], ['by name, in the order of the names, each once', two, ['web', 'api', 'web'], ['web', 'api']],
  ])('%s', (_, project, names, chosen) => expect(chooseServices(project, names).map(({ name }) => name)).toEqual(chosen));

  test.each<[string, Project | undefined, string[], Partial<ErrorFacts>]>([
    ['none of several', two, [], { code: 'service-ambiguous', what: '/project/bridge.yaml has several services: api, web', next: 'bridge run api' }],
    ['an unknown one', two, ['wbe'], { code: 'service-unknown', why: 'there are: api, web', next: 'bridge run web' }],
    ['without a file', undefined, ['api'], { code: 'project-missing', next: 'bridge init' }],
    ['without a file and without names', undefined, [], { code: 'project-missing', what: 'no image was named, and there is no bridge.yaml' }],
  ])('%s', (_, project, names, facts) => expect(factsOf(() => chooseServices(project, names))).toMatchObject(facts));
});

describe('the file and the command line', () => {
  const folder = mkdtempSync(join(tmpdir(), 'podbridge-project-'));
  mkdirSync(join(folder, 'deep', 'er'), { recursive: true });
  writeFileSync(join(folder, 'bridge.yaml'), 'context: from-file\nnamespace: from-file\nservices: {api: {image: a}}\n');
  afterAll(() => rmSync(folder, { recursive: true }));

  const seen: CommandContext[] = [];
  const command: Command = { name: 'look', summary: 'Look', async run(given) { seen.push(given); return {}; } };
  const look = async (argv: string[], env: Record<string, string> = {}, cwd = join(folder, 'deep', 'er')) => {
    seen.length = 0;
    const host = fakeHost({ env, cwd });
    const code = await main(['look', ...argv], host, [{ name: 'look', summary: 'Look', load: async () => command }]);
    return { code, options: seen[0]?.options, project: seen[0]?.project, err: host.err() };
  };

  test('it is found upward; flags win over variables, variables over the file', async () => {
    const { options: found, project } = await look(['-n', 'from-flag'], { PODBRIDGE_CONTEXT: 'from-variable' });
    expect(found).toMatchObject({ context: 'from-variable', namespace: 'from-flag' });
    expect(project?.file).toBe(join(folder, 'bridge.yaml'));
    expect((await look([])).options).toMatchObject({ context: 'from-file', namespace: 'from-file' });
  });

  test('--project names another, or none', async () => {
    writeFileSync(join(folder, 'other.yaml'), 'context: other\nservices: {}\n');
    expect((await look(['--project', '../../other.yaml'])).options).toMatchObject({ context: 'other' });
    expect((await look(['--project', 'none']))).toMatchObject({ code: 0, project: undefined });
    expect(await look(['--project', 'missing.yaml'])).toMatchObject({ code: 2, err: expect.stringContaining('there is no project file') });
  });

  test('mistakes are told with the file, line and column', async () => {
    writeFileSync(join(folder, 'deep', 'bridge.yml'), 'services:\n  api: {imag: a}\n');
    const { code, err } = await look([], {}, join(folder, 'deep'));
    expect({ code, err }).toEqual({ code: 2, err: expect.stringMatching(/bridge\.yml has 2 mistakes\n {2}why: {2}2:3 services\.api: image or build is missing\n {8}2:9 services\.api\.imag: there is no such key; did you mean image\?/) });
  });

  test('there is none in the root of this tree, which tests would read', () => expect(findProjectFile(import.meta.dirname)).toBeUndefined());
});

test.each([['npm run dev', ['npm', 'run', 'dev']], ['sh -c "echo \\"a b\\"" \'x y\'z', ['sh', '-c', 'echo "a b"', 'x yz']], ['  ', []], ['a\\ b', ['a b']]])('words of %s', (line, words) => expect(splitWords(line)).toEqual(words));
test('an open quote', () => expect(() => splitWords('sh -c "x')).toThrow(expect.objectContaining({ facts: expect.objectContaining({ code: 'command-malformed', what: expect.stringContaining('is no command') }) })));

test('the JSON schema is as the program has it (npm run docs)', async () => {
  expect(readFileSync(join(import.meta.dirname, '../../..', schemaFile), 'utf8')).toBe(await schemaText());
  const schema = jsonSchema(options) as unknown as { properties: { services: { additionalProperties: { properties: Record<string, { description?: string }> } } } };
  for (const [key, value] of Object.entries(schema.properties.services.additionalProperties.properties)) expect({ key, described: value.description !== undefined }).toEqual({ key, described: true });
});
