import { lstat, mkdtemp, readFile, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, type Readable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { pack } from 'tar-stream';
import { extractTar } from '../../../cli/volumes/extract.ts';

let folder: string;
beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'podbridge-extract-')); });
afterEach(async () => { await rm(folder, { recursive: true, force: true }); });

function archive(...entries: { name: string; type?: 'directory' | 'symlink'; linkname?: string; mode?: number; content?: string }[]): Readable {
  const tar = pack();
  for (const { content, ...header } of entries) tar.entry(header, content ?? '');
  tar.finalize();
  return tar.pipe(new PassThrough());
}

test('files, directories and links, with their modes', async () => {
  const done = await extractTar(archive(
    { name: 'etc/conf', type: 'directory', mode: 0o1777 }, { name: 'etc/conf/a', content: 'hello', mode: 0o640 }, { name: 'etc/conf/..data', type: 'symlink', linkname: '..1' }, { name: 'closed', type: 'directory', mode: 0o500 }, { name: 'closed/x', content: 'y' },
  ), folder, () => undefined);
  expect(done).toEqual({ files: 2, bytes: 6 });
  expect(await readFile(join(folder, 'etc/conf/a'), 'utf8')).toBe('hello');
  expect((await lstat(join(folder, 'etc/conf/a'))).mode & 0o777).toBe(0o640);
  expect(await readlink(join(folder, 'etc/conf/..data'))).toBe('..1');
});

test.each([
  [[{ name: '../out', content: 'x' }]], [[{ name: 'a/../../out', content: 'x' }]], [[{ name: '/abs', content: 'x' }]],
  [[{ name: 'link', type: 'symlink' as const, linkname: '/tmp' }, { name: 'link/out', content: 'x' }]],
])('never outside: %j', async (entries) => {
  await expect(extractTar(archive(...entries), folder, () => undefined)).rejects.toThrow('leads out of its folder');
});
