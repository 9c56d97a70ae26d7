import { describe, expect, jest, test } from '@jest/globals';
import type { Bridge } from '../../../protocol/objects.ts';
import type { talkingChild } from '../../../stowaway-image/src/adapters/talking-child.ts';
import { candidateKey, freezeAfterMs, freezeCandidates, freezeObstacle, hubsToAsk, type FreezeFacts } from '../../../stowaway-image/src/agent/freeze/candidates.ts';
import { Freezer } from '../../../stowaway-image/src/agent/freeze/freezer.ts';
import { FrozenOriginals } from '../../../stowaway-image/src/agent/freeze/frozen-originals.ts';
import { HubAnswers } from '../../../stowaway-image/src/agent/freeze/hub-answers.ts';
import type { Assignment } from '../../../stowaway-image/src/agent/plan.ts';
import type { Processes } from '../../../stowaway-image/src/agent/pods/proc-table.ts';
import { hubPortName } from '../../../stowaway-image/src/agent/proxy/hub-port.ts';
import { bridge, pod, route } from './fixtures.ts';

const now = 100_000;
function assignment(over: Partial<Assignment> = {}, spec: Partial<Bridge['spec']> = {}, container: object = {}): Assignment {
  const asked = bridge('b');
  const target = pod('api-1');
  Object.assign(target.containers[0]!, { id: 'c1', ...container });
  return { bridge: { ...asked, spec: { ...asked.spec, freeze: true, ...spec } }, pod: target, draining: false, silent: false, trouble: undefined, tcp: [{ port: 8080, route: route('b') }], udp: [], egress: undefined, ...over };
}
const facts = (over: Partial<FreezeFacts> = {}): FreezeFacts => ({ servingSince: () => now - freezeAfterMs, hubSince: () => undefined, wary: () => false, frozen: () => false, now, ...over });

describe('whose original is frozen', () => {
  test('of a bridge that asks for it, while its container serves', () => {
    const { candidates, lookAgainMs } = freezeCandidates([assignment()], facts());
    expect([candidates.map(candidateKey), lookAgainMs]).toEqual([['shop/b uid-api-1'], undefined]);
  });

  test.each<[string, Assignment]>([
    ['not asked for', assignment({}, { freeze: false })], ['draining', assignment({ draining: true })], ['the link is silent', assignment({ silent: true })], ['not bridged', assignment({ trouble: 'x' })],
    ['not ready yet', assignment({}, {}, { ready: false })], ['no container yet', assignment({}, {}, { id: undefined })], ['exec probe', assignment({}, {}, { execProbe: true })],
  ])('%s: nobody', (_, one) => expect(freezeCandidates([one], facts()).candidates).toEqual([]));

  test('nobody while the container is down or goes up and down; after it has served for a while', () => {
    expect(freezeCandidates([assignment()], facts({ servingSince: () => undefined }))).toEqual({ candidates: [], lookAgainMs: undefined });
    expect(freezeCandidates([assignment()], facts({ wary: () => true })).candidates).toEqual([]);
    expect(freezeCandidates([assignment()], facts({ servingSince: () => now - 500 }))).toEqual({ candidates: [], lookAgainMs: freezeAfterMs - 500 });
    // A new hub, or a new HAProxy: who stands still already stays so.
    expect(freezeCandidates([assignment()], facts({ servingSince: () => now - 500, frozen: () => true })).candidates).toHaveLength(1);
    expect(freezeCandidates([assignment({}, {}, { ready: false })], facts({ frozen: () => true })).candidates).toHaveLength(1);
  });

  test('every TCP port must serve; without one the link decides, and the hub must live that would tell of its silence', () => {
    const two = [{ port: 8080, route: route('b') }, { port: 9090, route: route('b', { hub: { address: '10.0.9.9', port: 20_002 } }) }];
    expect(freezeCandidates([assignment({ tcp: two })], facts({ servingSince: (name) => (name === hubPortName(two[0]!.route.hub) ? 0 : undefined) })).candidates).toEqual([]);
    const portless = assignment({ tcp: [] });
    expect(freezeCandidates([portless], facts({ hubSince: (address) => (address === '10.0.9.9' ? now - freezeAfterMs : undefined) })).candidates).toHaveLength(1);
    expect(freezeCandidates([portless], facts({ frozen: () => true })).candidates).toEqual([]);
    expect([...hubsToAsk([portless, assignment(), assignment({ tcp: [] }, { freeze: false })])]).toEqual(['10.0.9.9']);
  });

  test('who has a probe that runs a program is told', () => {
    expect(freezeObstacle(assignment({}, {}, { execProbe: true }))).toMatch(/program/);
    expect(freezeObstacle(assignment())).toBeUndefined();
    expect(freezeObstacle(assignment({}, { freeze: false }, { execProbe: true }))).toBeUndefined();
  });
});

