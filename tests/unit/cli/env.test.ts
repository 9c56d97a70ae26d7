import { execFileSync } from 'node:child_process';
import { parseEnv } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { dotenvText, envText, shText } from '../../../cli/bridge/env-forms.ts';
import { envFromFile, envFromFlags, mergeEnv, overHostEnv, type EnvEntry } from '../../../cli/bridge/merge-env.ts';

const pod: EnvEntry[] = [
  ['PATH', '/bin'], ['HOME', '/'], ['HOSTNAME', 'api-1'], ['PWD', '/x'], ['OLDPWD', '/y'], ['SHLVL', '1'], ['TERM', 'xterm'], ['_', '/bin/sh'], ['LD_LIBRARY_PATH', '/lib'], ['LD_PRELOAD', 'x'],
  ['NODE_VERSION', '20'], ['LANG', 'C'], ['MULTI', 'line one\nline "two"\n\ttab'], ['EMPTY', ''], ['EQUALS', 'a=b=c'], ['LOG_LEVEL', 'debug'], ['KUBERNETES_SERVICE_HOST', '10.96.0.1'], ['POD_IP', '10.244.0.7'],
];
const nothing = { names: new Set<string>(), hasEnvFrom: false };

describe('merging', () => {
  test('shell and loader variables stay with the image; values arrive as they are', () => {
    expect(mergeEnv({ pod, image: [], declared: nothing, own: [] })).toEqual([
      'NODE_VERSION=20', 'LANG=C', 'MULTI=line one\nline "two"\n\ttab', 'EMPTY=', 'EQUALS=a=b=c', 'LOG_LEVEL=debug', 'KUBERNETES_SERVICE_HOST=10.96.0.1', 'POD_IP=10.244.0.7',
    ]);
  });

  test('what both images set is the local image\'s, unless the pod declares it', () => {
    const image = ['NODE_VERSION=24', 'LOG_LEVEL=info', 'LANG=C.UTF-8'];
    expect(mergeEnv({ pod, image, declared: nothing, own: [] })).not.toContainEqual(expect.stringMatching(/^(NODE_VERSION|LOG_LEVEL|LANG)=/));
    expect(mergeEnv({ pod, image, declared: { names: new Set(['LOG_LEVEL', 'NODE_VERSION']), hasEnvFrom: false }, own: [] })).toEqual(expect.arrayContaining(['LOG_LEVEL=debug', 'NODE_VERSION=20']));
    const fromMap = mergeEnv({ pod, image, declared: { names: new Set(), hasEnvFrom: true }, own: [] });
    expect(fromMap).toContain('LOG_LEVEL=debug');
    expect(fromMap).not.toContainEqual(expect.stringMatching(/^(NODE_VERSION|LANG)=/));
  });

  test('the user\'s own words win, the last of them, even over the drop list', () => {
    const own: EnvEntry[] = [['LOG_LEVEL', 'trace'], ['PATH', '/mine'], ['LOG_LEVEL', 'error']];
    const merged = mergeEnv({ pod, image: ['LOG_LEVEL=info'], declared: nothing, own });
    expect(merged.filter((line) => line.startsWith('LOG_LEVEL='))).toEqual(['LOG_LEVEL=error']);
    expect(merged).toContain('PATH=/mine');
  });
});

test('-e takes a value, or the one that it has here', () => {
  expect(envFromFlags(['A=1', 'B', 'C', 'D=', 'E=x=y\nz'], { B: 'from here' })).toEqual([['A', '1'], ['B', 'from here'], ['D', ''], ['E', 'x=y\nz']]);
  expect(() => envFromFlags(['=x'], {})).toThrow(/is no variable/);
  expect(() => envFromFlags(['A B=x'], {})).toThrow(/is no variable/);
});

test('--env-file is Docker\'s format', () => {
  expect(envFromFile('\uFEFF# comment\n\nA=1\n  B="quoted" # kept\r\nHERE\nGONE\n', { HERE: 'x' }, 'x.env')).toEqual([['A', '1'], ['B', '"quoted" # kept'], ['HERE', 'x']]);
  expect(() => envFromFile('A=1\nB C=2', {}, 'x.env')).toThrow('x.env:2');
});

describe('forms that are read back', () => {
  const awkward: EnvEntry[] = [
    ['PLAIN', 'a/b:c,d.e-f@g'], ['EMPTY', ''], ['LINES', 'one\n\t"two" $HOME `x` \\n # no comment\n\nend\n'], ['SINGLE', "it's $5"], ['BOTH', `'"' \\ $HOME`], ['UNICODE', 'größe ✓'], ['SPACES', '  a  '], ['dotted.and-dashed', '1'],
  ];
  const read = (script: string, name: string): string => execFileSync('bash', ['-c', `${script}\nprintf %s "$${name}"`], { encoding: 'utf8', env: {} });

  test.each(awkward.filter(([name]) => name !== 'dotted.and-dashed'))('%s, by a shell', (name, value) => {
    expect(read(envText([[name, value]]), name)).toBe(value);
    expect(execFileSync('bash', ['-c', `${shText([[name, value]])}\nexec printenv -0 ${name}`], { encoding: 'utf8', env: { PATH: '/usr/bin:/bin' } })).toBe(`${value}\0`);
  });

  test('a name that no shell takes is told, and harms nothing', () => {
    expect(shText([['dotted.and-dashed', 'x'], ['A', '1']])).toBe('# no name for a shell: dotted.and-dashed\nexport A=1');
  });

  test('dotenv, by Node\'s reader, except where a value has both kinds of quotes', () => {
    const simple = awkward.filter(([, value]) => !(value.includes("'") && /["\\$]/.test(value)));
    expect(parseEnv(dotenvText(simple))).toEqual(Object.fromEntries(simple));
    expect(dotenvText([['BOTH', `'"' \\ $HOME`]])).toBe(String.raw`BOTH="'\"' \\ \$HOME"`);
  });
});

test('a program of this machine gets its own environment, and the pod\'s over it', () => {
  const host = { PATH: '/mine', HOME: '/home/ann', LANG: 'de_DE.UTF-8', LOG_LEVEL: 'info', EDITOR: 'vi', GONE: undefined };
  expect(overHostEnv(host, [...pod, ['EDITOR', 'ed']], { env: [{ name: 'LOG_LEVEL' }] })).toMatchObject({ PATH: '/mine', HOME: '/home/ann', LANG: 'de_DE.UTF-8', LOG_LEVEL: 'debug', EDITOR: 'vi', POD_IP: '10.244.0.7', MULTI: 'line one\nline "two"\n\ttab' });
});
