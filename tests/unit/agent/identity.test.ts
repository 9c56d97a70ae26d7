import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { generateKeyPairSync } from 'node:crypto';
import { tmpdir } from 'node:os';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { rulesCheckPath } from '../../../protocol/rules-check.ts';
import { countersPath } from '../../../protocol/counters.ts';
import { identityPath, type Identity } from '../../../protocol/identity.ts';
import { tapPath } from '../../../protocol/tap.ts';
import { open, type SealedMessage } from '../../../protocol/seal.ts';
import { parseCommand, parseEnviron, parseResolvConf, parseUser, isFirstOfNamespace } from '../../../stowaway-image/src/agent/identity/proc-files.ts';
import { readInRoot } from '../../../stowaway-image/src/agent/identity/read-in-root.ts';
import { serveIdentities } from '../../../stowaway-image/src/agent/identity/server.ts';

describe('/proc', () => {
  test('environ: values with lines, equal signs, nothing, any script', () => {
    expect(parseEnviron(Buffer.from('A=b=c\0MULTI=one\n\ttwo\n"x"\0EMPTY=\0UML=ä€😀\0\0=odd\0broken\0LAST=1\0'))).toEqual([
      ['A', 'b=c'], ['MULTI', 'one\n\ttwo\n"x"'], ['EMPTY', ''], ['UML', 'ä€😀'], ['LAST', '1']]);
    expect(parseEnviron(Buffer.alloc(0))).toEqual([]);
  });
  test('cmdline: empty words stay', () => {
    expect(parseCommand(Buffer.from('sh\0-c\0\0x y\0'))).toEqual(['sh', '-c', '', 'x y']);
  });
  test('status: effective ids, groups, place in the namespace', () => {
    const status = 'Name:\tx\nUid:\t1\t1000\t1\t1\nGid:\t2\t2000\t2\t2\nGroups:\t10 20 \nNSpid:\t4711\t1\n';
    expect(parseUser(status)).toEqual({ uid: 1000, gid: 2000, groups: [10, 20] });
    expect([isFirstOfNamespace(status), isFirstOfNamespace('NSpid:\t4711\t21\n'), isFirstOfNamespace('NSpid:\t1\n')]).toEqual([true, false, false]);
  });
  test('resolv.conf', () => {
    expect(parseResolvConf('# x\nnameserver 10.96.0.10\nsearch a.svc svc\nsearch shop.svc.cluster.local svc.cluster.local\noptions ndots:5\noptions  timeout:1 rotate\n')).toEqual({
      nameservers: ['10.96.0.10'], search: ['shop.svc.cluster.local', 'svc.cluster.local'], options: ['ndots:5', 'timeout:1', 'rotate'] });
  });
});

describe('files of a pod', () => {
  let base: string;
  beforeEach(() => {
    base = mkdtempSync(`${tmpdir()}/root-`);
    mkdirSync(`${base}/root/real`, { recursive: true });
    writeFileSync(`${base}/secret`, 'outside');
    writeFileSync(`${base}/root/real/hosts`, 'inside');
  });
  afterEach(() => rmSync(base, { recursive: true }));
  const read = (path: string): string | undefined => readInRoot(`${base}/root`, path);

  test('links are followed inside the pod only', () => {
    symlinkSync('/real', `${base}/root/etc`);
    symlinkSync(`${base}/secret`, `${base}/root/real/absolute`);
    symlinkSync('../../../../../../secret', `${base}/root/real/climbing`);
    symlinkSync('hosts', `${base}/root/real/relative`);
    expect([read('/etc/hosts'), read('/etc/relative'), read('/etc/absolute'), read('/etc/climbing'), read('/etc/none')]).toEqual(['inside', 'inside', undefined, undefined, undefined]);
  });
  test('a circle of links ends', () => {
    symlinkSync('b', `${base}/root/a`);
    symlinkSync('a', `${base}/root/b`);
    expect(read('/a')).toBeUndefined();
  });
});

