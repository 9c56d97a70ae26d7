/** With a program that stands in for HAProxy. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { HaproxySupervisor, type Launch } from '../../../stowaway-image/src/agent/proxy/supervisor.ts';
import { until } from '../../support/wait.ts';
import { fakeHaproxy, type FakeHaproxy } from '../support/fake-haproxy.ts';

let haproxy: FakeHaproxy;
let supervisor: HaproxySupervisor;
let logged: string[];

beforeEach(() => {
  haproxy = fakeHaproxy();
  logged = [];
  supervisor = new HaproxySupervisor({ directory: haproxy.directory, log: (message) => logged.push(message), onEnd: () => undefined });
});

afterEach(async () => {
  await supervisor.stop('SIGKILL');
  haproxy.remove();
});

const launch = (name: string, contents: readonly string[] = []): Launch => ({ config: ({ socket }) => haproxy.config(name, socket), serverState: '', contents: new Set(contents), frontends: ['f'] });

test('a process that was found hung is nobody to ask any more, and another one takes its place', async () => {
  const first = await supervisor.launch(launch('a'));
  process.kill(first.child.pid!, 'SIGSTOP');
  const asked = first.api.ask('show info');
  supervisor.killHung(first);
  expect(supervisor.hangs).toBe(true);
  await expect(asked).rejects.toThrow('closed');
  await first.child.ended;
  const second = await until('the next one', async () => (supervisor.current?.number === 2 ? supervisor.current : undefined), 20_000);
  expect({ hangs: supervisor.hangs, hung: second.hung, logged, started: haproxy.started() }).toEqual({ hangs: false, hung: false, logged: [], started: ['a', 'a'] });
}, 30_000);

test('a change that meets the restart: one process is left, with what was wanted last', async () => {
  const first = await supervisor.launch(launch('a'));
  first.child.kill('SIGKILL');
  await first.child.ended;
  // The restart is under way.
  const second = await supervisor.launch(launch('b'));
  expect(supervisor.generations.filter(({ retiredAt }) => retiredAt === undefined)).toEqual([second]);
  expect(haproxy.started()).toEqual(['a', 'a', 'b takes over']);
}, 30_000);

test('a restart that meets a change has nothing left to do', async () => {
  const first = await supervisor.launch(launch('a'));
  const changing = supervisor.launch(launch('b'));
  supervisor.killHung(first);
  const second = await changing;
  await first.child.ended;
  await until('the end is noticed', async () => (supervisor.generations.length === 1 ? true : undefined), 20_000);
  const third = await supervisor.launch(launch('c'));
  expect(supervisor.generations.filter(({ retiredAt }) => retiredAt === undefined)).toEqual([third]);
  expect(second.retiredAt).toBeDefined();
  expect(haproxy.started().map((line) => line[0])).toEqual(['a', 'b', 'c']);
}, 30_000);

test.each([['that is still bridged', ['pb-1', 'pb-2'], 120_000], ['in which nothing is bridged any more', ['pb-1'], 5000]])('a replaced process with nothing but silent connections, in a pod %s', async (_, contents, limitMs) => {
  const first = await supervisor.launch(launch('a', ['pb-1', 'pb-2']));
  await supervisor.launch(launch('b', contents));
  const at = Date.now();
  await supervisor.endIdle(at);
  await supervisor.endIdle(at + limitMs);
  process.kill(first.child.pid!, 0);
  await supervisor.endIdle(at + limitMs + 1);
  await first.child.ended;
  expect(supervisor.generations.map(({ number }) => number)).toEqual([2]);
}, 30_000);
