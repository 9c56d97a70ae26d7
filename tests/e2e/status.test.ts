/** What users see of what runs: `bridge status` as a screen, as one answer and as lines, with the real numbers; and `bridge restart`. */
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { execa } from 'execa';
import type { StatusSnapshot } from '../../cli/status/snapshot.ts';
import { kubectlFor } from '../cluster/index.ts';
import { bridgeProgram, startBridge } from '../support/bridge-command.ts';
import { openTerminal } from '../support/terminal.ts';
import { until } from '../support/wait.ts';
import { deployment, service } from '../workloads/manifests.ts';
import { setUpLimitMs, startSuite, testLimitMs, type Suite } from './support/suite.ts';

jest.setTimeout(testLimitMs);
const namespace = 'e2e-status';
const name = 'e2e-status';
const mine = 'x-developer: ann';
const patienceMs = 30_000;
let suite: Suite;
let url: string;

beforeAll(async () => {
  suite = await startSuite(namespace, (image) => [deployment({ name: 'web', namespace, image, replicas: 2 }), service({ name: 'web', namespace })]);
  url = `http://${await suite.addressOf('web')}/`;
  await suite.run(name, 'local', ['--target', 'deploy/web', '--port', 'http', '--header', 'x-developer=ann']);
}, setUpLimitMs);
afterAll(() => suite?.end());

async function status(): Promise<StatusSnapshot> {
  return JSON.parse((await suite.bridge(['status', '-o', 'json'])).stdout) as StatusSnapshot;
}

test('requests are counted where they went, over both nodes', async () => {
  const before = (await status()).bridges[0]!.requests!;
  const report = await suite.prober.run('http', '--url', url, '--count', '400', '--connections', '4', '--alternate', mine);
  expect(report).toMatchObject({ failed: 0, byKind: { plain: { original: 200 }, alternate: { local: 200 } } });
  const { requests } = (await status()).bridges[0]!;
  expect(requests!.local - before.local).toBe(200);
  // The kubelet's probes are requests too, and go to the original.
  expect(requests!.original - before.original).toBeGreaterThanOrEqual(200);
  expect(requests!.failed).toBe(0);
});

test('the answer tells link, bridge, container', async () => {
  const { link, bridges, containers, problems } = await status();
  expect(link).toMatchObject({ state: 'up', transport: expect.any(String), endpoint: expect.stringMatching(/:\d+$/), mtu: expect.any(Number) });
  expect(link.latenciesMs.length).toBeGreaterThan(0);
  expect(bridges).toMatchObject([{ namespace, name, phase: 'Ready', serving: true, desiredPods: 2, container: name, curl: "curl -H 'x-developer: ann' http://", pods: [{ ready: true }, { ready: true }] }]);
  expect(containers).toMatchObject([{ name, state: 'running', bridge: `${namespace}/${name}` }]);
  expect(containers[0]!.memoryBytes).toBeGreaterThan(0);
  expect(containers[0]!.cpuPercent).not.toBeNull();
  expect(problems).toEqual([]);
  const { stdout } = await suite.bridge(['status']);
  expect(stdout).toMatch(/LINK . up/);
  expect(stdout).toMatch(/e2e-status\s+deployment\/web\s+2\/2\s+header x-developer=ann/);
});

test('--watch: lines, and objects with -o json, until a signal', async () => {
  for (const [args, isGood] of [[[], (text: string) => /bridge e2e-status\/e2e-status Ready pods 2\/2 local \S+\/s/.test(text)], [['-o', 'json'], (text: string) => text.trim().split('\n').length >= 2]] as const) {
    const watching = startBridge(['status', '--watch', '--interval', '0.3', '-n', namespace, ...args], suite.user);
    let text = '';
    watching.stdout.on('data', (chunk: Buffer) => { text += chunk.toString(); });
    await until('lines', async () => isGood(text) || undefined, patienceMs);
    watching.kill('SIGINT');
    const { exitCode } = await watching;
    expect({ exitCode, text }).toMatchObject({ exitCode: 0 });
    if (args.length > 0) for (const line of text.trim().split('\n')) expect(JSON.parse(line)).toMatchObject({ bridges: [{ name }] });
  }
});

test('restart: in place, and no request is lost', async () => {
  const probe = await suite.prober.start('http', '--url', url, '--rate', '50', '--duration', '150s', '--alternate', mine);
  const [before] = (await status()).containers;
  await suite.bridge(['restart', name]);
  await until('requests at the container again', async () => {
    const { changes } = await probe.peek();
    return changes.length > 2 || undefined;
  }, patienceMs).catch(() => undefined);
  await sleep(1000);
  const [after] = (await status()).containers;
  expect(after).toMatchObject({ id: before!.id, address: before!.address, state: 'running' });
  expect(await probe.stop()).toMatchObject({ failed: 0 });
});

