/** Errors of machines and clusters that are not as they should be, which no real one here can be made to be: each provoked, by its code. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { connectCluster, resources, type Cluster, type KubeObject } from '../../cli/adapters/cluster/index.ts';
import { loadKubeconfig } from '../../cli/adapters/cluster/kubeconfig.ts';
import type { ContainerSummary } from '../../cli/adapters/docker/index.ts';
import { createImages } from '../../cli/adapters/docker/images.ts';
import { run, runInForeground } from '../../cli/adapters/process/index.ts';
import { isReady } from '../../cli/bridge/bridge-progress.ts';
import { BridgeWatch } from '../../cli/bridge/bridge-watch.ts';
import { checkEnvPattern } from '../../cli/bridge/env-filter.ts';
import { addressesOf, freeAddress } from '../../cli/bridge/free-address.ts';
import { fetchIdentity } from '../../cli/bridge/identity.ts';
import type { Control, UsableLink } from '../../cli/bridge/needs.ts';
import { streamPartLogs } from '../../cli/bridge/part-logs.ts';
import { restartContainer } from '../../cli/bridge/restart.ts';
import { watchFiles } from '../../cli/bridge/watch-files.ts';
import { standUpProject, type UpParts, type UpRequest } from '../../cli/compose/stand-up.ts';
import { topicText } from '../../cli/help/topics.ts';
import { checkContext } from '../../cli/image/app-context.ts';
import { ensureBaseImage } from '../../cli/image/base-image.ts';
import { nodePackage } from '../../cli/image/node-package.ts';
import { imageSource } from '../../cli/image/source.ts';
import { waitForPolicies } from '../../cli/install/established.ts';
import { install } from '../../cli/install/install.ts';
import { untilGone } from '../../cli/install/remove.ts';
import { waitForRollout } from '../../cli/install/rollout.ts';
import { ensureCargo } from '../../cli/link/cargo.ts';
import { connectTunnel, type TunnelRequest } from '../../cli/link/connect-tunnel.ts';
import { ensureNetwork } from '../../cli/link/network.ts';
import { withImageLock, withLinkLock } from '../../cli/lock.ts';
import { Steps } from '../../cli/steps/steps.ts';
import { bringFiles } from '../../cli/volumes/bring.ts';
import { askForFiles } from '../../cli/volumes/offer.ts';
import { planVolumes } from '../../cli/volumes/plan.ts';
import { labels } from '../../protocol/names.ts';
import type { Bridge } from '../../protocol/objects.ts';
import { fakeHost } from './cli/fake-host.ts';
import { fakeCluster } from './support/fake-cluster.ts';
import { dockerError, fakeDocker } from './support/fake-docker.ts';

const fails = (code: string, more: object = {}) => expect.objectContaining({ facts: expect.objectContaining({ code, ...more }) });
const never = new AbortController().signal;
const quiet = (): void => undefined;
const steps = (): Steps => new Steps({ emit: quiet }, () => 0);

let folder: string;
beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'podbridge-failures-')); });
afterEach(async () => {
  jest.useRealTimers();
  await rm(folder, { recursive: true, force: true });
});

/** Clocks stand still but for what is added; timers run as ever. @param kept a clock that goes on */
function holdClocks(...kept: 'Date'[]): (ms: number) => void {
  jest.useFakeTimers({ doNotFake: [...kept, 'hrtime', 'nextTick', 'queueMicrotask', 'setImmediate', 'clearImmediate', 'setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'] });
  return (ms) => jest.advanceTimersByTime(ms);
}

