import { expect, test } from '@jest/globals';
import { BridgeError } from '../../../cli/errors.ts';
import { Steps } from '../../../cli/steps/steps.ts';
import type { UiEvent } from '../../../cli/ui/events.ts';

function recorder() {
  const events: UiEvent[] = [];
  let clock = 0;
  return { events, steps: new Steps({ emit: (event) => events.push(event) }, () => (clock += 10)) };
}

function deferred<T>() {
  let resolve!: (value: T) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<T>((yes, no) => ([resolve, reject] = [yes, no]));
  return { promise, resolve, reject };
}

test('undone in reverse order of start, also what was made by a step that then failed', async () => {
  const { steps, events } = recorder();
  const done: string[] = [];
  await steps.run({ id: 'a', title: 'make a', act: async ({ undo }) => undo('remove a', async () => void done.push('a')), detail: () => 'fine' });
  await steps.run({ id: 'b', title: 'make b', act: async ({ undo }) => {
    undo('remove b1', async () => void done.push('b1'));
    undo('remove b2', async () => void done.push('b2'));
  } });
  await expect(steps.run({ id: 'c', title: 'make c', act: async ({ undo }) => {
    undo('remove half of c', async () => void done.push('c'));
    throw new Error('no');
  } })).rejects.toThrow('no');
  expect(await steps.undo()).toEqual([]);
  expect(done).toEqual(['c', 'b2', 'b1', 'a']);
  expect(events.filter((event) => event.type === 'step-undone').map((event) => event.title)).toEqual(['remove half of c', 'remove b2', 'remove b1', 'remove a']);
  expect(events.find((event) => event.type === 'step-done')).toMatchObject({ title: 'make a', detail: 'fine', elapsedMs: expect.any(Number) });
  expect(await steps.undo()).toEqual([]);
  expect(done).toHaveLength(4);
});

test('a step beside the failed one is waited for before anything is undone', async () => {
  const { steps } = recorder();
  const slow = deferred<undefined>();
  const done: string[] = [];
  const beside = steps.run({ id: 'slow', title: 'slow', act: async ({ undo }) => {
    await slow.promise;
    undo('remove slow', async () => void done.push('slow'));
  } });
  await expect(steps.run({ id: 'bad', title: 'bad', act: async () => Promise.reject(new Error('no')) })).rejects.toThrow('no');
  const undone = steps.undo();
  expect(steps.signal.aborted).toBe(true);
  slow.resolve(undefined);
  await undone;
  await beside;
  expect(done).toEqual(['slow']);
});

test('an undo that fails is told, and the others go on', async () => {
  const { steps, events } = recorder();
  const done: string[] = [];
  steps.onUndo('first', async () => void done.push('first'));
  steps.onUndo('second', async () => Promise.reject(new BridgeError({ kind: 'environment', code: 'docker-gone', what: 'Docker went away', next: 'docker info' })));
  expect(await steps.undo()).toEqual(['second']);
  expect(done).toEqual(['first']);
  expect(events.find((event) => event.type === 'warning')).toMatchObject({ code: 'docker-gone', text: 'Docker went away\n  next: docker info' });
});

test('no step begins once the whole is given up; force reaches the undo', async () => {
  const { steps } = recorder();
  const force = new AbortController();
  let forced = false;
  steps.onUndo('wait', (signal) => new Promise((resolve) => signal.addEventListener('abort', () => {
    forced = true;
    resolve();
  })));
  steps.abort(new Error('Ctrl-C'));
  await expect(steps.run({ id: 'x', title: 'x', act: async () => undefined })).rejects.toThrow('Ctrl-C');
  const undone = steps.undo(force.signal);
  await new Promise((resolve) => setImmediate(resolve));
  force.abort();
  await undone;
  expect(forced).toBe(true);
});

test('kept: nothing is undone', async () => {
  const { steps } = recorder();
  steps.onUndo('never', async () => Promise.reject(new Error('it was undone')));
  steps.keep();
  expect(await steps.undo()).toEqual([]);
});
