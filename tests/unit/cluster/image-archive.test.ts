/** What reaches a node when an image is copied: from archives as older and newer Docker engines write them. */
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { extract, pack } from 'tar-stream';
import { readSaved, writeLayout } from '../../../cli/image/archive.ts';
import { qualified } from '../../cluster/embedded/images.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const config = JSON.stringify({ architecture: 'amd64' });
const layers = ['base layer', 'top layer'];

type Entry = { name: string; text: string } | { name: string; linkname: string };

/** As engines before 25 write it: layers under ids of their own, a repeated layer as a link. */
const older: Entry[] = [
  { name: 'aaa/layer.tar', text: layers[0] ?? '' },
  { name: 'bbb/layer.tar', text: layers[1] ?? '' },
  { name: 'ccc/layer.tar', linkname: '../aaa/layer.tar' },
  { name: `${sha256(config)}.json`, text: config },
  { name: 'manifest.json', text: JSON.stringify([{ Config: `${sha256(config)}.json`, RepoTags: ['app:1'], Layers: ['aaa/layer.tar', 'bbb/layer.tar', 'ccc/layer.tar'] }]) },
];
/** As engines from 25 on write it: an image layout. */
const blob = (text: string): string => `blobs/sha256/${sha256(text)}`;
const newer: Entry[] = [
  { name: blob(layers[0] ?? ''), text: layers[0] ?? '' },
  { name: blob(layers[1] ?? ''), text: layers[1] ?? '' },
  { name: blob(config), text: config },
  { name: 'manifest.json', text: JSON.stringify([{ Config: blob(config), RepoTags: ['app:1'], Layers: [blob(layers[0] ?? ''), blob(layers[1] ?? ''), blob(layers[0] ?? '')] }]) },
];

function archive(entries: Entry[]): Readable {
  const stream = pack();
  for (const entry of entries) {
    if ('text' in entry) stream.entry({ name: entry.name }, entry.text);
    else stream.entry({ name: entry.name, type: 'symlink', linkname: entry.linkname });
  }
  stream.finalize();
  return stream as unknown as Readable;
}

async function contents(stream: Readable): Promise<Map<string, string>> {
  const entries = extract();
  stream.pipe(entries);
  const found = new Map<string, string>();
  for await (const entry of entries) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry as unknown as Readable) chunks.push(chunk as Buffer);
    found.set(entry.header.name, Buffer.concat(chunks).toString());
  }
  return found;
}

describe.each([['an engine before 25', older], ['an engine from 25 on', newer]])('an image saved by %s', (_what, entries) => {
  let folder: string;
  beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'archive-')); });
  afterEach(() => rm(folder, { recursive: true }));

  test('becomes a layout with every layer, for a node that has nothing', async () => {
    const layout = await contents(writeLayout(await readSaved(archive(entries), folder, new Set()), qualified));
    for (const text of [config, ...layers]) expect(layout.get(blob(text))).toBe(text);

    const index = JSON.parse(layout.get('index.json') ?? '') as { manifests: [{ digest: string; size: number; annotations: Record<string, string> }] };
    expect(index.manifests).toHaveLength(1);
    expect(index.manifests[0].annotations['io.containerd.image.name']).toBe('docker.io/library/app:1');
    const manifest = layout.get(`blobs/sha256/${index.manifests[0].digest.slice('sha256:'.length)}`) ?? '';
    expect(manifest).toHaveLength(index.manifests[0].size);
    const described = JSON.parse(manifest) as { config: { digest: string }; layers: { digest: string; size: number }[] };
    expect(described.config.digest).toBe(`sha256:${sha256(config)}`);
    expect(described.layers.map(({ digest, size }) => ({ digest, size }))).toEqual(
      [layers[0], layers[1], layers[0]].map((text = '') => ({ digest: `sha256:${sha256(text)}`, size: text.length })));
  });

  test('leaves out the layers that the node has, yet names them', async () => {
    const saved = await readSaved(archive(entries), folder, new Set([`sha256:${sha256(layers[0] ?? '')}`]));
    const layout = await contents(writeLayout(saved, qualified));
    expect(layout.has(blob(layers[0] ?? ''))).toBe(false);
    expect(layout.get(blob(layers[1] ?? ''))).toBe(layers[1]);
    expect([...layout.values()].some((text) => text.includes(sha256(layers[0] ?? '')))).toBe(true);
    // Nor does it lie about on this machine.
    expect(await readdir(folder)).toHaveLength(3);
  });
});

test('an archive without a manifest is an error', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'archive-'));
  await expect(readSaved(archive([{ name: 'other', text: 'x' }]), folder, new Set())).rejects.toThrow('manifest.json');
  await rm(folder, { recursive: true });
});

test.each([
  ['app', 'docker.io/library/app:latest'],
  ['app:1', 'docker.io/library/app:1'],
  ['team/app', 'docker.io/team/app:latest'],
  ['team/app:1', 'docker.io/team/app:1'],
  ['registry.example/team/app:1', 'registry.example/team/app:1'],
  ['localhost:5000/app', 'localhost:5000/app:latest'],
  ['localhost/app:1', 'localhost/app:1'],
])('containerd calls %s %s', (image, name) => {
  expect(qualified(image)).toBe(name);
});