describe('this machine', () => {
  test('programs that are not there, that fail, that take too long', async () => {
    await expect(run(['podbridge-no-such-program'])).rejects.toEqual(fails('command-missing', { next: 'command -v podbridge-no-such-program' }));
    await expect(run(['sh', '-c', 'echo broken >&2; exit 4'])).rejects.toEqual(fails('command-failed', { why: 'broken' }));
    await expect(run(['sleep', '60'], { timeoutMs: 50 })).rejects.toEqual(fails('command-timeout', { kind: 'timeout' }));
    await writeFile(join(folder, 'no-program'), '', { mode: 0o644 });
    await expect(runInForeground([join(folder, 'no-program')], { cwd: folder, env: {}, onSignal: () => quiet })).rejects.toEqual(fails('command-failed', { exitCode: 126 }));
  });

  test('another command that does not come to an end', async () => {
    // By the date the first one's lock would be out of date.
    const add = holdClocks('Date');
    const moment = (): Promise<void> => new Promise((resolve) => { setTimeout(resolve, 200); });
    const locks = { 'link-busy': (work: () => Promise<void>) => withLinkLock('failures', work), 'image-busy': (work: () => Promise<void>) => withImageLock('failures', { waiting: quiet, signal: never }, work) };
    for (const [code, lock] of Object.entries(locks)) {
      let finish = quiet;
      const holder = lock(() => new Promise((done) => { finish = done; }));
      await moment();
      const refused = expect(lock(() => Promise.resolve())).rejects.toEqual(fails(code, { kind: 'timeout', next: expect.stringMatching(/remove .*failures\.lock/) }));
      await moment();
      add(3_600_000);
      await refused;
      finish();
      await holder;
    }
  });

  test('proxies, Node for the images, folders', async () => {
    await writeFile(join(folder, 'kubeconfig'), JSON.stringify({ clusters: [{ name: 'c', cluster: { server: 'https://10.0.0.1:6443' } }], users: [{ name: 'u', user: {} }], contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }], 'current-context': 'x' }));
    expect(() => loadKubeconfig({ env: { HTTPS_PROXY: 'not a url', KUBECONFIG: join(folder, 'kubeconfig') }, homeDir: folder, cwd: folder }, {})).toThrow(fails('proxy-malformed', { why: expect.stringContaining('HTTPS_PROXY') }));
    const cluster = await connectCluster({ env: {}, homeDir: folder, cwd: folder }, { kubeconfig: join(folder, 'kubeconfig') });
    expect(() => void cluster.apply({ apiVersion: 'example.org/v1', kind: 'Nonsense', metadata: { name: 'x' } }, {})).toThrow(fails('kind-unknown', { kind: 'defect' }));
    cluster.close();
    await expect(nodePackage({ env: {}, homeDir: folder }, 'riscv64')).rejects.toEqual(fails('architecture-unsupported'));
    const path = process.env.PATH;
    process.env.PATH = folder;
    try {
      await expect(nodePackage({ env: {}, homeDir: folder }, 'x86_64')).rejects.toEqual(fails('node-package-unavailable', { why: 'npm is not on the PATH' }));
    } finally {
      process.env.PATH = path;
    }
    await expect(imageSource('nonsense' as 'cargo')).rejects.toEqual(fails('image-not-built', { next: 'npm run build' }));
    await expect(checkContext({ context: join(folder, 'nothing') })).rejects.toEqual(fails('build-context', { what: expect.stringContaining('no folder') }));
    await expect(checkContext({ context: folder })).rejects.toEqual(fails('build-context', { why: expect.stringContaining('Dockerfile') }));
    await expect(watchFiles([{ folder: join(folder, 'nothing'), ignored: () => false, skipped: () => false }])).rejects.toEqual(fails('watch-impossible'));
  });
});

describe('what was typed', () => {
  test('names of variables, topics, modes of volumes', () => {
    for (const name of ['', 'A B', 'A=b']) expect(() => checkEnvPattern(name)).toThrow(fails('env-malformed'));
    expect(() => topicText('rulez', ['run'])).toThrow(fails('topic-unknown', { why: expect.stringContaining('did you mean') }));
    expect(() => planVolumes({
      bridge: { namespace: 'shop', name: 'api-ann' }, offer: { pod: { name: 'api-1', namespace: 'shop', uid: 'u' }, volumes: [{ name: 'one', kind: 'configMap', class: 'synced', path: '/etc/one', at: '/etc/one', readOnly: true, type: 'file' }] },
      modes: new Map([['one', 'local']]), own: new Set(), live: true,
    })).toThrow(fails('volume-mode-impossible', { next: expect.stringContaining('-v FILE:/etc/one') }));
  });
});

