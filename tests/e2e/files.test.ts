/** Files of the pod in the container: every kind of volume, with owners and modes, followed or live, and nothing beyond them. */
import { lstat, mkdtemp, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { execa } from 'execa';
import { names } from '../../protocol/names.ts';
import { resources, type KubeObject } from '../../cli/adapters/cluster/index.ts';
import { loadImages } from '../cluster/index.ts';
import { bridge, bridgeOk } from '../support/bridge-command.ts';
import { dockerWithoutFuse } from '../support/docker-without-fuse.ts';
import { applyAll, cleanNamespace, makeNamespace } from '../support/namespace.ts';
import { grant } from '../support/user.ts';
import { onNode, runningPods } from '../support/nodes.ts';
import { until } from '../support/wait.ts';
import { configMap, secret } from '../workloads/manifests.ts';
import { boxWorkload, databaseWorkload, filesWorld, ids, strictWorkload, type FilesWorld } from './support/files-world.ts';
import { setUpLimitMs, startSuite, testLimitMs, type Suite } from './support/suite.ts';

jest.setTimeout(testLimitMs);
const namespace = 'e2e-files';
const strictNamespace = 'e2e-files-strict';
/** The bridge that most tests look at. */
const box = 'e2e-files-box';
/** The kubelet looks at ConfigMaps once a minute; a change of the pod's annotations makes it look now. */
const kubeletLimitMs = 120_000;
let suite: Suite;
let world: FilesWorld;
let folder: string;

beforeAll(async () => {
  suite = await startSuite(namespace, () => []);
  world = await filesWorld(suite);
  folder = await mkdtemp(join(tmpdir(), 'podbridge-files-'));
  await loadImages(suite.cluster, [world.busybox]);
  await makeNamespace(suite.kube, strictNamespace, { 'pod-security.kubernetes.io/enforce': 'restricted' });
  await grant(suite.kube, suite, names.userRole, strictNamespace);
  await Promise.all([
    applyAll(suite.kube, boxWorkload(world.busybox, namespace)),
    applyAll(suite.kube, databaseWorkload(world.busybox, namespace, suite.cluster.nodes.at(-1)!)),
    applyAll(suite.kube, strictWorkload(suite.image, strictNamespace)),
  ]);
  await world.wait(box, ['--target', 'deploy/box']);
}, setUpLimitMs);

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await suite?.end();
  if (suite === undefined) return;
  await cleanNamespace(suite.kube, strictNamespace);
  await suite.kube.request('DELETE', `/api/v1/persistentvolumes/${namespace}-db`).catch(() => undefined);
});

/** Everything below these paths: name, owner, mode, kind, link; without what differs between file systems. */
const listing = (paths: string): string => `find ${paths} -exec stat -c '%n %u:%g %a %F' {} + | sort; find ${paths} -type l -exec readlink {} \\; | sort`;
const everywhere = '/etc/settings /etc/single.txt /etc/picked /run/keys /etc/pod-info /run/all /data /srv/part /srv/deep /scratch /var/run/secrets/kubernetes.io/serviceaccount';