test('exec: in the container, with its exit code; logs of every part', async () => {
  const inside = await suite.bridge(['exec', name, '-o', 'json', '--', '/echo', 'client', 'http', '--url', 'http://web/healthz', '--count', '3']);
  const answer = JSON.parse(inside.stdout) as { exitCode: number; stdout: string };
  expect({ ...answer, stdout: '' }).toMatchObject({ exitCode: 0 });
  expect(answer.stdout).toContain('"total":3');
  const missing = await suite.bridge(['exec', name, '--', '/no-such-program']);
  expect([126, 127]).toContain(missing.exitCode);
  expect((await suite.bridge(['exec', 'nobody', '--', 'true'])).stderr).toContain('there is no bridge or container nobody');
  expect((await suite.bridge(['logs', '--of', 'cargo', '--tail', '200'])).stdout).toContain('"event"');
  expect((await suite.bridge(['logs', '--of', 'hub', '--tail', '5'], suite.admin)).stdout).not.toBe('');
  const agents = await suite.bridge(['logs', name, '--of', 'agent', '--tail', '5', '-o', 'json'], suite.admin);
  expect(new Set(agents.stdout.trim().split('\n').map((line) => (JSON.parse(line) as { pod: string }).pod)).size).toBe(2);
});

test('a cluster out of reach: this machine\'s side is shown, what removes it is named, and the exit code says it', async () => {
  // The way there is broken, not the kubeconfig: it is still the same context and server.
  const cut = { env: { HTTPS_PROXY: 'http://127.0.0.1:9' } };
  const [list, once, object] = await Promise.all([suite.bridge(['list'], cut), suite.bridge(['status'], cut), suite.bridge(['status', '-o', 'json'], cut)]);
  for (const { exitCode, stdout, stderr } of [list, once]) {
    expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 3, stdout: expect.stringContaining(name), stderr: expect.stringMatching(/only this machine's side is shown[^]*next: bridge down /) });
  }
  expect(list.stdout).toMatch(/^CONTAINER +BRIDGE/m);
  expect({ exitCode: object.exitCode, ...JSON.parse(object.stdout) as object }).toMatchObject({ exitCode: 3, bridgesKnown: false, bridges: [], containers: [{ name, state: 'running' }], link: { state: 'up' } });
});

test('as a plugin of kubectl and of docker: the same program', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'podbridge-plugins-'));
  try {
    await mkdir(join(folder, 'cli-plugins'));
    await symlink(process.execPath, join(folder, 'node'));
    await symlink(bridgeProgram, join(folder, 'kubectl-bridge'));
    await symlink(bridgeProgram, join(folder, 'cli-plugins', 'docker-bridge'));
    const env = { PATH: `${folder}:${process.env.PATH}`, HOME: folder, DOCKER_CONFIG: folder, PODBRIDGE_KUBECONFIG: suite.user.kubeconfig, PODBRIDGE_CONTEXT: suite.user.context!, ...(process.env.DOCKER_HOST === undefined ? {} : { DOCKER_HOST: process.env.DOCKER_HOST }) };
    const run = async (file: string, args: string[]) => (await execa(file, args, { env, extendEnv: false, stdin: 'ignore' })).stdout;
    const kubectl = await kubectlFor(suite.cluster);
    for (const [file, ...args] of [[kubectl, 'bridge'], ['docker', 'bridge']] as const) {
      expect(JSON.parse(await run(file, [...args, 'list', '-n', namespace, '-o', 'json']))).toMatchObject({ bridges: [{ name }] });
      // What it advises can be typed.
      expect(await run(file, [...args, 'help', 'troubleshooting'])).toMatch(file === 'docker' ? /^ {2}docker bridge doctor /m : /^ {2}kubectl bridge doctor /m);
    }
    expect(await run('docker', ['--help'])).toMatch(/bridge\*? +Run a container as if it were a pod/);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('the screen of the real program: shows it, stops it, leaves the terminal as it was', async () => {
  const terminal = await openTerminal([process.execPath, bridgeProgram, 'status', '-n', namespace], {
    env: { PODBRIDGE_KUBECONFIG: suite.user.kubeconfig, PODBRIDGE_CONTEXT: suite.user.context! },
  });
  const probe = await suite.prober.start('http', '--url', url, '--rate', '20', '--duration', '150s', '--alternate', mine);
  try {
    await terminal.until('the screen', (text) => text.includes('LINK ● up') && text.includes(`› ${name}`) && text.includes('● Ready') && text.includes('CONTAINERS') && text.includes('EVENTS'));
    await terminal.until('requests in both columns', (text) => / [1-9]\d*(\.\d)?\/s +[1-9]\d*(\.\d)?\/s +0\/s/.test(text));
    await terminal.keys('l');
    await terminal.until('the log', (text) => text.includes(`LOG of ${namespace}/${name}`));
    await terminal.keys('Escape');
    await terminal.until('the screen again', (text) => text.includes('CONTAINERS'));
    await terminal.keys('t');
    await terminal.until('requests of both sides', (text) => text.includes(`REQUESTS to the target of ${namespace}/${name}`) && / GET \/ 200 .* by original/.test(text) && text.includes(`by ${namespace}/${name}`));
    await terminal.keys('Escape');
    await terminal.until('the screen again', (text) => text.includes('CONTAINERS'));
    await terminal.keys('s');
    await terminal.until('the question', (text) => text.includes(`Stop ${namespace}/${name}?`));
    await terminal.keys('y');
    await terminal.until('the end of the bridge', (text) => text.includes('There is no bridge'));
    await terminal.keys('q');
    expect(await terminal.exitCode()).toBe(0);
    expect({ ...await terminal.modes(), settings: await terminal.settingsKept() }).toEqual({ alternate: false, cursor: true, settings: true });
    expect((await probe.stop()).failed).toBe(0);
  } finally {
    await terminal.close();
  }
});
