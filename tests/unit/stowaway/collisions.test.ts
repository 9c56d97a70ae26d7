import { describe, expect, test } from '@jest/globals';
import type { Bridge, ClientPhase } from '../../../protocol/objects.ts';
import { auditEvent } from '../../../stowaway-image/src/controller/audit.ts';
import type { BridgeFacts } from '../../../stowaway-image/src/controller/bridge-status.ts';
import { deriveStatus } from '../../../stowaway-image/src/controller/bridge-status.ts';
import { heldBefore, judgeCollisions } from '../../../stowaway-image/src/controller/collisions.ts';
import { bridge, client } from './objects.ts';

const pods = ['web-1'].map((name) => ({ metadata: { name }, node: 'n1', hostNetwork: false, over: false, ready: true }));
const fact = (made: Bridge, phase: ClientPhase = 'Online', more: Partial<BridgeFacts> = {}): BridgeFacts => ({
  bridge: made, client: client(made.spec.client, { owner: made.spec.owner, status: { phase } }), target: { selector: { labels: 'app=web' } }, pods, ports: [], hub: undefined, agent: () => undefined, ...more,
});
const of = (owner: string, more: Parameters<typeof bridge>[1] = {}): Bridge => bridge(`web-${owner}`, { owner, link: `${owner}-1`, rules: [{ mark: 'demo' }], ...more });
const judge = (facts: BridgeFacts[], held: Iterable<string> = []) => {
  const { losers, held: next } = judgeCollisions(facts, new Set(held));
  const name = (uid: string): string => facts.find(({ bridge: { metadata } }) => metadata.uid === uid)!.bridge.metadata.name;
  return { losers: Object.fromEntries([...losers].map(([uid, problem]) => [name(uid), problem])), held: [...next].map(name) };
};

describe('two bridges that claim the same requests', () => {
  test('the older one has them, and the other is told whose they are and what to change', () => {
    expect(judge([fact(of('bob')), fact(of('ann', { age: 60 }))])).toEqual({
      held: ['web-ann'],
      losers: { 'web-bob': { reason: 'RequestsTaken', message: 'mark demo on port 8080 goes to bridge web-ann of ann already: use another mark, header or path, or ask ann to stop it.' } },
    });
  });

  test('who has them keeps them, even where the times of making say nothing', () => {
    const [ann, bob] = [of('ann'), of('bob')];
    expect(judge([fact(ann), fact(bob)], [bob.metadata.uid!]).held).toEqual(['web-bob']);
  });

  test('a bridge that ends, or has failed, has no claim', () => {
    expect(judge([fact(of('ann', { age: 60, state: 'Draining' })), fact(of('bob'))]).losers).toEqual({});
    expect(judge([fact(of('ann', { age: 60 }), 'Online', { client: undefined }), fact(of('bob'))]).losers).toEqual({});
  });

  test('on other pods do not meet; a Service and a Deployment of the same pods do', () => {
    const service = { kind: 'Service', name: 'web', container: 'web' } as const;
    expect(Object.keys(judge([fact(of('ann', { age: 60 })), fact(of('bob', { target: service }))]).losers)).toEqual(['web-bob']);
    expect(judge([fact(of('ann', { age: 60 })), fact(of('bob', { target: { ...service, name: 'other' } }), 'Online', { pods: [] })]).losers).toEqual({});
  });

  test('what was held stays held while nothing is known of the target, as after a start', () => {
    const ann = of('ann', { status: { podSelector: { labels: 'app=web' } } });
    const held = heldBefore([ann]);
    expect(judge([fact(ann, 'Online', { target: undefined, pods: undefined })], held).held).toEqual(['web-ann']);
  });
});

describe('--take-over', () => {
  test('is refused while the other link is up, and offered when it is silent', () => {
    expect(judge([fact(of('ann', { age: 60 })), fact(of('bob', { takeOver: true }))]).losers['web-bob']?.reason).toBe('RequestsTaken');
    const offered = judge([fact(of('ann', { age: 60 }), 'Suspended'), fact(of('bob'))]).losers['web-bob'];
    expect(offered).toEqual({ reason: 'RequestsTakenBySilentLink', message: expect.stringContaining('take it over with --take-over, because its link is silent') });
  });

  test('moves the requests, and the loser is told; they stay moved when he is back, until the other ends', () => {
    const [ann, bob] = [of('ann', { age: 60 }), of('bob', { takeOver: true })];
    const taken = judgeCollisions([fact(ann, 'Suspended'), fact(bob)], new Set([ann.metadata.uid!]));
    expect(taken.losers.get(ann.metadata.uid!)).toEqual({ reason: 'TakenOver', message: "Bridge web-bob of bob has taken over mark demo on port 8080 while this bridge's link was silent. It comes back when that bridge ends." });
    expect([...taken.takenOver]).toEqual([[bob.metadata.uid, [ann]]]);
    expect(auditEvent(bob, 'begun', undefined, new Date(), taken.takenOver.get(bob.metadata.uid!)).message).toMatch(/\(bridge web-bob\), taken over from bridge web-ann of ann, whose link was silent\.$/);
    const back = judgeCollisions([fact(ann), fact(bob)], taken.held);
    expect([...back.losers.keys()]).toEqual([ann.metadata.uid]);
    expect(back.takenOver.get(bob.metadata.uid!)).toEqual([ann]);
    expect(judgeCollisions([fact(ann)], back.held).losers.size).toBe(0);
  });
});

test('a bridge that has lost selects no pods, so that agents let go of it', () => {
  const status = deriveStatus({ ...fact(of('bob')), taken: { reason: 'RequestsTaken', message: 'x' } });
  expect([status.phase, status.podSelector]).toEqual(['Failed', undefined]);
  expect(status.conditions.find(({ type }) => type === 'PodsAttached')).toMatchObject({ status: 'False', reason: 'RequestsTaken', message: 'x' });
});

test.each([['tap', 'only told of mark demo', 'watches requests of web, port 8080: mark demo'], ['mirror', 'copies of all', 'gets copies of requests of web, port 8080: all']] as const)('the event of a bridge of mode %s says what it does once', (mode, match, words) => {
  const { metadata, spec } = of('ann');
  expect(auditEvent({ metadata, spec: { ...spec, mode }, status: { summary: { target: 'web', pods: '1/1', ports: '8080', match } } } as Bridge, 'begun', undefined, new Date()).message).toContain(words);
});
