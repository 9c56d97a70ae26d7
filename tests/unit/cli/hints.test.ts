/** What is told to somebody who has mistyped: names that are there, ports that are declared, when nothing listens. */
import { Readable } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import type { Docker } from '../../../cli/adapters/docker/index.ts';
import { nearImages } from '../../../cli/bridge/app-image.ts';
import type { BridgeWatch } from '../../../cli/bridge/bridge-watch.ts';
import { passes } from '../../../cli/bridge/env-filter.ts';
import { rulesFromFlags } from '../../../cli/bridge/rules.ts';
import { awaitServing, servesEverywhere } from '../../../cli/bridge/serving.ts';
import { parseDebug } from '../../../cli/bridge/publish.ts';
import { undeclaredPorts } from '../../../cli/bridge/take-place.ts';
import { onlyHere } from '../../../cli/commands/session.ts';
import { BridgeError } from '../../../cli/errors.ts';
import { checkWorkdir } from '../../../cli/project/checks.ts';
import { main } from '../../../cli/main.ts';
import type { StatusCollector } from '../../../cli/status/collector.ts';
import { watchStatus } from '../../../cli/status/show.ts';
import { Steps } from '../../../cli/steps/steps.ts';
import type { UiEvent } from '../../../cli/ui/events.ts';
import type { Bridge } from '../../../protocol/objects.ts';
import { fakeHost } from './fake-host.ts';

const dockerWith = (...tags: string[]): Pick<Docker, 'images'> => ({ images: { list: async () => [{ id: '1', tags, labels: {} }] } as unknown as Docker['images'] });

test.each([
  ['api:dev', ['api:latest', 'web:dev'], ['api:latest']], ['shop-api:dev', ['shop-apj:dev', 'shop-api:1'], ['shop-api:1']], ['shop-apii:dev', ['shop-api:1', 'web:1'], ['shop-api:1']], ['localhost:5000/a/api:1', ['localhost:5000/a/api:2', 'localhost:5000/b/api:1'], ['localhost:5000/b/api:1', 'localhost:5000/a/api:2']], ['nothing:1', ['web:1'], []],
])('images near %s among %j', async (image, tags, near) => expect((await nearImages(dockerWith(...tags), image)).sort()).toEqual([...near].sort()));

describe('ports that the container does not declare', () => {
  const target = (declared: number[], port: number) => ({ ref: { kind: 'Deployment', name: 'api' }, container: { name: 'api', ports: declared.map((containerPort) => ({ containerPort })) }, ports: [{ port, protocol: 'TCP', local: port }] }) as Parameters<typeof undeclaredPorts>[0];
  test('are told, with what was meant perhaps', () => expect(undeclaredPorts(target([8080], 9999))).toEqual([{ code: 'port-undeclared', text: expect.stringMatching(/does not declare port 9999 \(it declares 8080\)/), next: '--port 8080:9999, when your program listens on 9999' }]));
  test.each([[[8080], 8080], [[], 9999]])('declared %j, bridged %d: nothing', (declared, port) => expect(undeclaredPorts(target(declared, port))).toEqual([]));
});

test('a regular expression that is none: how it is written as plain text', () => {
  let next: string | undefined;
  try {
    rulesFromFlags({ header: [], mark: [], path: [], pathPrefix: [], pathRegex: ['/a[0'], method: [] });
  } catch (error) {
    next = (error as BridgeError).facts.next;
  }
  expect(next).toBe("write signs that stand for themselves with a backslash: --path-regex '/a\\[0'");
});

test.each([[[], [], 'ABC'], [['A', 'B*'], [], 'AB'], [[], ['B*'], 'AC'], [['*'], ['A', 'C'], 'B']])('variables: only %j, except %j: %s', (only, except, left) => {
  expect(['A', 'B', 'C'].filter(passes({ only, except })).join('')).toBe(left);
});

test.each([['9229', 9229, 9229], ['15005:5005', 15005, 5005]])('a debugger %s is for this machine alone', (flag, hostPort, containerPort) => {
  expect(parseDebug(flag)).toEqual([{ containerPort, protocol: 'tcp', hostIp: '127.0.0.1', hostPort }]);
});
test.each(['0.0.0.0:9229:9229', 'x', '', '9229/udp', '70000'])('no port of a debugger: %j', (flag) => expect(() => parseDebug(flag)).toThrow(expect.objectContaining({ facts: expect.objectContaining({ code: 'publish-malformed' }) })));

