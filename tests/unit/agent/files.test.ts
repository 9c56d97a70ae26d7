import { describe, expect, test } from '@jest/globals';
import type { talkingChild } from '../../../stowaway-image/src/adapters/talking-child.ts';
import type { SessionTarget } from '../../../stowaway-image/src/agent/files/container-files.ts';
import { FileServer } from '../../../stowaway-image/src/agent/files/file-server.ts';
import { Grants, makeKeyPair } from '../../../stowaway-image/src/agent/files/grants.ts';
import { parseMountinfo, volumesOf } from '../../../stowaway-image/src/agent/files/volumes.ts';
import { parseCapabilities } from '../../../stowaway-image/src/agent/identity/proc-files.ts';

/** As a container of the test cluster has it, shortened. */
const mountinfo = `1 0 0:50 / / rw,relatime - overlay overlay rw,lowerdir=/x
2 1 0:52 / /proc rw,nosuid - proc proc rw
3 1 8:1 /volumes/kubernetes.io~configmap/conf /etc/conf ro,relatime - ext4 /dev/vda1 rw
4 1 8:1 /volumes/kubernetes.io~empty-dir/data /data rw,relatime - ext4 /dev/vda1 rw
5 1 0:53 / /run/secrets/kubernetes.io/serviceaccount ro,relatime - tmpfs tmpfs rw,size=1k
6 1 8:1 /with\\040space /a\\040b rw - ext4 /dev/vda1 ro
7 1 8:1 /etc-hosts /etc/hosts rw - ext4 /dev/vda1 rw`;

test('mount points, and whether they are read-only', () => {
  const mounts = parseMountinfo(mountinfo);
  expect(Object.fromEntries([...mounts].map(([path, { readOnly }]) => [path, readOnly]))).toEqual({
    '/': false, '/proc': false, '/etc/conf': true, '/data': false, '/run/secrets/kubernetes.io/serviceaccount': true, '/a b': true, '/etc/hosts': false,
  });
});

test('what the pod declares, as far as its process has it, under its real name', () => {
  const mount = (volume: string, kind: string, path: string) => ({ volume, kind, path, readOnly: false });
  const volumes = volumesOf({
    declared: [mount('conf', 'configMap', '/etc/conf/'), mount('data', 'emptyDir', '/data'), mount('token', 'projected', '/var/run/secrets/kubernetes.io/serviceaccount'), mount('gone', 'emptyDir', '/gone'), mount('unmounted', 'emptyDir', '/usr'), mount('root', 'emptyDir', '/')],
    mountinfo, typeOf: () => 'directory',
    resolve(path) {
      if (path === '/gone') throw new Error('ENOENT');
      return path.replace(/^\/var\/run/, '/run').replace(/(?<=.)\/$/, '');
    },
  });
  expect(volumes).toEqual([
    { name: 'conf', kind: 'configMap', class: 'synced', path: '/etc/conf/', at: '/etc/conf', readOnly: true, type: 'directory' },
    { name: 'data', kind: 'emptyDir', class: 'live', path: '/data', at: '/data', readOnly: false, type: 'directory' },
    { name: 'token', kind: 'projected', class: 'synced', path: '/var/run/secrets/kubernetes.io/serviceaccount', at: '/run/secrets/kubernetes.io/serviceaccount', readOnly: true, type: 'directory' },
  ]);
});

test('effective capabilities', () => {
  expect(parseCapabilities('Name:\tx\nCapPrm:\t0\nCapEff:\t00000000a80425fb\nCapBnd:\t1\n')).toBe('00000000a80425fb');
});

const target: SessionTarget = { pid: 7, startTime: '1', mounts: ['/data'], uid: 1, gid: 1, groups: [], caps: '0' };

describe('grants', () => {
  test('the same bridge and client keep their key; another client gets another', () => {
    const grants = new Grants();
    const first = grants.grant('shop/api', 'uid/key-a', target);
    expect(grants.grant('shop/api', 'uid/key-a', { ...target, pid: 8 })).toEqual(first);
    expect(grants.grant('shop/api', 'uid/key-b', target).seed).not.toBe(first.seed);
    expect(grants.list()).toMatchObject([{ id: 'shop/api', publicKey: first.publicKey, pid: 8 }, { id: 'shop/api', pid: 7 }]);
    expect(JSON.stringify(grants.list())).not.toContain(first.seed);
    expect(grants.keepOnly((_, owner) => owner === 'uid/key-b')).toBe(true);
    expect(grants.keepOnly((_, owner) => owner === 'uid/key-b')).toBe(false);
    expect(grants.size).toBe(1);
  });

  test('keys are raw: 32 bytes each', () => {
    const { seed, publicKey } = makeKeyPair();
    expect([seed, publicKey].map((text) => Buffer.from(text, 'base64').length)).toEqual([32, 32]);
  });
});

describe('the server', () => {
  function stage() {
    const told: Record<string, unknown>[] = [];
    let starts = 0;
    let die: (how: string) => void = () => undefined;
    const start: typeof talkingChild = (argv, env, onAnswer) => {
      starts += 1;
      expect(JSON.stringify([argv, env])).not.toMatch(/seed/i);
      const ended = new Promise<string>((resolve) => { die = resolve; });
      return {
        ended, close: () => die('closed'), kill: () => die('killed'),
        tell(line) {
          const order = JSON.parse(line) as { seq: number };
          told.push(order);
          setImmediate(() => onAnswer(JSON.stringify({ seq: order.seq })));
        },
      };
    };
    let ends = 0;
    const server = new FileServer({ port: 7082, log: () => undefined, onEnd: () => { ends += 1; }, start });
    return { server, told, starts: () => starts, ends: () => ends, die: (how: string) => die(how) };
  }
  const grant = { id: 'shop/api', publicKey: 'x', ...target };

  test('starts with the first grant, told its key once; ends with the last', async () => {
    const { server, told, starts } = stage();
    await server.set([]);
    expect(starts()).toBe(0);
    await server.set([grant]);
    await server.set([grant, grant]);
    expect(starts()).toBe(1);
    expect(told).toEqual([{ seq: 1, grants: [grant], port: 7082, hostSeed: expect.any(String) }, { seq: 2, grants: [grant, grant] }]);
    await server.set([]);
    await server.set([grant]);
    expect(starts()).toBe(2);
    expect(told[2]).toMatchObject({ hostSeed: told[0]!.hostSeed });
  });

  test('one that died is started again by the next grant', async () => {
    const { server, starts, ends, die } = stage();
    await server.set([grant]);
    die('exit code 1');
    await new Promise((resolve) => { setImmediate(resolve); });
    expect(ends()).toBe(1);
    await server.set([grant]);
    expect(starts()).toBe(2);
  });
});
