/** bridge.yaml and images that are built: one command, from a folder below the file, without flags. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { execa } from 'execa';
import type { RunSummary } from '../../cli/bridge/summary.ts';
import { bridge, bridgeOk, startBridge, type BridgeOptions } from '../support/bridge-command.ts';
import { untilServing } from '../support/serving.ts';
import { until } from '../support/wait.ts';
import { deployment, service } from '../workloads/manifests.ts';
import { setUpLimitMs, startSuite, testLimitMs, type Suite } from './support/suite.ts';

jest.setTimeout(testLimitMs);
const namespace = 'e2e-project';
let suite: Suite;
let folder: string;
/** In a folder below the file. */
let there: BridgeOptions;

const who = async (name: string, headers: Record<string, string> = {}): Promise<string> => (JSON.parse((await suite.prober.fetch(`http://${await suite.addressOf(name)}/`, headers)).body) as { who: string }).who;
const serving = ({ bridge: made }: RunSummary) => untilServing(suite.kube, namespace, made!.name);

beforeAll(async () => {
  suite = await startSuite(namespace, (image) => ['web', 'other'].flatMap((name) => [deployment({ name, namespace, image }), service({ name, namespace })]));
  folder = await mkdtemp(join(tmpdir(), 'podbridge-project-'));
  await mkdir(join(folder, 'app', 'deep'), { recursive: true });
  there = { ...suite.user, cwd: join(folder, 'app', 'deep'), env: { MARK: 'pia' } };
  await writeFile(join(folder, 'app', 'Dockerfile'), `ARG BASE\nFROM ${suite.image}\nARG NAME\nENV WHO=$NAME\nCOPY note /note\n`);
  await writeFile(join(folder, 'app', 'note'), 'first\n');
  await writeFile(join(folder, 'app', '.dockerignore'), 'deep\n');
  await writeFile(join(folder, 'bridge.yaml'), `namespace: ${namespace}
services:
  built:
    target: deploy/web
    ports: http
    build: {context: app, args: {NAME: built}}
    rules: {mark: "\${MARK}"}
  plain:
    target: deploy/other
    ports: http
    image: ${suite.image}
    env: {WHO: plain}
  short:
    image: ${suite.image}
    command: [no-such-mode]
`);
}, setUpLimitMs);
afterAll(async () => {
  await suite?.end();
  if (folder !== undefined) await execa('docker', ['rmi', '--force', `podbridge/app-${basename(folder).toLowerCase()}-built:dev`], { reject: false });
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
});

test('two services of the file at once, one of them built; flags win', async () => {
  const { stdout } = await bridgeOk(['run', '-d', '-o', 'json', 'built', 'plain', '-e', 'EXTRA=1'], there);
  const { runs } = JSON.parse(stdout) as { runs: RunSummary[] };
  expect(runs.map(({ target, rules }) => [target?.name, rules])).toEqual(expect.arrayContaining([['web', [{ mark: 'pia' }]], ['other', []]]));
  await Promise.all(runs.map(serving));
  expect([await who('web'), await who('web', { baggage: 'bridge=pia' }), await who('other')]).toEqual([expect.not.stringMatching(/built|plain/), 'built', 'plain']);
  expect(runs.find(({ target }) => target?.name === 'web')!.container.image).toBe(`podbridge/app-${basename(folder).toLowerCase()}-built:dev`);
  const { stdout: env } = await execa('docker', ['inspect', '--format', '{{json .Config.Env}}', runs.find(({ target }) => target?.name === 'other')!.container.name]);
  expect(JSON.parse(env)).toEqual(expect.arrayContaining(['EXTRA=1', 'WHO=plain']));
  await bridgeOk(['stop', ...runs.map(({ bridge: made }) => made!.name)], there);
});

test('in the foreground: logs begin with the service\'s name, one that ends says so, and Ctrl-C ends them all', async () => {
  const running = startBridge(['run', 'plain', 'built', 'short'], there);
  let output = '';
  running.all.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await until('both services', async () => (/Bridged: deployment web/.test(output) && /Bridged: deployment other/.test(output) && /^plain \| /m.test(output) && /^built \| /m.test(output) && /short: the container has ended with exit code [1-9]/.test(output) ? true : undefined), testLimitMs / 2).catch((error: unknown) => {
    throw new Error(`${String(error)}\n${output}`);
  });
  running.kill('SIGINT');
  expect((await running).exitCode).toBe(130);
  const { stdout } = await bridgeOk(['list', '-o', 'json'], there);
  expect((JSON.parse(stdout) as { bridges: unknown[] }).bridges).toEqual([]);
});

test('one that fails ends the others, and its error is told', async () => {
  await writeFile(join(folder, 'wrong.yaml'), `namespace: ${namespace}\nservices:\n  plain: {target: deploy/other, ports: http, image: ${suite.image}}\n  bad: {target: deploy/nothing, image: ${suite.image}}\n`);
  const { exitCode, stderr } = await bridge(['run', '--project', join(folder, 'wrong.yaml'), 'plain', 'bad'], there);
  expect({ exitCode, stderr }).toEqual({ exitCode: 125, stderr: expect.stringMatching(/there is no deployment nothing in namespace/) });
});

test('--build without a file: the cache is used, and a Dockerfile that fails is told with its output', async () => {
  const run = (args: string[]) => bridge(['run', '--project', 'none', '-n', namespace, '--build', '..', ...args], there);
  const { exitCode, stdout } = await run(['-d', '--name', 'e2e-project-alone', '-o', 'json']);
  expect({ exitCode, image: (JSON.parse(stdout) as RunSummary).container.image }).toEqual({ exitCode: 0, image: 'podbridge/app-e2e-project-alone:dev' });
  await bridgeOk(['stop', 'e2e-project-alone', '-n', namespace], suite.user);
  await execa('docker', ['rmi', '--force', 'podbridge/app-e2e-project-alone:dev']);
  await writeFile(join(folder, 'app', 'Dockerfile.bad'), `FROM ${suite.image}\nCOPY no-such-file /\n`);
  expect(await run(['--dockerfile', 'Dockerfile.bad'])).toMatchObject({ exitCode: 125, stderr: expect.stringMatching(/cannot be built[\s\S]*no-such-file/) });
  expect(await run(['--dockerfile', 'Dockerfile.none'])).toMatchObject({ exitCode: 125, stderr: expect.stringMatching(/there is no .*Dockerfile\.none/) });
});

test('bridge init writes a file from the cluster that bridge run takes as it is; a second target is added; without a terminal it names what there is', async () => {
  const fresh = await mkdtemp(join(tmpdir(), 'podbridge-init-'));
  const here = { ...suite.admin, cwd: fresh };
  try {
    expect(await bridge(['init', '-n', namespace], here)).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(/there are: deploy\/other, deploy\/web/) });
    await bridgeOk(['init', 'deploy/web', '-n', namespace], here);
    await bridgeOk(['init', 'deploy/other', '-n', namespace], here);
    const { stdout } = await bridgeOk(['run', '-d', 'web', '-o', 'json', '-e', 'WHO=initialised'], here);
    const summary = JSON.parse(stdout) as RunSummary;
    await serving(summary);
    expect(await who('web')).toBe('initialised');
    await bridgeOk(['stop', summary.bridge!.name], here);
  } finally {
    await rm(fresh, { recursive: true });
  }
});
