import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { PodCertificate } from '../../../protocol/traffic.ts';
import { Certificates } from '../../../stowaway-image/src/agent/tls/certificates.ts';
import { bridge, pod } from './fixtures.ts';

const directory = mkdtempSync(join(tmpdir(), 'podbridge-tls-'));
const at = (file: string): string => join(directory, file);
/** This process plays the container's: its root is our own. */
const processes = { refresh: () => undefined, ofPod: () => [{ pid: process.pid, startTime: 1, owner: { podUid: 'u', containerId: 'c1' } }] };
const target = pod('api', { containers: [{ name: 'main', image: 'x', id: 'c1', ready: true, execProbe: false, limits: {}, probes: [], ports: [], mounts: [] }] });
const certificates = new Certificates(directory, processes);
const of = (tls: PodCertificate) => {
  const asking = bridge('b');
  return certificates.of({ ...asking, spec: { ...asking.spec, tls } }, target);
};

beforeAll(() => {
  for (const name of ['one', 'two']) {
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', `/CN=${name}`, '-keyout', at(`${name}.key`), '-out', at(`${name}.crt`)], { stdio: 'ignore' });
  }
  writeFileSync(at('both.pem'), readFileSync(at('one.crt'), 'utf8') + readFileSync(at('one.key'), 'utf8'));
  writeFileSync(at('locked.key'), '-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n');
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

test('a bridge without certificate has none', () => {
  expect(certificates.of(bridge('b'), target)).toBeUndefined();
});

test('certificate and key become one file that only we can read, named by what is in it', () => {
  const found = of({ cert: at('one.crt'), key: at('one.key') });
  if (found === undefined || !('file' in found)) throw new Error(JSON.stringify(found));
  expect(readFileSync(found.file, 'utf8')).toMatch(/BEGIN CERTIFICATE[\s\S]*BEGIN PRIVATE KEY/);
  expect(statSync(found.file).mode & 0o777).toBe(0o600);
  expect(of({ cert: at('one.crt'), key: at('one.key') })).toEqual(found);
  expect(of({ cert: at('both.pem') })).toEqual({ file: expect.any(String) });
  expect(of({ cert: at('two.crt'), key: at('two.key') })).not.toEqual(found);
  certificates.keep(new Set([found.file]));
  expect(readdirSync(join(directory, 'tls')).map((name) => join(directory, 'tls', name))).toEqual([found.file]);
});

test.each([
  ['no such file', { cert: '/no/such/file', key: '/x' }, 'there is no readable file /no/such/file in container main'],
  ['a device, which never ends', { cert: '/dev/zero' }, 'there is no readable file /dev/zero'],
  ['another certificate\'s key', { cert: 'one.crt', key: 'two.key' }, 'the private key is that of another certificate'],
  ['no key', { cert: 'one.crt' }, 'there is no PEM private key'],
  ['no certificate', { cert: 'one.key' }, 'there is no PEM certificate in it'],
  ['a key with a password', { cert: 'one.crt', key: 'locked.key' }, 'the private key is encrypted'],
])('%s is told, without any content', (_, { cert, key }: PodCertificate, words) => {
  const path = (file: string): string => (file.startsWith('/') ? file : at(file));
  const found = of({ cert: path(cert), ...(key === undefined ? {} : { key: path(key) }) });
  expect(found).toEqual({ trouble: expect.stringContaining(words) });
  expect(JSON.stringify(found)).not.toMatch(/BEGIN|MII/);
});