describe('what is there', () => {
  test('the same files at the same paths, with their owners and modes, as in the pod', async () => {
    const [inPod, here] = await Promise.all([world.inPod('deploy/box', listing(everywhere)), world.inContainer(box, listing(everywhere))]);
    // /data/closed is open to its owner only, and so it is here.
    expect(here).toBe(inPod);
    expect(inPod).toContain(`/data/hello ${ids.uid}:${ids.fsGroup} 640`);
    expect(inPod).toContain('/only.txt 0:3000 440');
  });

  test('and the same content', async () => {
    const contents = `for f in $(find ${everywhere} -type f | grep -v '/\\.\\.' | sort) /etc/settings/a.txt /etc/picked/below/only.txt /run/all/password; do echo "$f"; cat "$f" 2>&1; done`;
    expect(await world.inContainer(box, contents, { user: `${ids.uid}:${ids.fsGroup}` })).toBe(await world.inPod('deploy/box', contents));
  });

  test('read-only is read-only: what the kubelet writes, and what the pod mounts so', async () => {
    for (const path of ['/etc/settings/x', '/run/all/x', '/srv/deep/x']) {
      expect(await world.tryInContainer(box, `echo x > ${path}`)).toMatchObject({ exitCode: 1, text: expect.stringContaining('Read-only file system') });
    }
  });

  test('an in-cluster client works unchanged', async () => {
    await suite.kube.apply({ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata: { name: 'lists-pods', namespace }, rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['list'] }] } as never, { fieldManager: 'podbridge-test' });
    await suite.kube.apply({
      apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'RoleBinding', metadata: { name: 'lists-pods', namespace }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'lists-pods' }, subjects: [{ kind: 'ServiceAccount', name: 'default', namespace }],
    } as never, { fieldManager: 'podbridge-test' });
    const program = join(folder, 'list-pods.mjs');
    await writeFile(program, `
      import { CoreV1Api, KubeConfig } from '@kubernetes/client-node';
      import { readFileSync } from 'node:fs';
      const config = new KubeConfig();
      config.loadFromCluster();
      const namespace = readFileSync('/var/run/secrets/kubernetes.io/serviceaccount/namespace', 'utf8');
      const { items } = await config.makeApiClient(CoreV1Api).listNamespacedPod({ namespace });
      const refused = await config.makeApiClient(CoreV1Api).listNamespacedSecret({ namespace }).then(() => 'allowed', (error) => error.code);
      console.log(JSON.stringify({ namespace, server: config.getCurrentCluster().server, pods: items.map((pod) => pod.metadata.name), refused }));
    `);
    // Any image with Node; cargo's is surely here.
    const { stdout: node } = await execa('docker', ['ps', '--filter', 'label=podbridge.dev/role=cargo', '--format', '{{.Image}}']);
    const { stdout } = await bridgeOk(['run', '--name', 'e2e-files-client', '--image', node.split('\n')[0]!, '--target', 'deploy/box', '--port', 'none', '-n', namespace, '--entrypoint', 'node',
      '-v', `${join(import.meta.dirname, '..', '..', 'node_modules')}:/app/node_modules:ro`, '-v', `${program}:/app/list-pods.mjs:ro`, '--', '/app/list-pods.mjs'], suite.user);
    const found = JSON.parse(stdout) as { namespace: string; server: string; pods: string[]; refused: number };
    expect(found).toMatchObject({ namespace, refused: 403 });
    expect(found.pods).toEqual(expect.arrayContaining([expect.stringMatching(/^box-/)]));
  });
});

