/** The documents are about this program and this tree: commands, options, links and dependencies in them exist. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import type { Command } from '../../cli/command.ts';
import { commands } from '../../cli/commands/index.ts';
import { parse } from '../../cli/parse/parse.ts';
import { commandReference, referenceFile } from '../docs/command-reference.ts';
import { objectReference, objectsFile } from '../docs/object-reference.ts';
import { projectFile, projectReference } from '../docs/project-keys.ts';
import { fencedBlocks } from '../support/fenced-blocks.ts';

const root = join(import.meta.dirname, '..', '..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const documents = ['README.md', ...globSync('docs/*.md', { cwd: root }), ...globSync('{examples,tests}/*/README.md', { cwd: root })].sort();

/** Words of a shell line as far as documents need it: quotes, and an end at an unquoted `#`, `|`, `>`, `;` or `&`. */
function words(line: string): string[] {
  const found: string[] = [];
  for (const [token] of line.matchAll(/(?:'[^']*'|"[^"]*"|[^\s'"#|>;&]|(?<=\S)#)+|[#|>;&]/g)) {
    if (/^[#|>;&]$/.test(token)) break;
    found.push(token.replaceAll(/'([^']*)'|"([^"]*)"/g, '$1$2'));
  }
  return found;
}

/** `bridge ...` of fenced blocks and of code in running text, without the program's name. */
function usesOf(document: string): { where: string; argv: string[] }[] {
  const fenced = fencedBlocks(read(document)).flatMap(({ line, text }) => text.split('\n').map((content, index) => ({ where: `${document}:${line + index + 1}`, content })));
  const inline = [...read(document).replaceAll(/^```.*?^```/gms, '').matchAll(/`([^`\n]+)`/g)].map(([, content = '']) => ({ where: document, content }));
  return [...fenced, ...inline].flatMap(({ where, content }) => {
    const [program, ...argv] = words(content.trim().replace(/^\$ /, ''));
    return program === 'bridge' && argv.length > 0 && content.trim().replace(/^\$ /, '').startsWith('bridge ') ? [{ where, argv }] : [];
  });
}

/** No command to type, but the form of one. */
const isForm = ([name = '', ...rest]: readonly string[]): boolean => name === 'COMMAND' || name.startsWith('-') || name === '...' || rest.some((word) => word.startsWith('['));

let byName: Map<string, Command>;
beforeAll(async () => {
  byName = new Map((await Promise.all(commands.map((entry) => entry.load()))).map((command) => [command.name, command]));
});

const uses = documents.flatMap(usesOf).filter(({ argv }) => !isForm(argv));

test('there is something to check', () => {
  expect(documents).toEqual(expect.arrayContaining(['README.md', 'docs/architecture.md', 'docs/commands.md', 'docs/dependencies.md', 'docs/security.md']));
  expect(uses.filter(({ where }) => where.startsWith('README.md')).length).toBeGreaterThan(15);
});

test.each(uses.map(({ where, argv }) => [`${where}: bridge ${argv.join(' ')}`, argv] as const))('%s', (_, argv) => {
  const [name = '', ...rest] = argv;
  const command = byName.get(name);
  expect([...byName.keys()]).toContain(name);
  // In running text a command may stand alone, or with an option but without its arguments.
  const given = (command?.arguments ?? []).some(({ required }) => required === true) && rest.every((word) => word.startsWith('-')) ? [...rest, 'deploy/name'] : rest;
  expect(() => parse(command!, given, {})).not.toThrow();
});

test('options that running text names exist', () => {
  const known = new Set([...byName.values()].flatMap(({ options = [] }) => options.flatMap(({ name, short }) => [`--${name}`, ...(short === undefined ? [] : [`-${short}`])])));
  for (const name of ['--context', '--kubeconfig', '-n', '--namespace', '-o', '--output', '--json', '--progress', '-y', '--yes', '--verbose', '-h', '--help', '--version']) known.add(name);
  const named = ['README.md', 'docs/architecture.md', 'docs/security.md'].flatMap((document) => [...read(document).replaceAll(/^```.*?^```/gms, '').matchAll(/`(--?[a-z][a-z-]*)(?:[ =][^`]*)?`/g)].map(([, option]) => option!));
  // `-it` is two; `-x` is HAProxy's.
  expect(named.filter((option) => !known.has(option) && !['-it', '-x'].includes(option))).toEqual([]);
});

test('the commands in docs are as the program has them (npm run docs)', async () => {
  expect(read(referenceFile)).toBe(await commandReference());
});

test('the keys in docs/project-file.md are as the program has them (npm run docs)', async () => {
  expect(read(projectFile)).toBe(await projectReference());
});

test('the fields in docs/objects.md are as the schemas have them (npm run docs)', () => {
  expect(read(objectsFile)).toBe(objectReference());
});

/** As GitHub makes them of headings. */
function anchors(document: string): string[] {
  return [...read(document).replaceAll(/^```.*?^```/gms, '').matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => heading.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-'));
}

describe.each(documents)('links of %s', (document) => {
  const links = [...read(document).replaceAll(/^```.*?^```/gms, '').matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link!).filter((link) => !/^[a-z]+:/.test(link));

  test('lead to files and headings that exist', () => {
    const dead = links.filter((link) => {
      const [path = '', anchor] = link.split('#');
      const file = path === '' ? document : join(dirname(document), path);
      return !existsSync(join(root, file)) || (anchor !== undefined && !anchors(file).includes(anchor));
    });
    expect(dead).toEqual([]);
  });
});

test('npm scripts that are named exist', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  const named = documents.flatMap((document) => [...read(document).matchAll(/npm run (?:--silent |-s )?([a-z][a-z:]*)/g)].map(([, script]) => script!));
  expect([...new Set(named)].filter((script) => scripts[script] === undefined)).toEqual([]);
  expect(named).toEqual(expect.arrayContaining(['demo', 'docs', 'cluster', 'bench']));
});

test('dependencies.md has a line for each dependency, and none for another', () => {
  const { dependencies = {}, devDependencies = {} } = JSON.parse(read('package.json')) as Partial<Record<'dependencies' | 'devDependencies', Record<string, string>>>;
  const packages = read('docs/dependencies.md').split('\n## Programs in the images')[0]!;
  const listed = [...packages.matchAll(/^\| `([^`]+)` \|/gm)].map(([, name]) => name!);
  expect(listed.sort()).toEqual([...Object.keys(dependencies), ...Object.keys(devDependencies)].sort());
});

test("dependencies.md has a line for each program that the images' Dockerfiles install, and none for another", () => {
  const installed = ['cargo-image', 'stowaway-image'].flatMap((folder) => {
    const final = read(`${folder}/Dockerfile`).split(/^FROM /m).at(-1)!;
    return [...final.matchAll(/apt-get (?:-o \S+ )*install -y --no-install-recommends ([a-z0-9+ -]+)/g)].flatMap(([, names = '']) => names.trim().split(' '));
  });
  const [, programs = ''] = read('docs/dependencies.md').split('\n## Programs in the images');
  const listed = [...programs.matchAll(/^\| `([^`]+)` \|/gm)].map(([, name]) => name!);
  expect(listed.sort()).toEqual([...new Set(installed)].sort());
});