describe('the program that holds them', () => {
  function stage(failed: Record<string, string> = {}) {
    const told: { seq: number; roots: { pid: number }[] }[] = [];
    let die: (how: string) => void = () => undefined;
    let ends = 0;
    const start: typeof talkingChild = (_, __, onAnswer) => {
      const ended = new Promise<string>((resolve) => { die = resolve; });
      return {
        ended, close: () => die('closed'), kill: () => die('SIGKILL'),
        tell(line) {
          const order = JSON.parse(line) as typeof told[number];
          told.push(order);
          setImmediate(() => onAnswer(JSON.stringify({ seq: order.seq, held: order.roots.map(({ pid }) => pid).filter((pid) => failed[pid] === undefined), failed })));
        },
      };
    };
    return { freezer: new Freezer({ log: () => undefined, onEnd: () => { ends += 1; }, start }), told, ends: () => ends, die: (how: string) => die(how) };
  }
  const [one, other] = [{ pid: 5, startTime: 77 }, { pid: 3, startTime: 88 }];

  test('is told what is new, and ends with the last', async () => {
    const { freezer, told } = stage();
    await freezer.set([]);
    await freezer.set([one, other]);
    await freezer.set([other, one]);
    expect(told).toEqual([{ seq: 1, roots: [{ pid: 3, startTime: '88' }, { pid: 5, startTime: '77' }] }]);
    expect([freezer.isHeld(one), freezer.isHeld(other)]).toEqual([true, true]);
    await freezer.set([]);
    expect(freezer.isHeld(one)).toBe(false);
  });

  test('tells what cannot be held; dead, it holds nothing', async () => {
    const { freezer, die, ends } = stage({ 5: 'operation not permitted' });
    expect([...await freezer.set([one, other])]).toEqual([[5, 'operation not permitted']]);
    expect([freezer.isHeld(one), freezer.isHeld(other)]).toEqual([false, true]);
    die('SIGKILL');
    await new Promise((resolve) => { setImmediate(resolve); });
    expect([ends(), freezer.isHeld(other)]).toEqual([1, false]);
  });
});

/** Starts `pod-files freeze` in name only. @param why none can be held; undefined: all are @param silent no order is answered */
function tracer({ why, silent = false }: { why?: string; silent?: boolean } = {}) {
  const [told, ends]: [string[], string[]] = [[], []];
  const start: typeof talkingChild = (_, __, onAnswer) => {
    let die: (how: string) => void = () => undefined;
    const ended = new Promise<string>((resolve) => { die = (how) => { ends.push(how); resolve(how); }; });
    return {
      ended, close: () => die('closed'), kill: () => die('killed'),
      tell(line) {
        told.push(line);
        const { seq, roots } = JSON.parse(line) as { seq: number; roots: { pid: number }[] };
        if (!silent) setImmediate(() => onAnswer(JSON.stringify({ seq, held: why === undefined ? roots.map(({ pid }) => pid) : [], failed: why === undefined ? {} : Object.fromEntries(roots.map(({ pid }) => [pid, why])) })));
      },
    };
  };
  return { start, told, ends };
}

test('one that does not answer is killed, because what it holds is not known', async () => {
  jest.useFakeTimers();
  try {
    const { start, ends } = tracer({ silent: true });
    const freezer = new Freezer({ log: () => undefined, onEnd: () => undefined, start });
    const asked = expect(freezer.set([{ pid: 5, startTime: 77 }])).rejects.toThrow('does not answer');
    await jest.advanceTimersByTimeAsync(10_000);
    await asked;
    expect(ends).toEqual(['killed']);
  } finally {
    jest.useRealTimers();
  }
});

test('why a pod could not be frozen is forgotten with the pod', async () => {
  const looks: number[] = [];
  const { start, told } = tracer({ why: 'operation not permitted' });
  // No number of a process here.
  const processes: Processes = { refresh: () => undefined, ofPod: (podUid) => [{ pid: 999_999_999, startTime: 7, owner: { podUid, containerId: 'c1' } }] };
  const frozen = new FrozenOriginals({
    processes, wary: () => false, log: () => undefined, trigger: () => undefined, triggerIn: (ms) => looks.push(ms), start,
  });
  const one = assignment();
  jest.useFakeTimers({ doNotFake: ['setImmediate'] });
  try {
    frozen.noteServing(new Set([hubPortName(one.tcp[0]!.route.hub)]));
    await jest.advanceTimersByTimeAsync(freezeAfterMs);
    const wanted = frozen.wanted([one]);
    expect(wanted.size).toBe(1);
    await frozen.set(wanted);
    expect([frozen.has(one), frozen.trouble(one), told.length]).toEqual([false, 'it cannot be frozen: operation not permitted', 1]);
    expect(frozen.wanted([one]).size).toBe(0);
    frozen.wanted([]);
    expect(frozen.trouble(one)).toBeUndefined();
    expect(frozen.wanted([one]).size).toBe(1);
    frozen.stop();
  } finally {
    jest.useRealTimers();
  }
});

test('a hub counts from its first answer until it has failed to answer a few times', async () => {
  let answers = true;
  const asked: string[] = [];
  let changes = 0;
  const hubs = new HubAnswers({ onChange: () => { changes += 1; }, intervalMs: 1, answer: (address) => { asked.push(address); return answers ? Promise.resolve() : Promise.reject(new Error('refused')); } });
  const changed = async (count: number): Promise<void> => { while (changes < count) await new Promise((resolve) => { setTimeout(resolve, 1); }); };
  hubs.ask(new Set(['10.0.9.9']));
  await changed(1);
  expect(hubs.since('10.0.9.9')).toEqual(expect.any(Number));
  const before = asked.length;
  answers = false;
  await changed(2);
  expect([hubs.since('10.0.9.9'), asked.length - before >= 3]).toEqual([undefined, true]);
  answers = true;
  await changed(3);
  hubs.ask(new Set());
  expect(hubs.since('10.0.9.9')).toBeUndefined();
});