describe('live files', () => {
  test('100 MB both ways, byte for byte', async () => {
    const sum = (path: string): string => `md5sum < ${path}`;
    await world.inPod('deploy/box', 'dd if=/dev/urandom of=/data/from-pod bs=1M count=100 2>/dev/null');
    expect(await world.inContainer(box, sum('/data/from-pod'), { limitMs: 120_000 })).toBe(await world.inPod('deploy/box', sum('/data/from-pod')));
    await world.inContainer(box, 'dd if=/dev/urandom of=/tmp/here bs=1M count=100 2>/dev/null || mkdir -p /tmp && dd if=/dev/urandom of=/tmp/here bs=1M count=100 2>/dev/null; cp /tmp/here /data/from-here', { limitMs: 120_000 });
    expect(await world.inPod('deploy/box', sum('/data/from-here'))).toBe(await world.inContainer(box, sum('/tmp/here')));
    expect(await world.inPod('deploy/box', 'stat -c "%u:%g %s" /data/from-here')).toBe(`${ids.uid}:${ids.fsGroup} ${100 * 1024 * 1024}`);
    await world.inPod('deploy/box', 'rm /data/from-pod /data/from-here');
  });

  test('1000 small files', async () => {
    await world.inContainer(box, 'mkdir /data/many && cd /data/many && i=0; while [ $i -lt 1000 ]; do echo "file $i" > $i; i=$((i+1)); done', { limitMs: 120_000 });
    const sums = 'cd /data/many && ls | wc -l && cat $(ls | sort) | md5sum';
    expect(await world.inContainer(box, sums, { limitMs: 120_000 })).toBe(await world.inPod('deploy/box', sums));
    expect(await world.inPod('deploy/box', 'ls /data/many | wc -l; rm -r /data/many')).toBe('1000');
  });

  test('append, rename over another, truncate, modes of files and directories, symlinks, hard links, removal: as in the pod', async () => {
    const operations = (where: string): string => `mkdir /data/${where} && cd /data/${where} && echo one > a && echo two >> a && echo old > b && mv a b && ln -s b c && printf 12345 > d && : > d && mkdir -m 700 private && mkdir plain && echo x > x && chmod 604 x && touch gone && rm gone && ln b hard`;
    const result = (where: string): string => `cd /data/${where} && cat b c && find . -exec stat -c '%n %u:%g %a %h' {} + | sort && stat -c %s d && readlink c`;
    await world.inContainer(box, operations('ops-here'));
    await world.inPod('deploy/box', operations('ops-pod'));
    const here = await world.inPod('deploy/box', result('ops-here'));
    expect(here).toBe(await world.inPod('deploy/box', result('ops-pod')));
    expect(here).toContain(`./x ${ids.uid}:${ids.fsGroup} 604 1`);
    expect(here).toContain(`./hard ${ids.uid}:${ids.fsGroup} 644 2`);
    await world.inPod('deploy/box', 'rm -r /data/ops-here /data/ops-pod');
  });

  test('what appears and changes in the pod is seen, though listings and attributes are kept for a moment', async () => {
    const size = async (): Promise<string> => (await world.tryInContainer(box, 'stat -c %s /data/later')).text;
    expect(await size()).toMatch(/No such file/);
    await world.inPod('deploy/box', 'echo 1 > /data/later');
    await until('a new file', async () => (await size() === '2' ? true : undefined), 30_000);
    await world.inPod('deploy/box', 'echo 12345 > /data/later');
    await until('its new size', async () => (await size() === '6' ? true : undefined), 30_000);
    await world.inPod('deploy/box', 'rm /data/later');
  });

  test('a program in a volume runs: the kernel maps its file', async () => {
    await world.inPod('deploy/box', 'cp /bin/busybox /data/busybox');
    expect(await world.inContainer(box, '/data/busybox echo mapped')).toBe('mapped');
    await world.inPod('deploy/box', 'rm /data/busybox');
  });

  test('nothing but the volumes can be reached, whatever the path or link', async () => {
    await world.inPod('deploy/box', 'cd /data && ln -s /etc/passwd absolute && ln -s /bin/busybox program && ln -s ../../../../bin/busybox relative && ln -s /proc/1/root/bin/busybox proc && ln -s /data/hello inside');
    const mounter = await world.mounterOf(box);
    // Plain SFTP to the server, past the file system on this side.
    const sftp = async (...commands: string[]): Promise<string> => (await execa('docker', ['exec', '-i', mounter, 'sftp', '-D', 'socat STDIO TCP:127.0.0.1:2022', '-b', '-'], { input: commands.map((command) => `-${command}`).join('\n'), all: true, reject: false })).all;
    for (const path of ['/data/absolute', '/data/program', '/data/relative', '/data/proc', '/bin/busybox', '/etc/passwd', '/etc/shadow', '/../../bin/busybox', '/data/../bin/busybox', '/proc/1/environ', '/proc/self/root/bin/busybox', '/data/../../../proc/1/environ']) {
      expect(`${path}: ${await sftp(`get ${path} /tmp/stolen`)}`).toMatch(/not found|No such file/i);
    }
    expect(await sftp('get /data/inside /tmp/own', '!cat /tmp/own')).toContain('hello');
    expect(await sftp('symlink /bin/busybox /data/planted', 'get /data/planted /tmp/stolen', 'rename /data/hello /hello', 'mkdir /new', 'put /etc/hostname /etc/x')).toMatch(/(not found|No such file)[\s\S]*rename[\s\S]*(Failure|denied)[\s\S]*(Failure|denied)/i);
    expect((await sftp('ls /', 'ls /etc')).replaceAll(/\s+/g, ' ')).toMatch(/\/data \/etc \/run \/scratch \/srv \/var.*\/etc\/picked \/etc\/pod-info \/etc\/settings \/etc\/single.txt $/);
    // Ids of the pod's process: what it may not do is refused.
    expect(await sftp('chown 0 /data/hello', 'rm /etc/settings/a.txt')).toMatch(/(Failure|denied)[\s\S]*(Failure|denied)/i);
    expect(await world.inPod('deploy/box', 'rm /data/absolute /data/program /data/relative /data/proc /data/inside /data/planted; cat /data/hello')).toBe('hello');
  });

  test('the server admits nobody but bridges', async () => {
    const { items } = await suite.kube.list<KubeObject & { status?: { podIP?: string } }>(resources.Pod, { namespace: 'bridge-system', labelSelector: 'app.kubernetes.io/component=agent' });
    const mounter = await world.mounterOf(box);
    for (const { status } of items) {
      const { all, exitCode } = await execa('docker', ['exec', mounter, 'ssh', '-p', '7082', '-o', 'StrictHostKeyChecking=no', '-o', 'BatchMode=yes', '-o', 'ConnectTimeout=5', `bridge@${status?.podIP}`, '-s', 'sftp'], { all: true, reject: false });
      expect(exitCode).toBe(255);
      expect(all).toMatch(/Permission denied|Connection refused/);
    }
  });

  test('a StatefulSet with a claim and a folder of its node; its process is root', async () => {
    await world.wait('e2e-files-db', ['--target', 'sts/db']);
    await world.inContainer('e2e-files-db', 'mkdir -p /var/lib/store/base && echo row > /var/lib/store/base/1 && chown -R 999:999 /var/lib/store/base && chmod 700 /var/lib/store/base');
    expect(await world.inPod('sts/db', "stat -c '%u:%g %a' /var/lib/store/base && cat /var/lib/store/base/1 && rm -r /var/lib/store/base")).toBe('999:999 700\nrow');
    await world.inContainer('e2e-files-db', 'echo here > /node/file');
    expect(await world.inPod('sts/db', 'cat /node/file && rm /node/file')).toBe('here');
    await suite.stop('e2e-files-db');
  });

  test('a static program without a shell, a read-only root, no rights, in a namespace that admits nothing else', async () => {
    const run = (name: string, script: string) => bridgeOk(['run', '--name', name, '-n', strictNamespace, '--image', world.busybox, '--target', 'deploy/strict', '--port', 'none', '--', 'sh', '-c', script], suite.user);
    await run('e2e-files-strict-1', 'cat /keys/password > /cache/copy; mkdir /cache/own');
    // Another container, another bridge: what it sees was in the pod.
    const { stdout } = await run('e2e-files-strict-2', "cat /cache/copy; echo; stat -c '%n %u:%g %a' /cache/copy /cache/own /keys/..data/password");
    expect(stdout).toBe('strictly\n/cache/copy 12345:34567 644\n/cache/own 12345:34567 2755\n/keys/..data/password 0:34567 440');
  });
});

