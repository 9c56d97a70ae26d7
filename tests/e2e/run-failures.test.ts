/** Each step of `bridge run` made to fail: the exit code says whose fault it is, the words say what to do, and nothing is left on either side. */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { labels, managedBy, names, systemNamespace } from '../../protocol/names.ts';
import { resources } from '../../cli/adapters/cluster/index.ts';
import { bridge, bridgeOk, startBridge, type BridgeOptions } from '../support/bridge-command.ts';
import { dockerInventory } from '../support/inventory.ts';
import { grant, makeUser, type User } from '../support/user.ts';
import { until } from '../support/wait.ts';
import { deployment, service } from '../workloads/manifests.ts';
import { setUpLimitMs, startSuite, testLimitMs, type Suite } from './support/suite.ts';

jest.setTimeout(testLimitMs);
const namespace = 'e2e-run-failures';
let suite: Suite;
let folder: string;
let stranger: User;
/** Has every right, and no link. */
let lone: User;
let link: string;

interface Case {
  args?: string[];
  target?: string;
  image?: string;
  options?: () => Partial<BridgeOptions>;
  exitCode: number;
  code: string;
  /** What the person reads, and the command that is offered. */
  what: RegExp;
  next: RegExp;
}

const cases: Record<string, Case> = {
  'the image is nowhere': { image: 'podbridge-test/no-such-image:1', exitCode: 3, code: 'pull-failed', what: /podbridge-test\/no-such-image:1/, next: /docker pull/ },
  'the image may not be pulled': { image: 'podbridge-test/no-such-image:1', args: ['--pull', 'never'], exitCode: 3, code: 'image-not-found', what: /no-such-image/, next: /docker|--pull/ },
  'there is no such target': { target: 'deploy/api', exitCode: 2, code: 'target-not-found', what: /no deployment api.*web/s, next: /kubectl .*get deployments/ },
  'there is no such kind': { target: 'cronjob/web', exitCode: 2, code: 'target-malformed', what: /cronjob/, next: /--target/ },
  'there is no such container': { args: ['--container', 'nginx'], exitCode: 2, code: 'container-not-found', what: /nginx/, next: /--container/ },
  'the port is none': { args: ['--port', '70000'], exitCode: 2, code: 'port-malformed', what: /70000/, next: /--port/ },
  'the named port does not exist': { args: ['--port', 'metrics'], exitCode: 2, code: 'port-not-found', what: /metrics/, next: /--port/ },
  'the rule is malformed': { args: ['--header', 'x-user'], exitCode: 2, code: 'rule-malformed', what: /x-user/, next: /--header/ },
  'the file of variables is not there': { args: ['--env-file', 'no-such.env'], exitCode: 2, code: 'env-file-unreadable', what: /no-such\.env/, next: /--env-file/ },
  'the flag does not exist': { args: ['--targett', 'x'], exitCode: 2, code: 'usage', what: /targett/, next: /--target|--help/ },
  'the cluster does not answer': { options: () => ({ kubeconfig: join(folder, 'nowhere') }), exitCode: 3, code: 'cluster-unreachable', what: /127\.0\.0\.1:9/, next: /kubectl|context/ },
  'the context does not exist': { options: () => ({ context: 'no-such-context' }), exitCode: 2, code: 'context-missing', what: /no-such-context/, next: /context/ },
  'Docker does not run': { options: () => ({ env: { DOCKER_HOST: `unix://${join(folder, 'no-docker.sock')}` } }), exitCode: 3, code: 'docker-unreachable', what: /Docker/, next: /docker/i },
  'the user has no rights in the namespace': { options: () => ({ kubeconfig: stranger.kubeconfigPath, context: stranger.context }), exitCode: 4, code: 'cluster-forbidden', what: /deployments|bridges|clients/, next: /kubectl .*auth can-i[\s\S]*kubectl create rolebinding podbridge-user-/ },
};

