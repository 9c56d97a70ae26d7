import { expect, test } from '@jest/globals';
import { interruptible, isInterrupted } from '../../../cli/bridge/interrupts.ts';
import { main } from '../../../cli/main.ts';
import { Steps } from '../../../cli/steps/steps.ts';
import { fakeHost } from './fake-host.ts';

function world() {
  const host = fakeHost();
  const steps = new Steps({ emit: () => undefined }, () => 0);
  const undone: string[] = [];
  const make = () => steps.run({ id: 'a', title: 'make a', act: async ({ undo }) => undo('remove a', async () => void undone.push('a')) });
  return { host, steps, undone, make };
}

test('a signal gives up what is under way, undoes it, and is told from a failure', async () => {
  const { host, steps, undone, make } = world();
  const given = interruptible(host, steps, async () => {
    await make();
    await new Promise((_, reject) => steps.signal.addEventListener('abort', () => reject(new Error('whatever the step made of it'))));
  });
  await new Promise((resolve) => setImmediate(resolve));
  host.signal('SIGTERM');
  await expect(given).rejects.toMatchObject({ isInterrupted: true, exitCode: 143 });
  expect(undone).toEqual(['a']);
});

test('a signal that comes when all is done, but nobody has noticed, counts', async () => {
  const { host, steps, undone, make } = world();
  await expect(interruptible(host, steps, async () => {
    await make();
    host.signal('SIGINT');
  })).rejects.toMatchObject({ exitCode: 130 });
  expect(undone).toEqual(['a']);
});

test('a failure is undone and stays what it is; success is kept, and afterwards nobody listens', async () => {
  const failed = world();
  await expect(interruptible(failed.host, failed.steps, async () => { await failed.make(); throw new Error('no'); })).rejects.toThrow('no');
  expect(failed.undone).toEqual(['a']);
  const kept = world();
  await interruptible(kept.host, kept.steps, kept.make);
  kept.host.signal('SIGINT');
  expect([kept.undone, kept.steps.signal.aborted]).toEqual([[], false]);
});

test('the program says nothing and ends with 128 + the number of the signal', async () => {
  const { host, steps } = world();
  const run = () => interruptible(host, steps, async () => { host.signal('SIGINT'); return {}; });
  expect(await main(['up'], host, [{ name: 'up', summary: '', load: async () => ({ name: 'up', summary: '', run }) }])).toBe(130);
  expect([host.out(), host.err(), isInterrupted(new Error('x'))]).toEqual(['', '', false]);
});