describe('changes', () => {
  test('of a ConfigMap and a Secret arrive, each as a whole; single files of a sub path stay as in the pod', async () => {
    // Reads both files again and again; a mixed pair, or a missing one, would be told. A directory may be replaced between two steps of this: then it counts only when it is still the current one.
    const script = `while [ ! -e /tmp/enough ]; do
      d=$(readlink /etc/settings/..data); texts=$(cat /etc/settings/$d/a.txt /etc/settings/$d/b.txt 2>&1 | sort -u)
      [ "$(echo "$texts" | wc -l)" = 1 ] || [ "$d" != "$(readlink /etc/settings/..data)" ] || echo "mixed: $texts"
      cat /etc/settings/..data/a.txt > /dev/null 2>&1 || cat /etc/settings/..data/a.txt > /dev/null 2>&1 || echo gone
    done; echo end`;
    const watcher = execa('docker', ['exec', box, 'sh', '-c', script], { all: true, reject: false });
    await world.inContainer(box, 'mkdir -p /tmp');
    await suite.kube.apply(configMap('settings', namespace, { 'a.txt': 'version 2\n', 'b.txt': 'version 2\n', 'private.txt': 'private\n' }), { fieldManager: 'podbridge-test' });
    await suite.kube.apply(secret('keys', namespace, { password: 'second' }), { fieldManager: 'podbridge-test' });
    const { items: [pod] } = await suite.kube.list(resources.Pod, { namespace, labelSelector: 'app=box' });
    await suite.kube.patch(resources.Pod, pod!.metadata.name, { metadata: { annotations: { touched: String(Date.now()) } } }, { namespace });
    const appears = (where: () => Promise<string>, text: string): Promise<number> => until(`${text}`, async () => ((await where()).includes(text) ? performance.now() : undefined), kubeletLimitMs);
    const read = 'cat /etc/settings/a.txt /run/keys/password';
    const [inPod, here] = await Promise.all([
      appears(() => world.inPod('deploy/box', `${read} 2>/dev/null; true`), 'version 2'), appears(async () => (await world.tryInContainer(box, read)).text, 'version 2'),
    ]);
    console.log(`a changed ConfigMap was seen in the container ${Math.round(here - inPod)} ms after it was seen in the pod (polling takes part of that)`);
    await appears(async () => (await world.tryInContainer(box, read)).text, 'second');
    await world.inContainer(box, 'touch /tmp/enough');
    expect((await watcher).all).toBe('end');
    expect(await world.inContainer(box, 'cat /etc/single.txt')).toBe(await world.inPod('deploy/box', 'cat /etc/single.txt'));
    expect(await world.inContainer(box, listing('/etc/settings /run/keys /run/all'))).toBe(await world.inPod('deploy/box', listing('/etc/settings /run/keys /run/all')));
  });
});