test.each([['cluster-unreachable', 'kubectl version', /^bridge down /], ['cluster-unauthorized', 'kubectl auth whoami', /^kubectl auth whoami {2}\(and renew/], ['cluster-credentials', 'kubectl auth whoami', /^kubectl auth whoami {2}\(and renew/]])('only this machine is known (%s): nothing is to be removed for credentials that can be renewed', (code, next, expected) => {
  expect(onlyHere(new BridgeError({ kind: 'environment', code, what: 'no', next }), 0)).toMatchObject({ type: 'warning', code, next: expect.stringMatching(expected) });
});

test('a working directory that Docker would refuse at last', () => {
  expect(() => checkWorkdir('src')).toThrow(expect.objectContaining({ facts: expect.objectContaining({ code: 'workdir-malformed', next: '--workdir /src' }) }));
  expect(() => checkWorkdir('/src')).not.toThrow();
});

test('a terminal is to be passed on, and there is none', async () => {
  const host = fakeHost();
  expect(await main(['exec', 'api', '-it', '--', 'sh'], host)).toBe(2);
  expect(host.err()).toMatch(/stdin is none[^]*next: bridge exec api -i -- sh/);
});

test.each([['SIGTERM', 143], ['SIGHUP', 129], ['SIGINT', 0]] as const)('status --watch is ended by %s: %i', async (signal, code) => {
  const host = fakeHost();
  const sample = async () => { host.signal(signal); return {}; };
  expect(await watchStatus({ sample } as unknown as StatusCollector, host, { output: 'json', intervalMs: 1000 })).toBe(code);
});

describe('does the program listen', () => {
  const bridge = (serving: boolean, protocol = 'TCP') => ({ spec: { ports: [{ port: 80, local: 3000, protocol }] }, status: { pods: [{ ready: true, serving }] } }) as unknown as Bridge;
  /** @param endless the cluster never says anything else */
  const ask = async (current: Bridge, wait: boolean, state: object | undefined, endless = false) => {
    const events: UiEvent[] = [];
    const reporter = { emit: (event: UiEvent) => void events.push(event) };
    const watch = {
      ref: { namespace: 'shop', name: 'api-ann' }, current,
      until: async (is: (bridge: Bridge) => unknown) => {
        if (endless) await new Promise(() => undefined);
        if (is(current) !== true) throw new BridgeError({ kind: 'timeout', code: 'bridge-timeout', what: 'late' });
      },
    } as unknown as BridgeWatch;
    const logs = async () => ({ stdout: Readable.from(['starting\n']), stderr: Readable.from(['no such module\n', '\n']) });
    const docker = { containers: { find: async () => state, logs } } as unknown as Docker;
    await awaitServing({ docker, container: 'c', watch, steps: new Steps(reporter, () => 0), reporter, now: () => 0, wait });
    return events;
  };
  test('yes', async () => expect((await ask(bridge(true), false, undefined)).filter(({ type }) => type === 'warning')).toEqual([]));
  test('--wait: for every attached pod', () => {
    const served = (...pods: [ready: boolean, serving?: boolean][]) => servesEverywhere({ status: { pods: pods.map(([ready, serving]) => ({ ready, serving })) } } as unknown as Bridge);
    expect([served([true, true], [true, false]), served([true, true], [true]), served(), served([false, true]), served([true, true], [false]), served([true, true], [true, true])]).toEqual([false, false, false, false, true, true]);
  });
  test('of datagrams nothing is known', async () => expect(await ask(bridge(false, 'UDP'), true, undefined)).toEqual([]));
  test('not yet: a warning', async () => expect(await ask(bridge(false), false, { running: true })).toEqual([expect.objectContaining({ type: 'warning', code: 'not-listening', text: expect.stringMatching(/port 3000.*yet/) })]));
  test('not, though it was to be waited for: an error that says what became of the container', async () => {
    await expect(ask(bridge(false), true, { running: false, exitCode: 3, name: 'api-ann' })).rejects.toMatchObject({ facts: { code: 'not-serving', kind: 'timeout', why: 'the container has ended with exit code 3; its last words:\n    starting\n    no such module', next: expect.stringContaining('without --detach') } });
  });
  test('the wait is over as soon as the container is', async () => {
    await expect(ask(bridge(false), true, { running: false, exitCode: 3, name: 'api-ann' }, true)).rejects.toMatchObject({ facts: { code: 'not-serving', why: expect.stringContaining('ended with exit code 3; its last words:') } });
  });
  test('a container that was removed when it ended', async () => {
    await expect(ask(bridge(false), true, undefined, true)).rejects.toMatchObject({ facts: { why: 'the container has ended and was removed', next: expect.stringContaining('without --rm') } });
  });
  test('not, though it runs and was to be waited for: its words stand in the error, because it is undone', async () => {
    await expect(ask(bridge(false), true, { running: true, name: 'api-ann' })).rejects.toMatchObject({ facts: { code: 'not-serving', why: expect.stringMatching(/another port; its last words:\n {4}starting\n {4}no such module$/), next: expect.not.stringContaining('bridge logs') } });
  });
  test('not, and nobody waits: a warning that says where its words are', async () => {
    expect(await ask(bridge(false), false, { running: false, exitCode: 3, name: 'api-ann' })).toEqual([expect.objectContaining({ text: expect.stringContaining('ended with exit code 3'), next: 'docker logs api-ann' })]);
  });
});
