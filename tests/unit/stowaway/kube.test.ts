import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { follow, KubeError, resources, whileLeader, type KubeObject } from '../../../stowaway-image/src/kube/index.ts';
import { eachLine } from '../../../stowaway-image/src/kube/lines.ts';
import { Backoff } from '../../../stowaway-image/src/kube/backoff.ts';
import { LevelLoop } from '../../../stowaway-image/src/level-loop.ts';
import { FakeKube } from '../../support/fake-kube.ts';

beforeEach(() => { jest.useFakeTimers(); });
afterEach(() => { jest.useRealTimers(); });

/** Lets everything that is under way come to its next pause, and pauses end. */
const settle = async (ms = 0): Promise<void> => { await jest.advanceTimersByTimeAsync(ms); };
const pod = (name: string, namespace = 'demo'): KubeObject => ({ metadata: { namespace, name } });

function following(kube: FakeKube) {
  const stop = new AbortController();
  const changes: string[] = [];
  const errors: unknown[] = [];
  const copy = follow<KubeObject>(kube, resources.pods, {
    namespace: 'demo', signal: stop.signal, onError: (error) => errors.push(error),
    onChange: ({ type, object }) => changes.push(`${type} ${object.metadata.name}`),
  });
  return { copy, changes, errors, stop };
}

describe('a followed set of objects', () => {
  test('begins with a list and goes on with changes', async () => {
    const kube = new FakeKube();
    kube.seed(resources.pods, pod('a'));
    kube.seed(resources.pods, pod('x', 'other'));
    const { copy, changes } = following(kube);
    await copy.synced;
    await settle();
    kube.seed(resources.pods, pod('b'));
    kube.seed(resources.pods, pod('a'));
    kube.remove(resources.pods, { namespace: 'demo', name: 'b' });
    await settle();
    expect(changes).toEqual(['added a', 'added b', 'modified a', 'deleted b']);
    expect([...copy.values()].map(({ metadata }) => metadata.name)).toEqual(['a']);
    expect(copy.get({ namespace: 'demo', name: 'a' })).toBeDefined();
  });

  test('resumes a broken watch where it ended: nothing is lost, nothing listed again', async () => {
    const kube = new FakeKube();
    const { copy, changes, errors } = following(kube);
    await copy.synced;
    await settle();
    kube.breakWatches(new KubeError(0, 'ECONNRESET', 'broken'));
    kube.seed(resources.pods, pod('meanwhile'));
    await settle(5_000);
    expect(changes).toEqual(['added meanwhile']);
    expect(errors).toHaveLength(1);
    expect(kube.calls.filter(({ verb }) => verb === 'list')).toHaveLength(1);
  });

  test('lists anew when the server has forgotten, and reports the difference', async () => {
    const kube = new FakeKube();
    kube.seed(resources.pods, pod('stays'));
    kube.seed(resources.pods, pod('goes'));
    kube.seed(resources.pods, pod('anew'));
    const { copy, changes, errors } = following(kube);
    await copy.synced;
    await settle();
    changes.length = 0;
    kube.breakWatches();
    kube.remove(resources.pods, { namespace: 'demo', name: 'goes' });
    kube.remove(resources.pods, { namespace: 'demo', name: 'anew' });
    kube.seed(resources.pods, pod('anew'));
    kube.compact();
    await settle(5_000);
    expect([...changes].sort()).toEqual(['added anew', 'deleted anew', 'deleted goes']);
    expect(errors).toEqual([]);
    expect(kube.watching).toBe(1);
  });

  test('is synced late rather than never when the first list fails', async () => {
    const kube = new FakeKube();
    kube.seed(resources.pods, pod('a'));
    kube.failNext.set('list Pod', new KubeError(0, 'ECONNREFUSED', 'down'));
    const { copy, errors } = following(kube);
    await settle();
    expect(copy.size).toBe(0);
    await settle(1_000);
    await copy.synced;
    expect(copy.size).toBe(1);
    expect(errors).toHaveLength(1);
  });

  test('ends when it is told to', async () => {
    const kube = new FakeKube();
    const { copy, stop } = following(kube);
    await copy.synced;
    stop.abort();
    await copy.ended;
    expect(kube.watching).toBe(0);
  });
});