describe('the ServiceAccount\'s token', () => {
  test('arrives when it is rotated', async () => {
    const path = '/var/run/secrets/kubernetes.io/serviceaccount';
    expect(await world.inContainer(box, `cat ${path}/token`)).toBe(await world.inPod('deploy/box', `cat ${path}/token`));
    const [pod] = await runningPods(suite.kube, namespace, 'app=box');
    // As the kubelet does after most of the token's life, which is too long to wait for: a new folder, and one swap of the link. The
    // kubelet puts its own back when it looks, once a minute or so, which may be in the next moment.
    const rotate = `cd /var/lib/kubelet/pods/${pod!.metadata.uid}/volumes/kubernetes.io~projected/kube-api-access-* && if [ "$(cat ..data/token)" != rotated ]; then cp -a "$(readlink ..data)" ..rotated.$$ && printf rotated > ..rotated.$$/token && ln -s ..rotated.$$ ..test_tmp && mv -T ..test_tmp ..data; fi`;
    await until('the rotated token', async () => {
      await onNode(pod!.spec.nodeName, rotate);
      return (await world.tryInContainer(box, `cat ${path}/token`)).text === 'rotated' ? true : undefined;
    }, 30_000);
  });
});

describe('a lost link', () => {
  test('cut for 10 s in the middle of a copy: nothing hangs, synced files stay, live files give errors and heal; what ends meanwhile is unmounted', async () => {
    const [cargo] = (await execa('docker', ['ps', '--filter', 'label=podbridge.dev/role=cargo', '--filter', `label=podbridge.dev/link=${(await execa('docker', ['inspect', '-f', '{{index .Config.Labels "podbridge.dev/link"}}', box])).stdout}`, '--format', '{{.Names}}'])).stdout.split('\n');
    const nft = (script: string) => execa('docker', ['exec', '-i', cargo!, 'nft', '-f', '-'], { input: script });
    const second = 'e2e-files-cut';
    await world.wait(second, ['--target', 'deploy/box']);
    const copying = world.tryInContainer(box, 'i=0; while [ $i -lt 40 ]; do dd if=/dev/zero of=/data/copy bs=1M count=20 2>&1 || exit 7; i=$((i+1)); done', { limitMs: 90_000 });
    await new Promise((resolve) => setTimeout(resolve, 500));
    await nft('table ip cut { chain in { type filter hook prerouting priority -300; iifname "wg0" drop; }; chain out { type filter hook postrouting priority 300; oifname "wg0" drop; }; }');
    const cutAt = performance.now();
    try {
      expect(await world.inContainer(box, 'cat /etc/settings/a.txt')).toMatch(/version/);
      const stat = await world.tryInContainer(box, 'cat /data/hello', { limitMs: 60_000 });
      console.log(`during the cut, reading a live file ended after ${Math.round(performance.now() - cutAt)} ms: ${stat.text}`);
      expect(stat.timedOut).toBe(false);
      // Meanwhile another one ends, with a program that waits for a live file.
      const waiting = world.tryInContainer(second, 'while :; do cat /data/hello; sleep 0.1; done > /dev/null 2>&1', { limitMs: 60_000 });
      await suite.stop(second);
      expect((await waiting).timedOut).toBe(false);
      expect(await readFile('/proc/self/mountinfo', 'utf8')).not.toContain(`${second}-files`);
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, 10_000 - (performance.now() - cutAt))));
    } finally {
      await nft('delete table ip cut');
    }
    expect((await copying).timedOut).toBe(false);
    await until('live files after the cut', async () => ((await world.tryInContainer(box, 'cat /data/hello')).text === 'hello' ? true : undefined), 60_000);
    await world.inContainer(box, 'echo healed > /data/healed');
    expect(await world.inPod('deploy/box', 'cat /data/healed; rm -f /data/healed /data/copy')).toBe('healed');
  });
});

