/** One's own browser and curl, through the link, as requests of one's own bridge. */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { execa } from 'execa';
import { bridge, startBridge } from '../support/bridge-command.ts';
import { until } from '../support/wait.ts';
import { deployment, service } from '../workloads/manifests.ts';
import { setUpLimitMs, startSuite, testLimitMs, type Suite } from './support/suite.ts';

jest.setTimeout(testLimitMs);
const namespace = 'e2e-open';
const name = 'e2e-open';
const readyLimitMs = 90_000;
let suite: Suite;

beforeAll(async () => {
  suite = await startSuite(namespace, (image) => [deployment({ name: 'web', namespace, image }), service({ name: 'web', namespace })]);
  await suite.run(name, 'local', ['--target', 'deploy/web', '--port', 'http', '--mark', 'ann']);
}, setUpLimitMs);
afterAll(() => suite?.end());

test('bridge open: the bridge\'s view on a port of 127.0.0.1, nowhere else, until Ctrl-C', async () => {
  const running = startBridge(['open', 'svc/web:web', '--no-browser', '-o', 'json', '-n', namespace], suite.user);
  let out = '';
  running.stdout.on('data', (chunk: Buffer) => { out += String(chunk); });
  try {
    const { url } = JSON.parse(await until('the address', async () => (out.includes('\n') ? out.split('\n')[0] : undefined), readyLimitMs)) as { url: string };
    expect(await (await fetch(`${url}orders?n=1`)).json()).toMatchObject({ who: 'local', path: '/orders?n=1', headers: { baggage: ['bridge=ann'] } });
    const { port } = new URL(url);
    const statusAs = async (host: string) => (await execa('curl', ['-s', '-o', '/dev/null', '-w', '%{http_code}', '-H', `Host: ${host}`, url])).stdout;
    expect(await Promise.all([`evil.example:${port}`, '127.0.0.1', `localhost:${port}`].map(statusAs))).toEqual(['421', '421', '200']);
    const { stdout } = await execa('docker', ['ps', '--format', '{{.Ports}}', '--filter', `publish=${port}`]);
    expect(stdout).toMatch(new RegExp(`^127\\.0\\.0\\.1:${port}->`));
    expect(stdout).not.toContain('0.0.0.0');
    running.kill('SIGINT');
    await running;
    expect((await execa('docker', ['ps', '--all', '--quiet', '--filter', `publish=${port}`])).stdout).toBe('');
  } finally {
    running.kill('SIGKILL');
  }
});

test('bridge curl: the mark by itself, curl\'s options after --, and its exit code', async () => {
  const answered = await suite.bridge(['curl', 'svc/web:web/x', '--', '-s', '-X', 'PUT', '-H', 'x-own: 1']);
  expect(JSON.parse(answered.stdout)).toMatchObject({ who: 'local', method: 'PUT', path: '/x', headers: { baggage: ['bridge=ann'], 'x-own': ['1'] } });
  expect((await suite.bridge(['curl', 'http://web:8080/status/404', '--', '-sf'])).exitCode).toBe(22);
  const told = async (...args: string[]) => (JSON.parse((await bridge([...args, '-o', 'json', '-n', namespace], suite.user)).stdout) as { error: { code: string } }).error.code;
  expect(await told('curl', 'web')).toBe('usage');
  expect(await told('curl', 'svc/web', '--bridge', 'none')).toBe('cluster-not-found');
});