describe('Docker', () => {
  test('no image can be pulled or built', async () => {
    const docker = fakeDocker();
    docker.images.pull = () => Promise.reject(dockerError('pull-failed'));
    await expect(ensureBaseImage(docker, quiet, never)).rejects.toEqual(fails('base-image-unavailable', { next: 'docker pull debian:trixie-slim' }));
    const client = { buildImage: async () => undefined, modem: { followProgress: (_: unknown, done: (error: Error | null) => void, event: (event: unknown) => void) => { event({ error: 'RUN failed', errorDetail: { message: 'RUN failed' } }); done(null); } } };
    const images = createImages({ client, attempt: (_: string, act: () => unknown) => act(), fail: quiet } as unknown as Parameters<typeof createImages>[0]);
    await expect(images.build(undefined as never, { tag: 'x:1', labels: {} })).rejects.toEqual(fails('build-failed', { why: 'RUN failed' }));
  });

  test('no subnet, no address, a container that never is', async () => {
    const [full, taken, restless] = [fakeDocker(), fakeDocker(), fakeDocker()];
    full.networks.create = () => Promise.reject(dockerError('network-overlap'));
    await expect(ensureNetwork({ docker: full, link: 'ann-00000a', labels: {}, avoid: [] })).rejects.toEqual(fails('no-free-subnet', { next: 'docker network prune' }));
    await taken.networks.create({ name: 'n', labels: {}, subnet: '10.1.1.0/27', gateway: '10.1.1.1' });
    await expect(freeAddress(taken, 'n', 'ann', 'seed', new Set(addressesOf('10.1.1.0/27', 'seed')))).rejects.toEqual(fails('network-full'));
    const network = await ensureNetwork({ docker: restless, link: 'ann-00000a', labels: {}, avoid: [] });
    restless.containers.create = () => Promise.reject(dockerError('name-conflict'));
    await expect(ensureCargo({ docker: restless, link: 'ann-00000a', image: 'podbridge/cargo:1', network, labels: {} })).rejects.toEqual(fails('cargo-unstable', { next: expect.stringContaining('docker ps') }));
  });

  test('a restart of what ends with it; a project that is joined elsewhere', async () => {
    const docker = fakeDocker();
    const summary = { id: 'c', name: 'api-ann', state: 'running', labels: { [labels.session]: 'laptop/1' } } as unknown as ContainerSummary;
    await expect(restartContainer(docker, 'ann', summary)).rejects.toEqual(fails('container-in-foreground', { kind: 'refused', next: expect.stringContaining('bridge run --detach') }));
    const composed = { ...summary, labels: { ...summary.labels, 'com.docker.compose.project': 'p' } };
    await expect(restartContainer(docker, 'ann', composed)).rejects.toEqual(fails('container-in-foreground', { what: expect.stringContaining('bridge compose up in the foreground'), next: expect.stringContaining('bridge compose up --detach') }));
    docker.state.images.set('x', 'sha256:x');
    await docker.containers.create({
      name: 'p-web-1', image: 'x', labels: { [labels.managedBy]: 'podbridge', [labels.role]: 'app', [labels.link]: 'ann-ffffff', [labels.bridge]: 'web-ann', [labels.namespace]: 'shop', 'com.docker.compose.project': 'p', 'com.docker.compose.service': 'web' },
    });
    const request = { model: { name: 'p', services: { web: {} } }, joined: new Map([['web', {}]]) } as unknown as UpRequest;
    const parts = { host: fakeHost(), reporter: { emit: quiet }, docker: () => Promise.resolve(docker), cluster: () => Promise.resolve(fakeCluster()) } as unknown as UpParts;
    await expect(standUpProject(request, parts, steps())).rejects.toEqual(fails('compose-elsewhere', { why: expect.stringContaining('ann-ffffff') }));
  });
});

