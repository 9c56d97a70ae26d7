/** What the agent keeps of bridges that end, and what it tells of them. */
import { expect, test } from '@jest/globals';
import { Drains } from '../../../stowaway-image/src/agent/drains.ts';
import { entryState, type EntryFacts } from '../../../stowaway-image/src/agent/entry-state.ts';
import { bridgeAt } from '../../../stowaway-image/src/agent/frontends.ts';
import type { Assignment } from '../../../stowaway-image/src/agent/plan.ts';
import { hubPortName } from '../../../stowaway-image/src/agent/proxy/hub-port.ts';
import type { Generation } from '../../../stowaway-image/src/agent/proxy/supervisor.ts';
import { until } from '../../support/wait.ts';
import { bridge, pod, route } from './fixtures.ts';

function assignment(name: string, over: Partial<Assignment> = {}): Assignment {
  return { bridge: bridge(name), pod: pod('api-1'), draining: false, silent: false, trouble: undefined, tcp: [{ port: 8080, route: route(name) }], udp: [], egress: undefined, ...over };
}

function stage() {
  const asked: string[] = [];
  const logged: unknown[] = [];
  const over: boolean[] = [];
  const generation = { api: { ask: async (command: string) => { asked.push(command); return ''; } } } as unknown as Generation;
  const drains = new Drains({ generations: () => [generation], network: () => ({ netns: 'pb-x', address: '10.0.0.7', listenerOf: () => undefined }), log: (_, facts) => logged.push(facts), onEnd: () => over.push(drains.underWay) });
  return { drains, asked, logged, over };
}
const hub = hubPortName(route('a').hub);

test('a bridge that ends: its hub port is closed until there is a new process, and it is over when nothing is open', async () => {
  const { drains, asked, logged, over } = stage();
  const one = assignment('a');
  drains.serve(one);
  await drains.start([one]);
  expect([drains.underWay, asked]).toEqual([false, []]);
  await drains.start([{ ...one, draining: true, bridge: bridge('a', { state: 'Draining' }) }]);
  expect([drains.has(one), drains.isClosed(hub), asked.filter((command) => !command.startsWith('show '))]).toEqual([true, true, [`set server ${hub}/s state maint`]]);
  await until('it has drained', async () => (drains.underWay ? undefined : true), 5000);
  expect([drains.has(one), drains.isClosed(hub), logged, over]).toEqual([false, true, [{ what: 'shop/a', ms: expect.any(Number), leftOpen: 0 }], [false]]);
  drains.noteNewProcess();
  expect(drains.isClosed(hub)).toBe(false);
});

test('a pod that ends drains alone, and leaves open what other pods use', async () => {
  const { drains, asked } = stage();
  const other = assignment('a', { pod: pod('api-2') });
  drains.serve(assignment('a'));
  drains.serve(other);
  const now = [assignment('a', { pod: pod('api-1', { leaving: true }), draining: true }), other];
  expect([drains.isLeft([assignment('a'), other]), drains.isLeft(now)]).toEqual([false, true]);
  await drains.start(now);
  expect([drains.has(now[0]!), drains.has(other), drains.isClosed(hub)]).toEqual([true, false, false]);
  expect(asked.filter((command) => command.includes('maint'))).toEqual([]);
  // It is gone.
  await drains.start([other]);
  expect(drains.underWay).toBe(false);
});

test('a pod that stays for a while keeps its clients until they find the others', async () => {
  const { drains, asked } = stage();
  drains.serve(assignment('a', { pod: pod('api-1', { lingers: true }) }));
  await drains.start([assignment('a', { pod: pod('api-1', { leaving: true, lingers: true }), draining: true })]);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect([drains.underWay, asked]).toEqual([true, []]);
  await until('its listener is shut', async () => (asked.some((command) => command.startsWith('shutdown frontend')) ? true : undefined), 5000);
  await drains.start([]);
  expect(drains.underWay).toBe(false);
});

test('what is told of a pod: the first reason why it is not ready, and one note', () => {
  const facts: EntryFacts = {
    network: () => ({ address: '10.0.0.7' }), trouble: () => undefined, serverFirst: new Set(), running: new Set([bridgeAt('uid-api-1_8080', 'shop/a', 20_001)]), serving: new Set([hub]),
    steadiness: { wary: () => false }, egress: { trouble: () => undefined, isOpen: () => true }, frozen: { trouble: () => undefined, has: () => false }, hangs: false, hungBefore: undefined,
  };
  const told = (over: Partial<EntryFacts>, of: Partial<Assignment> = {}): object => entryState(assignment('a', of), { ...facts, ...over });
  expect(told({})).toEqual({ name: 'api-1', ready: true, address: '10.0.0.7', serving: true });
  expect(told({ running: new Set(), serving: new Set() })).toEqual({ name: 'api-1', ready: false, address: '10.0.0.7', serving: false });
  // HAProxy has the port, but not this bridge yet.
  expect(told({ running: new Set([bridgeAt('uid-api-1_8080', 'shop/b', 20_001), bridgeAt('uid-api-1_8080', 'shop/a', 20_002)]) })).toMatchObject({ ready: false });
  expect(told({ trouble: () => 'x', hangs: true })).toMatchObject({ ready: false, message: 'x' });
  expect(told({ hangs: true })).toMatchObject({ ready: false, message: expect.stringContaining('hangs') });
  expect(told({ trouble: () => 'x' }, { draining: true, trouble: 'y' })).toMatchObject({ serving: false, message: 'draining' });
  expect(told({}, { pod: pod('api-1', { leaving: true }) })).toEqual({ name: 'api-1', ready: false, address: '10.0.0.7', message: 'the pod ends' });
  expect(told({ hungBefore: 'it hung', frozen: { trouble: () => 'it is warm', has: () => false } })).toMatchObject({ ready: true, note: 'it hung' });
  expect(told({ hungBefore: 'it hung', steadiness: { wary: () => true } })).toMatchObject({ note: expect.stringContaining('goes up and down') });
});
