/** The gateway's HAProxy, as a process among others. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { GatewayProxy } from '../../../stowaway-image/src/preview/proxy.ts';
import { until } from '../../support/wait.ts';
import { fakeHaproxy, type FakeHaproxy } from '../support/fake-haproxy.ts';

const limitMs = 30_000;
let haproxy: FakeHaproxy;
let ended: string[];
let logged: unknown[];
let stopping: AbortController;
let proxy: GatewayProxy;

beforeEach(() => {
  haproxy = fakeHaproxy();
  // Ends that a test leaves behind are not told to the next one.
  const [told, lines]: [string[], unknown[]] = [[], []];
  [ended, logged, stopping] = [told, lines, new AbortController()];
  proxy = new GatewayProxy(haproxy.directory, (event, facts) => lines.push([event, facts]), (words) => told.push(words), stopping.signal);
});
afterEach(() => {
  stopping.abort();
  for (const pid of haproxy.pids()) try { process.kill(pid, 'SIGKILL'); } catch { /* it has ended */ }
  haproxy.remove();
});
const apply = async (name: string): Promise<void> => await proxy.apply((socket) => haproxy.config(name, socket));

test('a configuration that is in force is left alone; a new one takes over', async () => {
  await apply('a');
  await apply('a');
  await apply('b');
  expect(haproxy.started()).toEqual(['a', 'b takes over']);
  await until('the first one ends', async () => { try { process.kill(haproxy.pids()[0]!, 0); return undefined; } catch { return true; } }, limitMs);
  expect([ended, logged]).toEqual([[], []]);
}, limitMs);

test('of what was cut a process that serves all of it again is made, though the configuration is the same', async () => {
  await apply('a');
  await proxy.cut([]);
  await apply('a');
  expect(haproxy.started()).toEqual(['a']);
  await proxy.cut(['p1']);
  await apply('a');
  expect(haproxy.started()).toEqual(['a', 'a takes over']);
}, limitMs);

test('of those that were replaced only as many stay as there is memory for, the newest', async () => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
  haproxy.stays();
  // The program reads the first lines only.
  for (const name of names) await proxy.apply((socket) => `${haproxy.config(name, socket)}${'#'.repeat(1_500_000)}`);
  const alive = (): number[] => haproxy.pids().filter((pid) => { try { return process.kill(pid, 0); } catch { return false; } });
  await until('the oldest end', async () => (alive().length === 6 ? true : undefined), limitMs);
  expect([alive(), ended]).toEqual([haproxy.pids().slice(2), []]);
}, limitMs);

test('one that hangs is killed, whoever waits for its answer is told, and the same configuration is started anew', async () => {
  await apply('a');
  process.kill(haproxy.pids()[0]!, 'SIGSTOP');
  const cutting = proxy.cut(['p1']);
  await until('its end is told', async () => ended[0], limitMs);
  await cutting;
  expect(logged).toEqual(expect.arrayContaining([
    ['haproxy hangs and is killed', { pid: haproxy.pids()[0], replaced: false, silentMs: expect.any(Number), states: expect.stringMatching(/^T+$/) }],
    ['failed', { what: 'cut streams', message: expect.any(String) }],
  ]));
  await apply('a');
  expect([haproxy.started(), ended]).toEqual([['a', 'a'], [expect.stringContaining('SIGKILL')]]);
}, limitMs);

test('one that does not start says why', async () => {
  await expect(proxy.apply(() => '/nowhere/socket\n/nowhere/started\nx')).rejects.toThrow(/haproxy ended: exit code 1.*ENOENT/s);
  await apply('a');
  expect(haproxy.started()).toEqual(['a']);
}, limitMs);