beforeAll(async () => {
  suite = await startSuite(namespace, (image) => [deployment({ name: 'web', namespace, image }), service({ name: 'web', namespace })]);
  folder = await mkdtemp(join(tmpdir(), 'podbridge-failures-'));
  const kubeconfig = await readFile(suite.user.kubeconfig, 'utf8');
  await writeFile(join(folder, 'nowhere'), kubeconfig.replace(/https:\/\/[^"\s,}]+/, 'https://127.0.0.1:9'), { mode: 0o600 });
  stranger = await makeUser(suite.kube, suite.cluster, namespace, 'stranger');
  await grant(suite.kube, stranger, names.userRole, systemNamespace);
  lone = await makeUser(suite.kube, suite.cluster, namespace, 'lone');
  for (const where of [systemNamespace, namespace]) await grant(suite.kube, lone, names.userRole, where);
  const as: BridgeOptions = { ...suite.user, kubeconfig: lone.kubeconfigPath, context: lone.context };
  ({ link } = JSON.parse((await bridgeOk(['up', '-o', 'json'], as)).stdout) as { link: string });
  await bridgeOk(['down'], as);
}, setUpLimitMs);

afterAll(async () => {
  if (stranger !== undefined) {
    await bridge(['down'], { kubeconfig: stranger.kubeconfigPath, context: stranger.context });
    await stranger.dispose();
  }
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  await suite?.end();
});

/** Bridges of the namespace and app containers of the namespace: what a failed `bridge run` could leave. */
async function leftovers(): Promise<string[]> {
  const [{ items }, { stdout }] = await Promise.all([
    suite.kube.list(resources.Bridge, { namespace }),
    execa('docker', ['ps', '--all', '--format', '{{.Names}}', '--filter', `label=${labels.managedBy}=${managedBy}`, '--filter', `label=${labels.namespace}=${namespace}`]),
  ]);
  return [...items.map(({ metadata }) => `bridge ${metadata.name}`), ...stdout.split('\n').filter(Boolean).map((name) => `container ${name}`)];
}

const argsOf = ({ args = [], target = 'deploy/web', image }: Case): string[] => ['run', '--image', image ?? suite.image, '--target', target, ...args];

describe.each(Object.entries(cases))('when %s', (_, failure) => {
  test(`bridge run -d ends with ${failure.exitCode}, says why and what to do, and leaves nothing`, async () => {
    const before = await suite.state();
    const run = await suite.bridge([...argsOf(failure), '-d', '-o', 'json'], failure.options?.());
    const { error } = JSON.parse(run.stdout) as { error: { code: string; what: string; why?: string; next?: string } };
    expect([run.exitCode, error.code]).toEqual([failure.exitCode, failure.code]);
    expect(`${error.what}\n${error.why ?? ''}`).toMatch(failure.what);
    expect(error.next).toMatch(failure.next);
    expect(run.stderr).not.toMatch(/\n\s+at /);
    expect(await leftovers()).toEqual([]);
    expect(await suite.state()).toBe(before);
  });
});

describe('of commands about a bridge', () => {
  const name = 'e2e-run-lame';
  const codeOf = async (args: string[], options?: Partial<BridgeOptions>): Promise<string> => {
    // What follows a `--` is the container's.
    const end = args.includes('--') ? args.indexOf('--') : args.length;
    const { stdout, stderr } = await suite.bridge([...args.slice(0, end), '-o', 'json', ...args.slice(end)], options);
    expect(stderr).not.toMatch(/\n\s+at /);
    return (JSON.parse(stdout) as { error?: { code: string } }).error?.code ?? 'no error';
  };

  test('its container has ended, or is gone', async () => {
    await suite.run(name, 'local', ['--target', 'deploy/web', '--port', 'http']);
    await execa('docker', ['stop', '--time', '0', name]);
    expect(await codeOf(['exec', name, '--', 'true'])).toBe('container-not-running');
    await execa('docker', ['rm', '--force', name]);
    for (const args of [['exec', name, '--', 'true'], ['logs', name], ['restart', name]]) expect([args, await codeOf(args)]).toEqual([args, 'container-elsewhere']);
    await suite.stop(name);
  });

  test('the password on stdin is none, and there is no link to show the log of', async () => {
    expect(await codeOf(['preview', 'create', '--entry', 'svc/web', '--password-stdin'])).toBe('password-unusable');
    const as = { kubeconfig: stranger.kubeconfigPath, context: stranger.context };
    await bridge(['down'], as);
    expect(await codeOf(['logs', '--of', 'cargo'], as)).toBe('link-down');
  });
});

test('a link that was made for a run that failed has gone with it', async () => {
  const as: Partial<BridgeOptions> = { kubeconfig: stranger.kubeconfigPath, context: stranger.context };
  await bridge(['down'], { ...suite.user, ...as });
  expect((await suite.bridge(['run', '-d', '--image', suite.image, '--target', 'deploy/nothing'], as)).exitCode).toBe(4);
  const { links } = JSON.parse((await bridgeOk(['list', '-o', 'json', '-n', systemNamespace], { ...suite.user, ...as })).stdout) as { links: { owner: string }[] };
  expect(links.filter(({ owner }) => owner === stranger.username)).toEqual([]);
});

test('in the foreground the same failures end with 125, because other codes are the container\'s', async () => {
  const run = await suite.bridge(['run', '--image', suite.image, '--target', 'deploy/api']);
  expect(run.exitCode).toBe(125);
  expect(run.stderr).toMatch(/there is no deployment api/i);
});

test('the foreground gives the exit code of the container, and ends the bridge', async () => {
  const run = await bridge(['run', '--image', suite.image, '--target', 'deploy/web', '--port', 'http', '-n', namespace, '--', 'no-such-mode'], suite.user);
  expect(run.stderr + run.stdout).toMatch(/unknown command "no-such-mode"/);
  expect(run.exitCode).toBe(1);
  expect(await leftovers()).toEqual([]);
});

test('Ctrl-C undoes every step', async () => {
  const running = startBridge(['run', '--image', suite.image, '--target', 'deploy/web', '--port', 'http', '--name', 'e2e-interrupted', '-n', namespace], suite.user);
  await until('the bridge', async () => ((await leftovers()).length === 2 ? true : undefined), 60_000);
  running.kill('SIGINT');
  await running;
  expect(await leftovers()).toEqual([]);
});

test.each([
  ['up'], ['env', 'deploy/web'], ['files', 'deploy/web', 'no-such-folder/files'], ['tap', 'deploy/web'], ['propagation', 'check', '--entry', 'svc/web', 'deploy/web'],
])('Ctrl-C while bridge %s connects leaves no link', async (...args) => {
  const as: BridgeOptions = { ...suite.user, kubeconfig: lone.kubeconfigPath, context: lone.context };
  const inDocker = () => dockerInventory(link);
  expect(await inDocker()).toEqual([]);
  const running = startBridge([...args, '-n', namespace, '--progress', 'json'], as);
  await until('the network of the link', async () => ((await inDocker()).length > 0 ? true : undefined), 60_000);
  running.kill('SIGINT');
  const { exitCode, all } = await running;
  expect({ exitCode, all, left: await inDocker() }).toMatchObject({ exitCode: 130, left: [] });
  expect(all).not.toContain('defect');
});

test('after kill -9 of the foreground the bridge goes by itself, and the next command sweeps the container', async () => {
  const running = startBridge(['run', '--image', suite.image, '--target', 'deploy/web', '--port', 'http', '--name', 'e2e-killed', '-n', namespace, '--progress', 'plain'], suite.user);
  await until('the bridge and its container', async () => ((await leftovers()).length === 2 ? true : undefined), 60_000);
  running.kill('SIGKILL');
  await running;
  await until('the end of the bridge', async () => ((await leftovers()).includes('bridge e2e-killed') ? undefined : true), 30_000);
  await suite.bridge(['list']);
  expect(await leftovers()).toEqual([]);
});
