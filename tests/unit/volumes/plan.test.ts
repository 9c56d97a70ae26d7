import { describe, expect, test } from '@jest/globals';
import type { PodVolume } from '../../../protocol/files.ts';
import { bytesWords } from '../../../cli/volumes/bytes.ts';
import { parseVolumeModes, type VolumeMode } from '../../../cli/volumes/modes.ts';
import { countWords, isEmpty, planVolumes } from '../../../cli/volumes/plan.ts';
import { wantsLive } from '../../../cli/volumes/wants-live.ts';

const volume = (name: string, kind: string, path: string, over: Partial<PodVolume> = {}): PodVolume =>
  ({ name, kind, class: ['configMap', 'secret', 'projected', 'downwardAPI'].includes(kind) ? 'synced' : 'live', path, at: path, readOnly: false, type: 'directory', ...over });
const plan = (volumes: PodVolume[], { modes = {}, own = [], live = true }: { modes?: Record<string, VolumeMode>; own?: string[]; live?: boolean } = {}) =>
  planVolumes({ bridge: { namespace: 'shop', name: 'api-ann' }, offer: { pod: { name: 'api-1', namespace: 'shop', uid: 'u' }, volumes }, modes: new Map(Object.entries(modes)), own: new Set(own), live });

describe('by default', () => {
  test('the kubelet\'s volumes are copied and followed, read-only; others are live', () => {
    const made = plan([volume('conf', 'configMap', '/etc/conf'), volume('data', 'emptyDir', '/data'), volume('token', 'projected', '/var/run/secrets/x', { at: '/run/secrets/x', readOnly: true }), volume('ro', 'nfs', '/ro', { readOnly: true })]);
    expect(made.mount).toEqual({ bridge: { namespace: 'shop', name: 'api-ann' }, copies: [{ path: '/etc/conf', follow: true, as: '0' }, { path: '/run/secrets/x', follow: true, as: '1' }], live: true, local: [] });
    expect(made.binds('/v')).toEqual(['/v/copies/0:/etc/conf:ro', '/v/live/data:/data', '/v/copies/1:/var/run/secrets/x:ro', '/v/live/ro:/ro:ro']);
    expect(countWords(made.counts)).toBe('2 synced, 2 live');
    expect(made.warnings).toEqual([]);
  });

  test('a single file of a sub path never changes, as in a pod', () => {
    expect(plan([volume('conf', 'configMap', '/etc/a.txt', { type: 'file' })]).mount.copies).toEqual([{ path: '/etc/a.txt', follow: false, as: '0' }]);
  });

  test('what the user mounts at the same path wins; sockets and devices are told of', () => {
    const made = plan([volume('data', 'emptyDir', '/data/'), volume('docker', 'hostPath', '/var/run/docker.sock', { type: 'other' })], { own: ['/data'] });
    expect(isEmpty(made)).toBe(true);
    expect(made.binds('/v')).toEqual([]);
    expect(made.warnings).toMatchObject([{ code: 'volume-unusable', text: expect.stringContaining('/var/run/docker.sock') }]);
  });

  test('without FUSE: a copy, and words about it', () => {
    const made = plan([volume('data', 'emptyDir', '/data'), volume('conf', 'configMap', '/etc/conf')], { live: false });
    expect(made.mount).toMatchObject({ live: false, copies: [{ path: '/data', follow: false }, { path: '/etc/conf', follow: true }] });
    expect(made.binds('/v')).toEqual(['/v/copies/0:/data', '/v/copies/1:/etc/conf:ro']);
    expect(made.warnings).toMatchObject([{ code: 'volumes-copied', text: expect.stringMatching(/\/dev\/fuse.*\/data was copied/) }]);
    expect(countWords(made.counts)).toBe('1 synced, 1 copied');
  });
});

test('modes go by the volume\'s name, for all its mounts', () => {
  const volumes = [volume('data', 'emptyDir', '/data'), volume('data', 'emptyDir', '/srv', { at: '/srv' }), volume('cache', 'emptyDir', '/cache'), volume('conf', 'configMap', '/etc/conf'), volume('keys', 'secret', '/keys')];
  const made = plan(volumes, { modes: { data: 'ro', cache: 'local', conf: 'live', keys: 'ignore' } });
  expect(made.binds('/v')).toEqual(['/v/live/data:/data:ro', '/v/live/srv:/srv:ro', '/v/local/0:/cache', '/v/live/etc/conf:/etc/conf']);
  expect(made.mount).toMatchObject({ live: true, copies: [], local: ['0'] });
  expect(plan(volumes, { modes: { data: 'sync' } }).warnings).toEqual([]);
});

test('a mode for a volume that the container does not have says which it has', () => {
  expect(() => plan([volume('data', 'emptyDir', '/data')], { modes: { dta: 'ro' } })).toThrow(expect.objectContaining({ facts: expect.objectContaining({ code: 'volume-unknown', why: 'there is: data' }) }));
});

test.each([['data'], ['=ro'], ['data=rw'], ['data=']])('--volume-mode %s is refused', (text) => {
  expect(() => parseVolumeModes([text])).toThrow(expect.objectContaining({ facts: expect.objectContaining({ kind: 'usage', code: 'volume-mode-malformed' }) }));
});

test('whether live volumes are to be expected, from the template', () => {
  const modes = (text: string[]) => parseVolumeModes(text);
  expect(wantsLive({ conf: 'configMap' }, modes([]))).toBe(false);
  expect(wantsLive({ conf: 'configMap', data: 'emptyDir' }, modes([]))).toBe(true);
  expect(wantsLive({ conf: 'configMap', data: 'emptyDir' }, modes(['data=sync']))).toBe(false);
  expect(wantsLive({ conf: 'configMap' }, modes(['conf=live']))).toBe(true);
});

test.each([[0, '0 B'], [999, '999 B'], [1000, '1.0 kB'], [12_345, '12 kB'], [999_600, '1.0 MB'], [104_857_600, '105 MB']])('%d bytes: %s', (bytes, words) => {
  expect(bytesWords(bytes)).toBe(words);
});
