/** bridge run --watch: a change is built and started while the bridge stays. */
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { execa } from 'execa';
import { bridge, bridgeOk, startBridge } from '../support/bridge-command.ts';
import { until } from '../support/wait.ts';
import { deployment, service } from '../workloads/manifests.ts';
import { setUpLimitMs, startSuite, testLimitMs, type Suite } from './support/suite.ts';

jest.setTimeout(testLimitMs);
const namespace = 'e2e-watch';
const name = 'e2e-watch';
let suite: Suite;
let folder: string;
let url: string;

const who = async (): Promise<string> => (JSON.parse((await suite.prober.fetch(url)).body) as { who: string }).who;
const answers = (wanted: string) => until(`answers of ${wanted}`, async () => ((await who()) === wanted ? true : undefined), testLimitMs / 4);
const dockerfile = (edition: string): Promise<void> => writeFile(join(folder, 'Dockerfile'), `FROM ${suite.image}\nENV WHO=${edition}\nCOPY note /note\n`);
const startedAt = async (): Promise<string> => (await execa('docker', ['inspect', '--format', '{{.State.StartedAt}}', name])).stdout;

beforeAll(async () => {
  suite = await startSuite(namespace, (image) => [deployment({ name: 'web', namespace, image }), service({ name: 'web', namespace })]);
  url = `http://${await suite.addressOf('web')}/`;
  folder = await mkdtemp(join(tmpdir(), 'podbridge-watch-'));
  await mkdir(join(folder, 'mounted'));
  await writeFile(join(folder, 'mounted', 'source'), '1');
  await writeFile(join(folder, '.dockerignore'), 'mounted\nignored\n');
  await writeFile(join(folder, 'note'), '1');
  await dockerfile('first');
}, setUpLimitMs);
afterAll(async () => {
  await suite?.end();
  await execa('docker', ['rmi', '--force', `podbridge/app-${name}:dev`], { reject: false });
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
});

test('another edition, a mounted file, a build that fails: not a request is lost; a program that crashes waits for the next change', async () => {
  const running = startBridge(['run', '--watch', '--build', folder, '-v', `${join(folder, 'mounted')}:/mounted`, '--name', name, '--target', 'deploy/web', '--port', 'http', '-n', namespace], suite.user);
  let output = '';
  running.all.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const told = (words: RegExp) => until(String(words), async () => (words.test(output) ? true : undefined), testLimitMs / 4).catch((error: unknown) => { throw new Error(`${String(error)}\n${output}`); });
  try {
    await told(/Watching .*podbridge-watch-/);
    await answers('first');
    const load = await suite.prober.start('http', '--url', url, '--rate', '50', '--duration', '180s');
    await dockerfile('second');
    await answers('second');
    await writeFile(join(folder, 'ignored'), 'nothing happens for this');
    // Saved by rename, then in place: the second is lost on whoever watches the file instead of its name.
    for (const [temporary, edition] of [['new', '2'], [undefined, '3']] as const) {
      const before = await startedAt();
      await writeFile(join(folder, 'mounted', temporary ?? 'source'), edition);
      if (temporary !== undefined) await rename(join(folder, 'mounted', temporary), join(folder, 'mounted', 'source'));
      await until('a start anew', async () => ((await startedAt()) === before ? undefined : true), testLimitMs / 4);
      await answers('second');
    }
    await told(/Restart after source/);

    await writeFile(join(folder, 'Dockerfile'), `FROM ${suite.image}\nCOPY there-is-none /\n`);
    await told(/the change of Dockerfile could not be taken over: .*cannot be built/);
    expect(await who()).toBe('second');
    await execa('docker', ['exec', name, '/echo', 'client', 'http', '--url', 'http://127.0.0.1:8080/healthz', '--count', '1']);

    await dockerfile('third');
    await answers('third');
    const report = await load.stop();
    expect({ failed: report.failed, errors: report.errors }).toEqual({ failed: 0, errors: {} });
    expect(Object.keys(report.byWho).sort()).toEqual(expect.arrayContaining(['first', 'original', 'second', 'third']));

    await execa('docker', ['kill', name]);
    await told(/the container has ended with exit code 137: requests go to the pods until the next change/);
    await answers('original');
    await dockerfile('fourth');
    await answers('fourth');
  } finally {
    running.kill('SIGINT');
    expect((await running).exitCode).toBe(130);
  }
  expect((await execa('docker', ['ps', '--all', '--quiet', '--filter', `name=^${name}$`])).stdout).toBe('');
});

test('--debug: a debugger answers on this machine, and on no other address of it; a port that Docker chose is told', async () => {
  // Cargo's image has Node.
  await bridgeOk(['up'], suite.user);
  const { stdout: images } = await execa('docker', ['ps', '--filter', 'label=podbridge.dev/role=cargo', '--format', '{{.Image}}']);
  const debugged = ['run', '-d', '--image', images.split('\n')[0]!, '--name', `${name}-debug`, '--debug', '29229:9229', '-p', '9230', '--entrypoint', 'node', '-n', namespace, '--', '--inspect=0.0.0.0:9229', '-e', 'setInterval(() => 0, 1000)'];
  const { stderr } = await bridgeOk(debugged, suite.user);
  try {
    expect((await execa('docker', ['port', `${name}-debug`, '9229'])).stdout).toBe('127.0.0.1:29229');
    expect(stderr).toMatch(/^ {2}port: 127\.0\.0\.1:29229 -> 9229\/tcp$/m);
    expect(stderr).toMatch(new RegExp(`^ {2}port: ${(await execa('docker', ['port', `${name}-debug`, '9230'])).stdout.split('\n')[0]!.replaceAll('.', '\\.')} -> 9230/tcp$`, 'm'));
    const [{ type, webSocketDebuggerUrl }] = await until('the debugger', () => fetch('http://127.0.0.1:29229/json/list').then((answer) => answer.json() as Promise<[{ type: string; webSocketDebuggerUrl: string }]>, () => undefined), testLimitMs / 6);
    expect({ type, webSocketDebuggerUrl }).toEqual({ type: 'node', webSocketDebuggerUrl: expect.stringMatching(/^ws:\/\/127\.0\.0\.1:29229\//) });
  } finally {
    await bridgeOk(['stop', `${name}-debug`, '-n', namespace], suite.user);
  }
});

test.each([
  [['-d', '--watch', '--build', '.'], /--watch and --detach exclude each other/], [['--watch', '--image', 'x'], /--watch has nothing to watch/], [['--wait', '--image', 'x'], /--wait says when a detached run returns/], [['--image', ''], /no image was named/],
])('%j is refused', async (args, message) => {
  expect(await bridge(['run', ...args, '-n', namespace], suite.user)).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(message) });
});
