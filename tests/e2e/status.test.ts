/** What users see of what runs: `bridge status` as a screen, as one answer and as lines, with the real numbers; and `bridge restart`. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import type { StatusSnapshot } from '../../cli/status/snapshot.ts';
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
