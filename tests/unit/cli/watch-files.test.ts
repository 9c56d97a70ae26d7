/** Changes of files in a real folder, however they are saved: each way twice, because the first can be what blinds a watch to the second. */
import { appendFile, mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { execa } from 'execa';
import { fileChanges } from '../../../cli/bridge/file-changes.ts';
import { watchFiles, type FileWatch } from '../../../cli/bridge/watch-files.ts';
import { checkSources, mountedFolders, watchedFolders } from '../../../cli/bridge/watch-run.ts';

const limitMs = 60_000;
let folder: string;
let files: FileWatch;
const at = (...path: string[]): string => join(folder, 'context', ...path);
const never = new AbortController().signal;

/** All that is told until this path is. */
async function told(path: string): Promise<string[]> {
  const names: string[] = [];
  while (!names.includes(path)) names.push(...await files.next(never));
  return names;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'podbridge-watch-files-'));
  await mkdir(at('src', 'deep'), { recursive: true });
  await mkdir(at('left-out'));
  await mkdir(at('node_modules', 'x'), { recursive: true });
  await writeFile(at('.dockerignore'), 'left-out\n');
  for (const name of ['edited', 'sed', 'renamed', 'again', 'versioned', 'deep/one']) await writeFile(at('src', name), 'first\n');
  const git = (...args: string[]) => execa('git', ['-c', 'user.name=x', '-c', 'user.email=x@x', '-C', at(), ...args]);
  await git('init', '--quiet', '--initial-branch', 'one');
  await git('add', 'src');
  await git('commit', '--quiet', '-m', 'one');
  await git('checkout', '--quiet', '-b', 'two');
  await writeFile(at('src', 'versioned'), 'second\n');
  await git('commit', '--quiet', '--all', '-m', 'two');
  // The folder that is watched may itself be a link.
  await symlink(at(), join(folder, 'link'));
  files = await watchFiles(await watchedFolders({ build: { context: join(folder, 'link'), args: [], ours: true }, flags: { binds: [] } } as unknown as Parameters<typeof watchedFolders>[0]));
});
afterAll(async () => {
  files?.close();
  await rm(folder, { recursive: true, force: true });
});

const ways: [way: string, path: string, act: (turn: number) => Promise<unknown>][] = [
  ['an edit in place', 'src/edited', () => appendFile(at('src', 'edited'), 'more\n')],
  ['sed -i', 'src/sed', (turn) => execa('sed', ['-i', `1s/.*/${turn}/`, at('src', 'sed')])],
  ['a file renamed over it, as editors save', 'src/renamed', async (turn) => {
    await writeFile(at('src', '4913'), `${turn}\n`);
    await rename(at('src', '4913'), at('src', 'renamed'));
  }],
  ['removed and made again', 'src/again', async (turn) => {
    await rm(at('src', 'again'));
    await writeFile(at('src', 'again'), `${turn}\n`);
  }],
  ['git checkout', 'src/versioned', (turn) => execa('git', ['-C', at(), 'checkout', '--quiet', turn % 2 === 0 ? 'one' : 'two'])],
  ['a new file', 'src/deep/new', async (turn) => {
    await (turn % 2 === 0 ? writeFile(at('src', 'deep', 'new'), 'x') : rm(at('src', 'deep', 'new')));
  }],
];

test.each(ways)('%s is seen, and then an edit in place, twice', async (_, path, act) => {
  for (const turn of [0, 1, 2, 3]) {
    await act(turn);
    await told(path);
    if (path === 'src/deep/new') continue;
    await appendFile(at(path), `edit ${turn}\n`);
    await told(path);
    if (path !== 'src/versioned') continue;
    await execa('git', ['-C', at(), 'checkout', '--quiet', '--', path]);
    await told(path);
  }
}, limitMs);

test('a file in a new folder, then an edit of it; what .dockerignore leaves out, .git and node_modules are nothing', async () => {
  await mkdir(at('fresh', 'below'), { recursive: true });
  await writeFile(at('fresh', 'below', 'file'), '1');
  await writeFile(at('left-out', 'file'), '1');
  await writeFile(at('node_modules', 'x', 'file'), '1');
  const first = await told('fresh/below/file');
  await writeFile(at('fresh', 'below', 'file'), '2');
  const names = [...first, ...await told('fresh/below/file')];
  expect(names.filter((name) => /left-out|node_modules|\.git/.test(name))).toEqual([]);
}, limitMs);

test('an exception brings back a file of a folder that is left out', async () => {
  await writeFile(join(folder, 'context', '.dockerignore'), 'left-out\n!left-out/kept\n');
  const [watched] = await watchedFolders({ build: { context: at(), args: [], ours: true }, flags: { binds: [] } } as unknown as Parameters<typeof watchedFolders>[0]);
  expect([watched!.skipped('left-out'), watched!.ignored('left-out/file'), watched!.ignored('left-out/kept')]).toEqual([false, true, false]);
});

test('temporary files are not named, and a folder only when nothing in it is', () => {
  const changes = fileChanges();
  for (const [event, path] of [['add', 'src/sedA1'], ['change', 'src/price'], ['unlink', 'src/sedA1'], ['addDir', 'new'], ['add', 'new/file'], ['addDir', 'empty'], ['unlink', 'old'], ['add', 'old'], ['unlink', 'old']] as const) changes.note(event, path);
  expect(changes.take()).toEqual(['src/price', 'new/file', 'empty', 'old']);
  expect(changes.size()).toBe(0);
  changes.note('add', 'gone');
  changes.note('unlink', 'gone');
  expect(changes.size()).toBe(0);
});

test('what is mounted from a folder that is not there cannot be watched', async () => {
  await expect(checkSources(['data:/data', `${folder}/nosuch:/x`])).rejects.toMatchObject({ facts: { code: 'watch-impossible', what: `${folder}/nosuch cannot be watched`, why: expect.stringContaining('not there') } });
  await checkSources(['data:/data', `${folder}:/x`]);
  expect(await mountedFolders(['data:/data', `${folder}:/x:ro`])).toEqual([folder]);
});
