/** The package as a library, by its own name: a bridge that stands as long as a program wants it. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { execa } from 'execa';
import type { Bridge } from '../../protocol/objects.ts';
import { resources } from '../../cli/adapters/cluster/index.ts';
import { until } from '../support/wait.ts';
import { deployment, service } from '../workloads/manifests.ts';
import { setUpLimitMs, startSuite, testLimitMs, type Suite } from './support/suite.ts';

jest.setTimeout(testLimitMs);
const namespace = 'e2e-library';
const root = join(import.meta.dirname, '..', '..');
let suite: Suite;
let folder: string;

const env = () => ({ PODBRIDGE_KUBECONFIG: suite.user.kubeconfig, PODBRIDGE_CONTEXT: suite.user.context!, PODBRIDGE_NAMESPACE: namespace });
const node = (args: string[]) => execa(process.execPath, args, { cwd: root, env: env(), reject: false, all: true });
const bridges = async (): Promise<string[]> => (await suite.kube.list<Bridge>(resources.Bridge, { namespace })).items.map(({ metadata }) => metadata.name);
const containers = async (name: string): Promise<string> => (await execa('docker', ['ps', '--all', '--quiet', '--filter', `name=^${name}`])).stdout;

beforeAll(async () => {
  suite = await startSuite(namespace, (image) => [deployment({ name: 'web', namespace, image, env: [{ name: 'COLOR', value: 'green' }] }), service({ name: 'web', namespace })]);
  // In the package's own folder, whose name imports it.
  folder = await mkdtemp(join(root, 'dist', 'e2e-library-'));
}, setUpLimitMs);
afterAll(async () => {
  await suite?.end();
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
});

const program = async (text: string): Promise<string> => {
  const file = join(folder, `${Math.random().toString(36).slice(2)}.mjs`);
  await writeFile(file, `import { createBridge } from 'podbridge';\n${text}`);
  return file;
};

test('the example: a bridge, an answer of its container, and nothing left', async () => {
  const { exitCode, stdout, all } = await node(['examples/library/check.mjs', 'deploy/web', suite.image, 'http', '/healthz']);
  expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: expect.stringMatching(/^200 from check-\d+$/) });
  expect(all).toMatch(/bridged: 1 pods, port 8080/);
  expect(await bridges()).toEqual([]);
  expect(await containers('check-')).toBe('');
});

test('commands in the container, its output, its end; requests come to it meanwhile', async () => {
  const file = await program(`
    const lines = [];
    const bridge = await createBridge({ image: ${JSON.stringify(suite.image)}, target: 'deploy/web', ports: 'http', name: 'e2e-library-one', env: { WHO: 'library' }, onOutput: (stream, line) => lines.push(line) });
    const { exitCode, stdout } = await bridge.exec(['/echo', 'client', 'dns', 'web']);
    console.log(JSON.stringify({ exitCode, resolved: JSON.parse(stdout).failed === 0, bridge: bridge.bridge, lines: lines.length > 0 }));
    process.stdin.once('data', async () => { await bridge.stop(); await bridge.stop(); console.log(await bridge.exited); process.exit(); });
  `);
  const running = execa(process.execPath, [file], { env: env(), stdin: 'pipe', all: true, reject: false });
  let output = '';
  running.all.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await until('the bridge', async () => (output.includes('\n') ? true : undefined), testLimitMs / 3).catch(() => { throw new Error(output); });
  expect(JSON.parse(output)).toEqual({ exitCode: 0, resolved: true, bridge: { namespace, name: 'e2e-library-one' }, lines: true });
  expect((await suite.prober.fetch(`http://${await suite.addressOf('web')}/`)).body).toContain('"library"');
  running.stdin!.write('stop\n');
  const { exitCode } = await running;
  expect({ exitCode, last: output.trim().split('\n').at(-1) }).toEqual({ exitCode: 0, last: expect.stringMatching(/^\d+$/) });
  expect([await bridges(), await containers('e2e-library-')]).toEqual([[], '']);
});

test('what fails has a code, and leaves nothing', async () => {
  const file = await program(`
    const image = ${JSON.stringify(suite.image)};
    const codes = [];
    for (const options of [{ image, targt: 'deploy/web' }, { image, target: 'deploy/nobody' }, { image, target: 'deploy/web', ports: '8080:9', name: 'e2e-library-two', wait: true, signal: AbortSignal.timeout(8000) }]) {
      codes.push(await createBridge(options).then(() => 'made', (error) => [error.code, error.message, error instanceof Error]));
    }
    console.log(JSON.stringify(codes));
  `);
  const { stdout, exitCode } = await node([file]);
  expect({ exitCode, answers: JSON.parse(stdout) as unknown }).toEqual({ exitCode: 0, answers: [
    ['options-invalid', expect.stringContaining('did you mean target?'), true], ['target-not-found', expect.stringContaining('there is no deployment nobody'), true], [expect.any(String), expect.any(String), true],
  ] });
  expect([await bridges(), await containers('e2e-library-')]).toEqual([[], '']);
});