describe('as the user wants it', () => {
  test('bridge files copies everything here, once, and never over what is there', async () => {
    const target = join(folder, 'copy');
    const { stdout } = await bridgeOk(['files', 'deploy/box', target, '-n', namespace, '-o', 'json'], suite.user);
    expect(JSON.parse(stdout)).toMatchObject({ directory: target, volumes: expect.arrayContaining([{ name: 'data', kind: 'emptyDir', path: '/srv/part', directory: `${target}/srv/part`, readOnly: false }]) });
    expect(await readFile(join(target, 'srv/part/deep/file'), 'utf8')).toBe('deep\n');
    expect(await readFile(join(target, 'etc/settings/a.txt'), 'utf8')).toMatch(/^version/);
    expect((await lstat(join(target, 'data/hello'))).mode & 0o777).toBe(0o640);
    expect(await readlink(join(target, 'data/link'))).toBe('hello');
    for (const [place, code] of [[target, 'folder-not-empty'], [join(target, 'data/hello'), 'folder-unusable']] as const) {
      const refused = await bridge(['files', 'deploy/box', place, '-n', namespace, '-o', 'json'], suite.user);
      expect([refused.exitCode, JSON.parse(refused.stdout)]).toMatchObject([2, { error: { code } }]);
    }
  });

  test('bridge files into a folder that cannot take them', async () => {
    // Its own path is just short enough, those of files in it are too long.
    const most = 4080;
    let deep = folder;
    while (deep.length < most) deep = join(deep, 'x'.repeat(Math.min(250, Math.max(1, most - deep.length - 1))));
    const refused = await bridge(['files', 'deploy/box', deep, '-n', namespace, '-o', 'json'], suite.user);
    expect([refused.exitCode, JSON.parse(refused.stdout)]).toMatchObject([3, { error: { code: 'files-not-copied', why: expect.stringContaining('ENAMETOOLONG') } }]);
  });

  test('modes, and -v at the same path', async () => {
    await writeFile(join(folder, 'own.txt'), 'mine\n');
    const name = 'e2e-files-modes';
    await world.wait(name, ['--target', 'deploy/box', '--volume-mode', 'data=ro', '--volume-mode', 'scratch=local', '--volume-mode', 'keys=ignore', '--volume-mode', 'settings=live', '-v', `${folder}:/etc/picked`]);
    expect(await world.tryInContainer(name, 'echo x > /data/x')).toMatchObject({ exitCode: 1, text: expect.stringContaining('Read-only file system') });
    expect(await world.inContainer(name, 'cat /data/hello; ls /scratch; echo own > /scratch/own; cat /scratch/own; ls /run/keys 2>&1 || true; cat /etc/picked/own.txt; cat /etc/settings/a.txt')).toMatch(/^hello\nown\nls: \/run\/keys: No such file or directory\nmine\nversion/);
    expect(await world.inPod('deploy/box', 'ls /scratch')).toBe('');
    await suite.stop(name);
  });

  test('a copy instead of a live volume: changes stay here', async () => {
    const name = 'e2e-files-copy';
    await world.wait(name, ['--target', 'deploy/box', '--volume-mode', 'data=sync', '--volume-mode', 'scratch=ignore']);
    // No rights that only mounting needs.
    const { stdout } = await execa('docker', ['inspect', '-f', '{{.HostConfig.CapAdd}} {{.HostConfig.Devices}}', await world.mounterOf(name)]);
    expect(stdout).not.toMatch(/SYS_ADMIN|fuse/);
    expect(await world.inContainer(name, 'cat /data/hello /srv/part/file && echo changed > /data/hello && cat /data/hello')).toBe('hello\npart\nchanged');
    expect(await world.inPod('deploy/box', 'cat /data/hello')).toBe('hello');
    await suite.stop(name);
  });

  test('without FUSE: a copy, and a warning that says so', async () => {
    const name = 'e2e-files-fuseless';
    const docker = await dockerWithoutFuse();
    try {
      const { stderr } = await bridgeOk(['run', '-d', '--progress', 'plain', '--name', name, '-n', namespace, '--image', world.busybox, '--target', 'deploy/box', '--port', 'none', '--', 'sleep', '100000'], { ...suite.user, env: { DOCKER_HOST: docker.host } });
      expect(docker.asked()).toBe(1);
      expect(stderr.replaceAll(/\s+/g, ' ')).toMatch(/warning.* no \/dev\/fuse.*: \/data, \/srv\/part, \/srv\/deep, \/scratch were copied\. Changes stay in the container/i);
      const { stdout } = await execa('docker', ['inspect', '-f', '{{.HostConfig.CapAdd}} {{.HostConfig.Devices}}', await world.mounterOf(name)]);
      expect(stdout).not.toMatch(/SYS_ADMIN|fuse/);
      expect(await world.inContainer(name, 'cat /data/hello /etc/settings/b.txt /srv/deep/file && echo changed > /data/hello && cat /data/hello')).toMatch(/^hello\nversion \d\ndeep\nchanged$/);
      expect(await world.inPod('deploy/box', 'cat /data/hello')).toBe('hello');
      await suite.stop(name);
    } finally {
      await docker.close();
    }
  });

  test('progress is told while much arrives, and the container starts when all of it is there', async () => {
    const sum = await world.inPod('deploy/box', 'dd if=/dev/urandom of=/data/big bs=1M count=100 2>/dev/null; md5sum < /data/big');
    const { stdout, stderr } = await bridgeOk(['run', '-o', 'json', '--name', 'e2e-files-big', '-n', namespace, '--image', world.busybox, '--target', 'deploy/box', '--port', 'none', '--volume-mode', 'data=sync', '--', 'sh', '-c', 'md5sum < /data/big'], suite.user);
    expect(stderr).toMatch(/"type":"step-waiting","id":"files","waitingFor":"[0-9.]+ MB of 1\d\d MB"/);
    expect(stdout).toContain(`"line":"${sum}"`);
    await world.inPod('deploy/box', 'rm /data/big');
  });

  test('--no-volumes; a mode for a volume that is not there', async () => {
    await world.wait('e2e-files-none', ['--target', 'deploy/box', '--no-volumes']);
    expect(await world.mounterOf('e2e-files-none')).toBe('');
    expect((await world.tryInContainer('e2e-files-none', 'ls /data')).exitCode).toBe(1);
    await suite.stop('e2e-files-none');
    const wrong = await bridge(['run', '--name', 'e2e-files-wrong', '-n', namespace, '--image', world.busybox, '--target', 'deploy/box', '--port', 'none', '--volume-mode', 'dta=ro', '--', 'true'], suite.user);
    expect(wrong).toMatchObject({ exitCode: 125, stderr: expect.stringMatching(/names volume dta[\s\S]*there are: .*data/) });
  });

  test('nothing stays when the one that brings files was killed', async () => {
    const name = 'e2e-files-killed';
    await world.wait(name, ['--target', 'deploy/box']);
    await execa('docker', ['rm', '--force', await world.mounterOf(name)]);
    await suite.stop(name);
    const { stdout } = await execa('docker', ['volume', 'ls', '--quiet', '--filter', `label=podbridge.dev/bridge=${name}`]);
    expect(stdout).toBe('');
    expect(await readFile('/proc/self/mountinfo', 'utf8')).not.toContain(`${name}-files`);
  });

  test('another pod in the place of the first: files are its own from then on', async () => {
    const { items: [pod] } = await suite.kube.list(resources.Pod, { namespace, labelSelector: 'app=box' });
    await world.inPod('deploy/box', 'echo old > /data/of-the-old');
    expect(await world.inContainer(box, 'cat /data/of-the-old')).toBe('old');
    await suite.kube.delete(resources.Pod, pod!.metadata.name, { namespace });
    await until('the new pod', async () => {
      const { items } = await suite.kube.list<KubeObject & { status?: { conditions?: { type: string; status: string }[] } }>(resources.Pod, { namespace, labelSelector: 'app=box' });
      return items.length === 1 && items[0]!.metadata.name !== pod!.metadata.name && items[0]!.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true ? true : undefined;
    }, 60_000);
    await world.inPod('deploy/box', 'echo new > /data/of-the-new');
    await until('files of the new pod', async () => ((await world.tryInContainer(box, 'cat /data/of-the-new')).text === 'new' ? true : undefined), 60_000);
    expect((await world.tryInContainer(box, 'cat /data/of-the-old')).exitCode).toBe(1);
  });
});
