import { describe, expect, jest, test } from '@jest/globals';
import { render } from 'ink-testing-library';
import { createElement } from 'react';
import { chooseReporter } from '../../../cli/ui/choose.ts';
import { elapsed } from '../../../cli/ui/elapsed.ts';
import type { UiEvent } from '../../../cli/ui/events.ts';
import { Progress } from '../../../cli/ui/ink/draw.ts';
import { lateInkReporter, type Drawing } from '../../../cli/ui/late-ink.ts';
import { stepStore } from '../../../cli/ui/step-store.ts';
import { isInteractive, wantsColor } from '../../../cli/ui/terminal.ts';
import { fakeHost } from './fake-host.ts';

const story: UiEvent[] = [
  { type: 'step-started', id: 'link', title: 'Link', at: 0 },
  { type: 'step-waiting', id: 'link', waitingFor: 'the hub', at: 100 },
  { type: 'step-waiting', id: 'link', waitingFor: 'the hub again', at: 6000 },
  { type: 'step-done', id: 'link', title: 'Link', detail: 'docker', elapsedMs: 6400, at: 6400 },
  { type: 'step-started', id: 'image', title: 'Image', at: 6400 },
  { type: 'step-failed', id: 'image', title: 'Image', elapsedMs: 61_000, at: 67_400 },
  { type: 'step-undone', id: 'undo-link', title: 'remove the link', at: 67_500 },
  { type: 'warning', code: 'x', text: 'careful', next: 'bridge doctor', at: 67_500 },
  { type: 'note', text: 'bridged', at: 67_500 },
];

test('plain lines: ends of steps with times, what a long one waits for, nothing else', async () => {
  const host = fakeHost();
  const reporter = await chooseReporter(host, 'text', 'auto');
  for (const event of story) reporter.emit(event);
  expect(host.err()).toBe('  Link: the hub again 6.0 s\n✓ Link: docker 6.4 s\n✗ Image 1 m 01 s\n↩ remove the link\nwarning: careful\n  next: bridge doctor\nbridged\n');
  expect(host.out()).toBe('');
});

test('JSON lines with -o json, or when asked for; none', async () => {
  for (const [output, form] of [['json', 'auto'], ['text', 'json']] as const) {
    const host = fakeHost({ tty: true });
    const reporter = await chooseReporter(host, output, form);
    for (const event of story) reporter.emit(event);
    expect(host.err().trimEnd().split('\n').map((line) => JSON.parse(line) as UiEvent)).toEqual(story);
    expect(host.out()).toBe('');
  }
  const silent = fakeHost();
  (await chooseReporter(silent, 'text', 'none')).emit(story[0]!);
  expect(silent.err()).toBe('');
});

describe('terminals', () => {
  test('moving pictures only where a person looks', () => {
    expect(isInteractive(fakeHost({ tty: true, env: { TERM: 'xterm' } }))).toBe(true);
    expect(isInteractive(fakeHost({ tty: true, env: { CI: 'true' } }))).toBe(false);
    expect(isInteractive(fakeHost({ tty: true, env: { TERM: 'dumb' } }))).toBe(false);
    expect(isInteractive(fakeHost())).toBe(false);
  });

  test('NO_COLOR', () => {
    expect(wantsColor(fakeHost({ tty: true }))).toBe(true);
    expect(wantsColor(fakeHost({ tty: true, env: { NO_COLOR: '1' } }))).toBe(false);
    expect(wantsColor(fakeHost({ tty: true, env: { NO_COLOR: '' } }))).toBe(true);
    expect(wantsColor(fakeHost())).toBe(false);
  });

  test.each([[12, '0.01 s'], [999, '1.00 s'], [1000, '1.0 s'], [59_940, '59.9 s'], [65_000, '1 m 05 s']])('%i ms is %s', (ms, text) => expect(elapsed(ms)).toBe(text));
});

test('Ink draws running steps, what they wait for, and keeps finished lines above', () => {
  const store = stepStore();
  const lines: string[] = ['✓ Docker'];
  store.accept({ type: 'step-started', id: 'link', title: 'Link', at: 0 });
  store.accept({ type: 'step-started', id: 'image', title: 'Image', at: 500 });
  store.accept({ type: 'step-waiting', id: 'link', waitingFor: 'the hub', at: 1000 });
  const view = render(createElement(Progress, { store, printed: { lines: () => lines, subscribe: () => () => undefined }, now: () => 2500, color: false }));
  expect(view.lastFrame()).toBe('✓ Docker\n⠋ Link: the hub 2.5 s\n⠋ Image 2.0 s');
  view.unmount();
});

test('Ink comes late, takes over the lines, and is gone after release', async () => {
  jest.useFakeTimers();
  try {
    const host = fakeHost({ tty: true, env: { NO_COLOR: '1' } });
    const printed: string[] = [];
    let mounted = 0;
    const drawing: Drawing = { print: (text) => void printed.push(text), unmount: async () => void mounted-- };
    const reporter = lateInkReporter(host, () => {
      mounted++;
      return drawing;
    });
    reporter.emit({ type: 'step-started', id: 'quick', title: 'Quick', at: 0 });
    reporter.emit({ type: 'step-done', id: 'quick', title: 'Quick', elapsedMs: 5, at: 5 });
    await jest.advanceTimersByTimeAsync(1000);
    expect(mounted).toBe(0);
    await reporter.release!();
    reporter.emit({ type: 'step-started', id: 'slow', title: 'Slow', at: 5 });
    await jest.advanceTimersByTimeAsync(1000);
    expect(mounted).toBe(1);
    reporter.emit({ type: 'step-done', id: 'slow', title: 'Slow', elapsedMs: 1000, at: 1005 });
    expect(printed).toEqual(['✓ Slow 1.0 s\n']);
    await reporter.release!();
    expect(mounted).toBe(0);
    reporter.emit({ type: 'note', text: 'after', at: 1005 });
    expect(host.err()).toBe('✓ Quick 0.01 s\nafter\n');

    reporter.emit({ type: 'step-started', id: 'again', title: 'Again', at: 1005 });
    await jest.advanceTimersByTimeAsync(1000);
    expect(mounted).toBe(1);
    // From here another program writes to the terminal: a live region would be torn by its lines.
    await reporter.share!();
    reporter.emit({ type: 'step-started', id: 'late', title: 'Late', at: 2005 });
    await jest.advanceTimersByTimeAsync(1000);
    expect(mounted).toBe(0);
    reporter.emit({ type: 'step-done', id: 'late', title: 'Late', elapsedMs: 1000, at: 3005 });
    expect(host.err()).toMatch(/✓ Late 1\.0 s\n$/);
  } finally {
    jest.useRealTimers();
  }
});
