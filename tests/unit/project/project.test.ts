/** bridge.yaml: what it says, who wins, what is told about mistakes, and the schema for editors. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import type { Command, CommandContext } from '../../../cli/command.ts';
import { command as runCommand } from '../../../cli/commands/run.ts';
import { BridgeError, isBridgeError, type ErrorFacts } from '../../../cli/errors.ts';
import { commands } from '../../../cli/commands/index.ts';
import { main } from '../../../cli/main.ts';
import { allOptions } from '../../../cli/parse/global-options.ts';
import { serviceOptions } from '../../../cli/project/apply.ts';
import { chooseServices } from '../../../cli/project/choose-services.ts';
import { inFileWords } from '../../../cli/project/file-words.ts';
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

test('files and folders that are not there: of the services that are meant, and not the mounts of a Docker elsewhere', () => {
  const text = 'services:\n  api:\n    build: {context: ./nosuch}\n    mounts: [./nosuchdir:/x, data:/data, /:/root, ~/nosuch:/y]\n    envFiles: nosuch.env\n  web: {image: a, envFiles: [web.env]}\n';
  const told = (services: string[], env: Record<string, string> = {}) => parse(text, env).absent(services)?.facts.problems?.map(({ line, column, path, message }) => `${line}:${column} ${path}: ${message}`);
  expect(told(['api'])).toEqual(['3:22 services.api.build.context: /project/nosuch is not there', '4:14 services.api.mounts[0]: /project/nosuchdir is not there', '4:51 services.api.mounts[3]: /home/ann/nosuch is not there', '5:15 services.api.envFiles: /project/nosuch.env is not there']);
  expect(told(['web'])).toEqual(['6:30 services.web.envFiles[0]: /project/web.env is not there']);
  expect(told(['api'], { DOCKER_HOST: 'ssh://there' })).toHaveLength(2);
  expect(told([])).toBeUndefined();
});

test('what only the cluster can tell of a value is told with the key of the file, unless a flag has said it', () => {
  const project = parse('services:\n  api: {image: a, target: deploy/api, container: nosuch, volumes: {data: live}}\n');
  const error = (next: string) => new BridgeError({ kind: 'usage', code: 'x', what: '--volume-mode names volume data', why: 'no', next });
  const words = (next: string, given: string[] = [], said = [project.services.get('api')!.options]) => (inFileWords(error(next), { said, given: new Set(given), options, file: 'bridge.yaml' }) as BridgeError).facts;
  expect(words('--container api')).toMatchObject({ what: 'volumes: names volume data', next: 'container: api  (in bridge.yaml)' });
  expect(words('--container api', ['container', 'volumeMode'])).toMatchObject({ what: '--volume-mode names volume data', next: '--container api' });
  expect(words('--port 80', ['volumeMode'])).toMatchObject({ next: '--port 80' });
  expect(words('--container api', [], [{}])).toMatchObject({ next: '--container api' });
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
    ['without a file', undefined, ['api'], { code: 'project-missing', next: 'bridge run --image api --target deploy/NAME, or: bridge init' }],
    ['without a file and without names', undefined, [], { code: 'project-missing', what: 'no image was named, and there is no bridge.yaml' }],
  ])('%s', (_, project, names, facts) => expect(factsOf(() => chooseServices(project, names))).toMatchObject(facts));

  const [image, target] = [{ image: true, target: false }, { image: false, target: true }];
  test.each<[words: string[], Parameters<typeof chooseServices>[2], next: string, why: RegExp]>([
    [['npm', 'test'], image, 'bridge run --image IMAGE -- npm test', /the command for the container stands after --/], [['sh'], { image: true, target: true }, 'bridge run --image IMAGE -- sh', /after --/],
    [['deploy/shop'], image, 'bridge run --image IMAGE --target deploy/shop', /named with --target/], [['deploy/shop'], undefined, 'bridge run --target deploy/shop', /named with --target/],
    [['shop:dev'], undefined, 'bridge run --image shop:dev', /named with --image/], [['nginx/nginx'], undefined, 'bridge run --image nginx/nginx', /named with --image/], [['shop'], target, 'bridge run --image shop --target KIND/NAME', /named with --image/],
    [['ubuntu', 'bash', 'x'], undefined, 'bridge run --image ubuntu -- bash x', /named with --image/],
  ])('what was forgotten before %j: %s', (words, beside, next, why) => {
    expect(factsOf(() => chooseServices(undefined, words, beside))).toMatchObject({ code: 'project-missing', next, why: expect.stringMatching(why) });
    expect(factsOf(() => chooseServices(two, words, beside))).toMatchObject({ code: 'service-unknown', next, why: expect.stringMatching(why) });
  });
  test('a command behind a service; what was mistyped stays a service', () => {
    expect(factsOf(() => chooseServices(two, ['api', 'npm', 'test']))).toMatchObject({ code: 'service-unknown', next: 'bridge run api -- npm test' });
    expect(factsOf(() => chooseServices(two, ['wbe'], image))).toMatchObject({ next: 'bridge run web' });
    expect(factsOf(() => chooseServices(two, ['shop']))).toMatchObject({ next: 'bridge init deploy/shop' });
  });
});

describe('the file and the command line', () => {
  const folder = mkdtempSync(join(tmpdir(), 'podbridge-project-'));
  mkdirSync(join(folder, 'deep', 'er'), { recursive: true });
  writeFileSync(join(folder, 'bridge.yaml'), 'context: from-file\nnamespace: from-file\nservices: {api: {image: a}}\n');
  afterAll(() => rmSync(folder, { recursive: true }));

  const seen: CommandContext[] = [];
  const command: Command = { name: 'look', summary: 'Look', async run(given) { seen.push(given); return {}; } };
  const look = async (argv: string[], env: Record<string, string> = {}, cwd = join(folder, 'deep', 'er'), traits: Partial<Command> = {}) => {
    seen.length = 0;
    const host = fakeHost({ env, cwd });
    const code = await main(['look', ...argv], host, [{ name: 'look', summary: 'Look', load: async () => ({ ...command, ...traits }) }]);
    return { code, options: seen[0]?.options, project: seen[0]?.project, err: host.err() };
  };

  test('it is found upward; flags win over variables, variables over the file', async () => {
    const { options: found, project } = await look(['-n', 'from-flag'], { PODBRIDGE_CONTEXT: 'from-variable' });
    expect(found).toMatchObject({ context: 'from-variable', namespace: 'from-flag' });
    expect(project?.file).toBe(join(folder, 'bridge.yaml'));
    expect((await look([])).options).toMatchObject({ context: 'from-file', namespace: 'from-file' });
  });

  test('a context or kubeconfig of the file that is not there: the error names the line', async () => {
    const refuse = (code: string) => ({ async run(): Promise<never> { throw new BridgeError({ kind: 'usage', code, what: 'not there', why: 'there are others' }); } });
    expect((await look([], {}, undefined, refuse('context-missing'))).err).toMatch(/why: {2}\S*bridge\.yaml:1:10 says context: from-file; there are others\n {2}next: edit \S*bridge\.yaml:1:10, or say it yourself this time: --context NAME/);
    expect((await look(['--context', 'mine'], {}, undefined, refuse('context-missing'))).err).not.toContain('says context');
    expect((await look([], {}, undefined, refuse('kubeconfig-missing'))).err).not.toContain('says');
  });

  test('--project names another, or none', async () => {
    writeFileSync(join(folder, 'other.yaml'), 'context: other\nservices: {}\n');
    expect((await look(['--project', '../../other.yaml'])).options).toMatchObject({ context: 'other' });
    expect((await look(['--project', 'none']))).toMatchObject({ code: 0, project: undefined });
    expect(await look(['--project', 'missing.yaml'])).toMatchObject({ code: 2, err: expect.stringContaining('there is no project file') });
  });

  test('mistakes are told with the file, line and column', async () => {
    writeFileSync(join(folder, 'deep', 'bridge.yml'), 'services:\n  api: {imag: a}\n');
    const { code, err } = await look([], {}, join(folder, 'deep'), { takesProject: 'services' });
    expect({ code, err }).toEqual({ code: 2, err: expect.stringMatching(/bridge\.yml has 2 mistakes\n {2}why: {2}2:3 services\.api: image or build is missing\n {8}2:9 services\.api\.imag: there is no such key; did you mean image\?/) });
  });

  describe('a file with mistakes', () => {
    const there = join(folder, 'deep');
    const write = (text: string) => writeFileSync(join(there, 'bridge.yml'), text);
    const asked = (traits: Partial<Command>, argv: string[] = [], env: Record<string, string> = {}) => look(argv, env, there, traits);
    test.each(['services:\n  api: {imag: a}\n', 'services: {api: {image: "${NOT_SET}"}}\n', 'services: []\n', 'x-mine: ${NOT_SET}\nservices: {}\n'])('in services: a command of another kind is told in one line, and has the place: %j', async (services) => {
      write(`context: lab\nnamespace: shop\n${services}`);
      const { code, err, options: seen, project } = await asked({});
      expect({ code, err, project }).toEqual({ code: 0, err: expect.stringMatching(/^warning: bridge\.yml has [^\n]* \(\d+:\d+ [^\n]*\): of this file only what stands at its top is used, as context and namespace\n$/), project: undefined });
      expect(seen).toMatchObject({ context: 'lab', namespace: 'shop' });
      expect(await asked({ takesProject: 'services' })).toMatchObject({ code: 2, err: expect.stringContaining('--project none') });
      expect(await asked({ takesProject: 'nothing' })).toMatchObject({ code: 0, err: '', options: { context: undefined } });
    });
    test.each(['context: lab\nservices:\n  api: [a\n', 'contxt: lab\nservices: {}\n', 'context: ${NOT_SET}\nservices: {}\n', 'context: lab\ncontext: other\nservices: {}\n', 'namespace: [a]\nservices: {}\n'])('where the place is in doubt nothing is begun or ended unless it is named; looking goes on, and says where: %j', async (text) => {
      write(text);
      for (const argv of [[], ['--context', 'lab']]) expect(await asked({}, argv)).toMatchObject({ code: 2, options: undefined, err: expect.stringMatching(/so it is not known which context and namespace bridge look is for\n[^]*next: edit it, or name what it would say: bridge look \.\.\. --context NAME -n NAMESPACE\n$/) });
      expect(await asked({}, ['--context', 'lab', '-n', 'shop'])).toMatchObject({ code: 0, options: { context: 'lab', namespace: 'shop' }, err: expect.stringMatching(/^warning: [^\n]*: nothing of this file is used\n$/) });
      expect(await asked({}, [], { PODBRIDGE_CONTEXT: 'lab', PODBRIDGE_NAMESPACE: 'shop' })).toMatchObject({ code: 0, options: { context: 'lab', namespace: 'shop' } });
      expect(await asked({ mustKnow: ['context'] })).toMatchObject({ code: 2, err: expect.stringMatching(/--context NAME\n$/) });
      expect(await asked({ mustKnow: [] })).toMatchObject({ code: 0, options: { context: undefined }, err: expect.stringMatching(/^warning: [^\n]*: nothing of this file is used, so this is about the current context of the kubeconfig\n$/) });
    });
    test('one that is empty says no place, beyond doubt', async () => {
      write('# to be written\n');
      expect(await asked({})).toMatchObject({ code: 0, err: expect.stringContaining('the file is empty') });
    });
    test('which commands need what', async () => {
      const all = await Promise.all(commands.map((entry) => entry.load()));
      const named = (is: (command: Command) => boolean) => all.filter(is).map(({ name }) => name).sort();
      expect(named(({ takesProject }) => takesProject === 'services')).toEqual(['run']);
      expect(named(({ takesProject }) => takesProject === 'nothing')).toEqual(['init', 'schema', 'version']);
      // None of these ends or makes anything that somebody still wants.
      expect(named(({ mustKnow }) => mustKnow?.length === 0)).toEqual(['doctor', 'list', 'recover', 'status']);
      expect(named(({ mustKnow }) => mustKnow?.length === 1)).toEqual(['down']);
    });
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
