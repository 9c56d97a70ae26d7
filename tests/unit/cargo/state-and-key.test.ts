import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { parseDump } from '../../../cargo-image/src/adapters/wg.ts';
import { noState, readState, writeState, type State } from '../../../cargo-image/src/state.ts';
import { loadOrMakeKeyPair, publicKeyOf } from '../../../cargo-image/src/wireguard/key.ts';

let folder: string;
beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'state-')); });
afterEach(async () => { await rm(folder, { recursive: true }); });

const state: State = {
  link: {
    address: '100.96.0.7', hub: { publicKey: `${'A'.repeat(43)}=`, endpoints: [{ host: 'hub.example', port: 31820 }, { host: '10.1.1.1', port: 1 }], address: '100.96.0.1' },
    transport: 'udp', fallBack: false, mtu: 1420, dns: { server: '10.96.0.10', domain: 'cluster.local' }, network: { subnet: '10.87.1.0/24', address: '10.87.1.2', gateway: '10.87.1.1' },
  },
  forwards: [{ bridge: { namespace: 'shop', name: 'api' }, forwards: [{ hubPort: 20000, protocol: 'TCP', address: '10.87.1.10', port: 8080 }] }],
  lifelines: [{ namespace: 'shop', name: 'api', uid: 'u-2' }], ended: [{ namespace: 'shop', name: 'old' }, { namespace: 'shop', name: 'older', uid: 'u-1' }],
};

test('state comes back as it was, readable by root alone', async () => {
  const path = join(folder, 'deep', 'state.json');
  await writeState(path, state);
  expect(await readState(path)).toEqual(state);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});

test('without state, or with one of another version, it starts empty', async () => {
  expect(await readState(join(folder, 'none'))).toEqual(noState());
  for (const text of ['', '{', '[]', '{"forwards":[]}', JSON.stringify({ ...state, link: { ...state.link, address: 'x; reboot' } })]) {
    await writeFile(join(folder, 'bad'), text);
    expect(await readState(join(folder, 'bad'))).toEqual(noState());
  }
});

test('the key is made once, and is a WireGuard key', async () => {
  const path = join(folder, 'deep', 'key');
  const first = await loadOrMakeKeyPair(path);
  expect(await loadOrMakeKeyPair(path)).toEqual(first);
  expect(first.publicKey).toMatch(/^[A-Za-z0-9+/]{43}=$/);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect((await readFile(path, 'utf8')).trim()).toBe(first.privateKey);
});

test('public keys as in RFC 7748, section 6.1', () => {
  const base64 = (hex: string): string => Buffer.from(hex, 'hex').toString('base64');
  expect(publicKeyOf(base64('5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb'))).toBe(base64('de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f'));
});

test('wg show dump', () => {
  expect(parseDump('PRIV\tPUB\t51820\toff\nKEY\t(none)\t172.18.0.2:31820\t0.0.0.0/0\t1760000000\t100\t200\t15\nKEY2\t(none)\t(none)\t0.0.0.0/0\t0\t0\t0\toff\n')).toEqual([
    { publicKey: 'KEY', endpoint: '172.18.0.2:31820', latestHandshakeS: 1760000000, rxBytes: 100, txBytes: 200 },
    { publicKey: 'KEY2', endpoint: '(none)', latestHandshakeS: 0, rxBytes: 0, txBytes: 0 },
  ]);
  expect(parseDump('PRIV\tPUB\t51820\toff\n')).toEqual([]);
});
