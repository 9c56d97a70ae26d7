import { randomBytes } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { withImageLock } from '../../cli/lock.ts';

const free = (): string => `test-${randomBytes(6).toString('hex')}`;
const never = new AbortController().signal;
const waiting = (): void => undefined;

test('of several at once one works, and the others say that they wait, until it is done', async () => {
  const image = free();
  const order: string[] = [];
  const told: string[] = [];
  let finish = (): void => undefined;
  const begun = new Promise<void>((began) => {
    void withImageLock(image, { waiting, signal: never }, async () => {
      began();
      await new Promise<void>((done) => { finish = done; });
      order.push('first');
    });
  });
  await begun;
  const second = withImageLock(image, { signal: never, waiting: (what) => { told.push(what); finish(); } }, () => { order.push('second'); return Promise.resolve(); });
  await second;
  expect(order).toEqual(['first', 'second']);
  expect(told).toEqual(['another podbridge command, which builds it']);
});

test('a failure frees it for the next', async () => {
  const image = free();
  await expect(withImageLock(image, { waiting, signal: never }, () => Promise.reject(new Error('no room')))).rejects.toThrow('no room');
  expect(await withImageLock(image, { waiting, signal: never }, () => Promise.resolve('built'))).toBe('built');
});

test('who waits can be interrupted', async () => {
  const image = free();
  const interrupt = new AbortController();
  await withImageLock(image, { waiting, signal: never }, async () => {
    const other = withImageLock(image, { waiting: () => interrupt.abort(new Error('Ctrl-C')), signal: interrupt.signal }, () => Promise.resolve());
    await expect(other).rejects.toThrow('Ctrl-C');
  });
});