describe('the lease', () => {
  const options = { namespace: 'bridge-system', name: 'stowaway-controller' };
  function contender(kube: FakeKube, identity: string, isDead?: (holder: string) => Promise<boolean>) {
    const stop = new AbortController();
    let leads = false;
    const ended = whileLeader(kube, { ...options, identity, signal: stop.signal, ...(isDead === undefined ? {} : { isDead }) }, async (signal) => {
      leads = true;
      await new Promise<void>((resolve) => { signal.addEventListener('abort', () => resolve(), { once: true }); });
      leads = false;
    });
    return { stop, ended, get leads() { return leads; } };
  }

  test('is held by one; the other takes over as soon as it is given back', async () => {
    const kube = new FakeKube();
    const one = contender(kube, 'one');
    await settle();
    const two = contender(kube, 'two');
    await settle(60_000);
    expect([one.leads, two.leads]).toEqual([true, false]);
    one.stop.abort();
    await settle(2_000);
    expect([one.leads, two.leads]).toEqual([false, true]);
    two.stop.abort();
    await settle(10);
    await Promise.all([one.ended, two.ended]);
  });

  test('of a holder that died is taken after its time, and at once by the same identity', async () => {
    const kube = new FakeKube();
    kube.seed(resources.leases, { metadata: options, spec: { holderIdentity: 'dead', leaseDurationSeconds: 15 } } as KubeObject);
    const other = contender(kube, 'other');
    await settle(14_000);
    expect(other.leads).toBe(false);
    await settle(3_000);
    expect(other.leads).toBe(true);
    const kube2 = new FakeKube();
    kube2.seed(resources.leases, { metadata: options, spec: { holderIdentity: 'pod-1', leaseDurationSeconds: 15 } } as KubeObject);
    const again = contender(kube2, 'pod-1');
    await settle();
    expect(again.leads).toBe(true);
  });

  test('of a holder that is known to be dead is taken at once', async () => {
    const kube = new FakeKube();
    const held = (holderIdentity: string): void => void kube.seed(resources.leases, { metadata: options, spec: { holderIdentity, leaseDurationSeconds: 15 } } as KubeObject);
    held('alive');
    const other = contender(kube, 'other', async (holder) => holder === 'dead');
    await settle(5_000);
    expect(other.leads).toBe(false);
    held('dead');
    await settle(1_000);
    expect(other.leads).toBe(true);
  });

  test('that somebody else took ends the work', async () => {
    const kube = new FakeKube();
    const one = contender(kube, 'one');
    await settle();
    kube.seed(resources.leases, { metadata: options, spec: { holderIdentity: 'two', leaseDurationSeconds: 15 } } as KubeObject);
    await settle(5_000);
    expect(one.leads).toBe(false);
    await one.ended;
    expect(kube.peek<KubeObject & { spec: { holderIdentity: string } }>(resources.leases, options)?.spec.holderIdentity).toBe('two');
  });
});

describe('small parts', () => {
  test('lines are cut at bytes, so that characters and pieces do not matter', async () => {
    const bytes = Buffer.from('{"a":"ä€😀"}\n\n{"b":1}\n{"unfinished');
    for (let size = 1; size < 8; size += 1) {
      const pieces: Buffer[] = [];
      for (let start = 0; start < bytes.length; start += size) pieces.push(bytes.subarray(start, start + size));
      const lines: string[] = [];
      await eachLine((async function* () { yield* pieces; })(), (line) => lines.push(line));
      expect(lines).toEqual(['{"a":"ä€😀"}', '{"b":1}']);
    }
  });

  test('pauses grow to their limit, are spread, and begin anew after a success', () => {
    const backoff = new Backoff(100, 1000, () => 0.5);
    expect([1, 2, 3, 4, 5, 6].map(() => backoff.next())).toEqual([75, 150, 300, 600, 750, 750]);
    backoff.reset();
    expect(backoff.next()).toBe(75);
  });

  test('a loop runs once for many triggers, again for one that came while it ran, and after a failure', async () => {
    const stop = new AbortController();
    const errors: unknown[] = [];
    let runs = 0;
    let running = 0;
    const loop = new LevelLoop(async () => {
      runs += 1;
      expect(++running).toBe(1);
      await new Promise((resolve) => setTimeout(resolve, 10));
      running -= 1;
      if (runs === 2) throw new Error('second');
    }, { onError: (error) => errors.push(error), signal: stop.signal });
    for (let index = 0; index < 5; index += 1) loop.trigger();
    await settle(5);
    loop.trigger();
    loop.trigger();
    await settle(20);
    expect(runs).toBe(2);
    await settle(1_000);
    expect(runs).toBe(3);
    expect(errors).toHaveLength(1);
    stop.abort();
    loop.trigger();
    await settle(1_000);
    expect(runs).toBe(3);
  });

  test('after a run that was much work it rests, so that what comes meanwhile is one run; what is due at a time is not put off', async () => {
    const stop = new AbortController();
    let runs = 0;
    let cpuUs = 0;
    const loop = new LevelLoop(async () => {
      await Promise.resolve();
      runs += 1;
      cpuUs += 50_000;
    }, { onError: () => undefined, signal: stop.signal, cpuUs: () => cpuUs });
    loop.trigger();
    await settle(1);
    expect(runs).toBe(1);
    for (let ms = 0; ms < 90; ms += 10) {
      loop.trigger();
      await settle(10);
    }
    expect(runs).toBe(1);
    await settle(10);
    expect(runs).toBe(2);
    loop.triggerIn(5);
    await settle(5);
    expect(runs).toBe(3);
    stop.abort();
  });
});