describe('identity server', () => {
  const keys = generateKeyPairSync('x25519');
  const publicKey = Buffer.from(keys.publicKey.export({ format: 'jwk' }).x ?? '', 'base64url').toString('base64');
  const privateKey = Buffer.from(keys.privateKey.export({ format: 'jwk' }).d ?? '', 'base64url').toString('base64');
  const identity = { env: [['SECRET', 'do not read']] } as unknown as Identity;
  const stop = new AbortController();
  const errors: unknown[] = [];
  let port = 0;
  beforeAll(async () => {
    ({ port } = await serveIdentities({
      port: 0, signal: stop.signal, onError: (error) => errors.push(error), 
      counters: async (namespace, name) => (namespace === 'shop' && name === 'api-ann' ? { epoch: '7_42', counters: { local: 3, original: 4, failed: 0 }, publicKey } : undefined),
      rules: async (namespace, name) => (namespace === 'shop' && name === 'api-ann' ? { pods: [{ pod: 'p', entered: true, ports: [] }], publicKey } : undefined),
      files: async (namespace, name) => (namespace === 'shop' && name === 'api-ann' ? { ticket: { v: 1, elsewhere: ['10.0.0.1:7080'] }, publicKey } : name === 'starting' ? 'not-yet' : 'unknown'),
      tapped: async (namespace, name, after) => (`${namespace}/${name}` === 'shop/tap-ann' ? { answer: { v: 1, events: [], next: after + 1, lost: 0 }, publicKey } : undefined),
      lookUp: (namespace, name) => {
        if (name === 'breaks') throw new Error('defect');
        return namespace !== 'shop' ? 'unknown' : name === 'starting' ? 'not-yet' : name === 'api-ann' ? { identity, publicKey } : 'unknown';
      },
    }));
  });
  afterAll(() => stop.abort());
  const get = async (path: string, method = 'GET'): Promise<Response> => await fetch(`http://127.0.0.1:${port}${path}`, { method });

  test('sealed for the client, and readable by it only', async () => {
    const response = await get(identityPath('shop', 'api-ann'));
    const text = await response.text();
    expect(response.status).toBe(200);
    expect(text).not.toContain('do not read');
    expect(JSON.parse(open(privateKey, JSON.parse(text) as SealedMessage).toString())).toEqual({ v: 1, identity });
  });

  test('counters are sealed too', async () => {
    const response = await get(countersPath('shop', 'api-ann'));
    expect(JSON.parse(open(privateKey, await response.json() as SealedMessage).toString())).toEqual({ v: 1, epoch: '7_42', counters: { local: 3, original: 4, failed: 0 } });
    expect((await get(countersPath('shop', 'other'))).status).toBe(404);
    const rules = await get(rulesCheckPath('shop', 'api-ann'));
    expect(JSON.parse(open(privateKey, await rules.json() as SealedMessage).toString())).toEqual({ v: 1, pods: [{ pod: 'p', entered: true, ports: [] }] });
    expect((await get(rulesCheckPath('shop', 'other'))).status).toBe(404);
  });

  test.each([
    [identityPath('shop', 'other'), 404], [identityPath('other', 'api-ann'), 404], [identityPath('shop', 'starting'), 503], [identityPath('shop', 'breaks'), 500],
    ['/', 404], ['/v1/bridges/shop/api-ann/identity/', 404], ['/v1/bridges/shop/api-ann/constructor', 404], ['/v1/bridges/shop/api-ann/identity?x=1', 404], ['/v1/bridges/%ff/%00/identity', 404], ['/v1/bridges/../api-ann/identity', 404],
  ])('%s: %d', async (path, code) => {
    expect((await get(path)).status).toBe(code);
  });

  test('tapped requests are sealed too', async () => {
    const response = await get(tapPath('shop', 'tap-ann', 41));
    expect(JSON.parse(open(privateKey, await response.json() as SealedMessage).toString())).toEqual({ v: 1, events: [], next: 42, lost: 0 });
    for (const path of [tapPath('shop', 'other', 0), '/v1/bridges/shop/tap-ann/tap', '/v1/bridges/shop/tap-ann/tap?after=-1', '/v1/bridges/shop/tap-ann/tap?after=9999999999999999']) expect((await get(path)).status).toBe(404);
  });

  test('nothing but GET', async () => {
    expect((await get(identityPath('shop', 'api-ann'), 'POST')).status).toBe(405);
  });

  test('garbage is answered and survived', async () => {
    for (const garbage of [Buffer.from('\0\0\0\xff\xfe'), Buffer.from('GET / HTTP/9.9\r\n\r\n'), Buffer.from(`GET /${'a'.repeat(100_000)} HTTP/1.1\r\n\r\n`), Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), Buffer.from('GET / HTTP/1.1\r\nHost x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n')]) {
      await new Promise<void>((resolve) => {
        const socket = connect(port, '127.0.0.1', () => socket.end(garbage));
        socket.on('error', () => undefined).on('close', () => resolve()).resume();
      });
    }
    expect((await get(identityPath('shop', 'api-ann'))).status).toBe(200);
    expect(errors.map(String)).toEqual(['Error: defect']);
  });
});