describe('the cluster side', () => {
  const now = () => performance.now();

  test('is too old, or enforces nothing', async () => {
    const old = Object.assign(fakeCluster(), { serverVersion: async () => 'v1.29.3' });
    await expect(install({ cluster: old, steps: steps(), now, image: { reference: 'x', deliver: async () => '' } })).rejects.toEqual(fails('kubernetes-too-old', { what: expect.stringContaining('v1.29.3') }));
    const add = holdClocks();
    const lax = Object.assign(fakeCluster(), { apply: async () => { add(60_000); } }) as unknown as Cluster;
    await expect(waitForPolicies(lax, 'abc', now)).rejects.toEqual(fails('policies-not-in-force', { kind: 'timeout' }));
  });

  test('does not go, or does not start', async () => {
    const add = holdClocks();
    const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'bridge-system', uid: 'u' } } as unknown as KubeObject;
    const held = Object.assign(fakeCluster(), { find: async () => { add(200_000); return object; } }) as unknown as Cluster;
    await expect(untilGone(held, [{ type: resources.Namespace, object }] as Parameters<typeof untilGone>[1], quiet, now)).rejects.toEqual(fails('uninstall-stuck', { next: expect.stringContaining('bridge-system') }));
    const slow = fakeCluster({ untilTurns: 2 });
    await expect(waitForRollout(slow, { type: resources.Deployment, name: 'stowaway-controller' }, now, quiet)).rejects.toEqual(fails('rollout-failed', { kind: 'timeout', what: 'stowaway-controller does not start' }));
  });

  test('has no pod of a part', async () => {
    await expect(streamPartLogs(fakeCluster(), fakeHost(), 'agent', { follow: false, timestamps: false, json: false })).rejects.toEqual(fails('part-not-running', { why: expect.stringContaining('while something is bridged') }));
  });

  test('has a hub that does not answer', async () => {
    const add = holdClocks();
    const control = { call: async (method: string) => { add(60_000); return method === 'status' ? { echoAgeMs: null } : {}; } };
    const request = {
      docker: fakeDocker(), cargo: { id: 'c', control }, network: { subnet: { cidr: '10.87.1.0/24', gateway: '10.87.1.1', cargo: '10.87.1.2' } },
      client: { address: '100.96.0.7', hub: { publicKey: 'K', address: '100.96.0.1' }, cluster: { dns: {} } }, ways: [{ transport: 'udp', endpoints: [{ host: '10.0.0.9', port: 31820 }] }],
    } as unknown as TunnelRequest;
    await expect(connectTunnel(request)).rejects.toEqual(fails('hub-unreachable', { what: expect.stringContaining('udp 10.0.0.9:31820') }));
  });
});

describe('a bridge', () => {
  test('whose files do not come', async () => {
    const docker = fakeDocker();
    await docker.networks.create({ name: 'net', labels: {}, subnet: '10.1.1.0/24', gateway: '10.1.1.1' });
    await docker.containers.create({ name: 'podbridge-ann-1', image: 'podbridge/cargo:1', labels: {} });
    docker.state.images.set('sha256:one', 'sha256:one');
    docker.containers.execStream = async () => {
      const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
      const ended = new Promise<number>((resolve) => { stdin.on('finish', () => { stdout.write(`${JSON.stringify({ ready: false, bytes: 0, ofBytes: 9, waiting: 'the agent' })}\n`); setImmediate(() => resolve(1)); }); });
      return { stdin, stdout, stderr, ended, close: quiet, resize: async () => undefined };
    };
    const offer = { pod: { name: 'api-1', namespace: 'shop', uid: 'u' }, volumes: [{ name: 'one', kind: 'configMap', class: 'synced', path: '/etc/one', at: '/etc/one', readOnly: true, type: 'directory' }] };
    const link = { client: 'ann-1', network: 'net', owner: 'ann', control: { call: async () => offer } } as unknown as UsableLink;
    const question = { docker, steps: steps(), reporter: { emit: quiet }, now: () => 0, link, watch: watched(), bridgeUid: '0123456789', modes: new Map(), ownBinds: [], expects: { any: true, live: false }, more: {} };
    await expect(bringFiles(question)).rejects.toEqual(fails('files-not-brought', { why: 'the agent', next: expect.stringContaining('--no-volumes') }));
  });

  const bridge = { apiVersion: '', kind: 'Bridge', metadata: { name: 'api-ann', namespace: 'shop' }, spec: { ports: [] }, status: { phase: 'Ready', pods: [{ name: 'api-1', ready: true, agent: '10.1.1.1' }] } } as unknown as Bridge;
  const watched = (): BridgeWatch => new BridgeWatch({ async* watch() { yield { type: 'synced', items: [bridge] }; await new Promise(quiet); } } as unknown as Cluster, { namespace: 'shop', name: 'api-ann' });

  test('that somebody has deleted meanwhile', () => {
    expect(isReady(undefined, false)).toBe(false);
    expect(() => isReady(undefined, true)).toThrow(fails('bridge-gone', { next: 'bridge list' }));
  });

  test('whose agent gives nothing', async () => {
    const add = holdClocks();
    const control = { call: async () => { add(10_000); throw new Error('connection refused'); } } as unknown as Control;
    const question = () => ({ watch: watched(), control, signal: never, waiting: quiet });
    await expect(fetchIdentity(question())).rejects.toEqual(fails('identity-unavailable', { why: 'connection refused' }));
    await expect(askForFiles(question())).rejects.toEqual(fails('files-unavailable', { why: 'connection refused' }));
  });
});
