import { describe, expect, test } from '@jest/globals';
import { cut } from '../../../cli/status/screen/columns.ts';
import { firstView, press, reselect, type Key, type View } from '../../../cli/status/screen/keys.ts';
import { screenLines, type Screen } from '../../../cli/status/screen/layout.ts';
import { asciiSigns, signsFor, textOf, unicodeSigns } from '../../../cli/status/screen/line.ts';
import { bytes, graph, milliseconds, plain, rate, since } from '../../../cli/status/screen/words.ts';
import type { StatusSnapshot } from '../../../cli/status/snapshot.ts';
import { statusText, watchLines } from '../../../cli/status/text.ts';
import { bridge, container, snapshot } from './fixtures.ts';

const size = (columns: number, rows: number, signs = unicodeSigns): Screen => ({ columns, rows, signs, program: 'bridge', now: Date.parse('2026-11-25T12:03:11Z') });
const draw = (state: StatusSnapshot | undefined, view: Partial<View> = {}, screen = size(120, 40)) => screenLines(state, reselect({ ...firstView, ...view }, state), screen).map((line) => textOf(line).trimEnd());

describe('the screen', () => {
  test('everything, where there is room', () => {
    const lines = draw(snapshot());
    expect(lines[0]).toMatch(/^podbridge status {3}context lab {3}ann +12:03:11$/);
    expect(lines[1]).toBe('LINK ● up   docker 172.30.8.2:30698   handshake 12 s ago   mtu 1420   ann-3f9c1a');
    expect(lines[2]).toBe('     latency 0.8 ms ▁▁█▁   ↓ 1.3 MB/s  ↑ 300 kB/s');
    expect(lines[4]).toBe('  BRIDGE   TARGET          PODS  RULE      LOCAL  ORIGINAL  FAILED  STATE');
    expect(lines[5]).toBe('› api-ann  deployment/api  2/2   mark ann   12/s     120/s     0/s  ● Ready');
    expect(lines[8]).toBe('  api-ann    ● running  3.3 %  52.0 MB  10.87.1.3  127.0.0.1:9229->9229/tcp  shop-api:changed');
    expect(lines[10]).toBe('  12:03:01   bridge shop/api-ann: Ready: 2 of 2 pods attached.');
    expect(lines.at(-1)).toBe('q quit   ? help   l logs   t tap   s stop   r restart   c copy curl   / filter');
  });

  test.each([[200, 60], [120, 40], [80, 24], [60, 20], [40, 12], [30, 8], [20, 5], [10, 3], [1, 1]])('never wider than %d or as high as %d', (columns, rows) => {
    const many = snapshot({ bridges: Array.from({ length: 30 }, (_, index) => bridge({ name: `bridge-with-a-long-name-${index}`, namespace: `namespace-${index % 3}`, phase: index % 4 === 0 ? 'Suspended' : 'Ready', message: 'm'.repeat(300) })), containers: Array.from({ length: 30 }, (_, index) => container({ name: `container-${index}` })), events: Array.from({ length: 50 }, () => snapshot().events[0]!), problems: ['p'.repeat(300)] });
    for (const mode of ['main', 'help', 'logs', 'requests', 'filter', 'confirm-stop'] as const) {
      const lines = draw(many, { mode, filter: '', log: Array.from({ length: 100 }, () => 'x'.repeat(300)) }, size(columns, rows));
      expect(lines.length).toBeLessThanOrEqual(Math.max(1, rows - 1));
      // Name and state are always told, also where they need more than there is: the drawing cuts.
      if (columns >= 40) expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns);
    }
  });

  test('on a narrow one the state is still there', () => {
    const lines = draw(snapshot(), {}, size(40, 24));
    expect(lines.join('\n')).toMatch(/api-ann.*● Ready/);
    expect(lines.join('\n')).not.toContain('RULE');
  });

  test('what is wrong has a sign, a word and a reason', () => {
    const state = snapshot({
      link: { ...snapshot().link, state: 'silent' },
      bridges: [bridge({ phase: 'Suspended', message: 'The link is silent.' }), bridge({ name: 'b', phase: 'Failed', message: 'No such target.' }), bridge({ name: 'c', serving: false, message: 'Nothing listens on port 8080.' })],
      containers: [container({ state: 'exited', cpuPercent: null, memoryBytes: null })], problems: ['the cluster does not answer'],
    });
    const text = draw(state).join('\n');
    for (const part of ['LINK ▲ silent: requests go to the pods', '▲ the cluster does not answer', '▲ Suspended', 'The link is silent.', '✗ Failed', 'No such target.', '▲ Not listening', 'Nothing listens on port 8080.', '✗ exited']) expect(text).toContain(part);
  });

  test('ASCII where the terminal shows nothing else', () => {
     
    expect(draw(snapshot({ problems: ['x'] }), {}, size(60, 24, asciiSigns)).join('\n')).toMatch(/^[\x20-\x7e\n]*$/);
    expect([signsFor({ LANG: 'de_DE.UTF-8' }), signsFor({ LC_ALL: 'C', LANG: 'de_DE.UTF-8' }), signsFor({}), signsFor({ LANG: 'en_US.utf8', TERM: 'linux' }), signsFor({ LANG: 'en_US.utf8', PODBRIDGE_ASCII: '1' })]).toEqual([unicodeSigns, asciiSigns, asciiSigns, asciiSigns, asciiSigns]);
  });

  test('what is done to the requests', () => {
    const rule = (changes: Parameters<typeof bridge>[0]) => draw(snapshot({ bridges: [bridge(changes)] }), {}, size(200, 40)).join('\n');
    expect(rule({ mode: 'mirror', rules: [] })).toContain('copies of all traffic');
    expect(rule({ delayMs: 200, fault: { percent: 10, status: 429 } })).toContain('mark ann (200 ms later, 10 % answered with 429)');
  });

  test('a cluster that cannot be asked: that no bridge is shown says nothing', () => {
    const text = draw(snapshot({ bridges: [], bridgesKnown: false, problems: ['the API server does not answer'] })).join('\n');
    expect(text).toMatch(/the API server does not answer[^]*Not known: the cluster cannot be asked\. bridge doctor says why[^]*● running/);
    expect(text).not.toContain('Begin with');
  });

  test('advice as this program was called', () => {
    const called = { ...size(120, 40), program: 'kubectl bridge' as const };
    const state = snapshot({ bridges: [], link: { ...snapshot().link, state: 'down' } });
    expect(draw(state, {}, called).join('\n')).toMatch(/down \(kubectl bridge up makes it\)[^]*Begin with: kubectl bridge run --image/);
    expect(draw(state, { mode: 'help' }, called).join('\n')).toContain('as kubectl bridge tap shows them');
    expect(draw(snapshot({ bridges: [bridge({ phase: 'Failed', message: "Make it anew with 'bridge up'." })] }), {}, called).join('\n')).toContain("with 'kubectl bridge up'.");
  });

  test('nothing there yet', () => {
    expect(draw(snapshot({ bridges: [], containers: [], events: [] })).join('\n')).toContain('bridge run --image IMAGE --target deploy/NAME');
    expect(draw(undefined)).toEqual(['Looking ...', expect.stringContaining('q quit')]);
  });
});

describe('keys', () => {
  const state = snapshot({ bridges: [bridge(), bridge({ name: 'web-ann', target: { kind: 'Deployment', name: 'web', container: 'web' }, container: null, curl: null })] });
  const play = (...keys: (string | Key)[]) => keys.reduce((last, key) => press(last.view, typeof key === 'string' ? { input: key } : key, state), { view: reselect(firstView, state) } as ReturnType<typeof press>);

  test('choose, and stay within the list', () => {
    expect(play('j', 'j', 'j').view.selected).toBe('shop/web-ann');
    expect(play({ input: '', name: 'down' }, { input: '', name: 'up' }, 'k').view.selected).toBe('shop/api-ann');
  });
  test('stop asks first', () => {
    expect(play('s')).toMatchObject({ view: { mode: 'confirm-stop' } });
    expect(play('s').effect).toBeUndefined();
    expect(play('s', 'y')).toMatchObject({ view: { mode: 'main' }, effect: { type: 'stop', bridge: { name: 'api-ann' } } });
    expect(play('s', 'n').effect).toBeUndefined();
    expect(play('s', { input: '', name: 'escape' }).view.mode).toBe('main');
  });
  test('restart, log and curl line; what is not possible is said', () => {
    expect(play('r').effect).toMatchObject({ type: 'restart' });
    expect(play('l')).toMatchObject({ view: { mode: 'logs', log: [] }, effect: { type: 'follow-log' } });
    expect(play('l', { input: '', name: 'escape' })).toMatchObject({ view: { mode: 'main' }, effect: { type: 'leave-log' } });
    expect(play('t')).toMatchObject({ view: { mode: 'requests', log: [] }, effect: { type: 'follow-requests', bridge: { name: 'api-ann' } } });
    expect(play('t', 'l')).toMatchObject({ view: { mode: 'requests' } });
    expect(play('t', 't')).toMatchObject({ view: { mode: 'main' }, effect: { type: 'leave-log' } });
    expect(play('c')).toMatchObject({ effect: { type: 'copy' }, view: { notice: { text: "Copied: curl -H 'baggage: bridge=ann' http://" } } });
    expect(play('j', 'c')).toMatchObject({ view: { notice: { severity: 'warning' } } });
    expect(play('j', 'l')).toMatchObject({ view: { mode: 'main', notice: { text: 'The container of web-ann is not on this machine' } } });
  });
  test('filter: letters are letters there, also q', () => {
    const filtered = play('/', 'w', 'e', 'b');
    expect(filtered.view).toMatchObject({ mode: 'filter', filter: 'web', selected: 'shop/web-ann' });
    expect(draw(state, filtered.view).join('\n')).toContain("BRIDGES with 'web' (1 of 2)");
    expect(play('/', 'q').view).toMatchObject({ mode: 'filter', filter: 'q' });
    expect(play('/', 'w', { input: '', name: 'backspace' }, { input: '', name: 'enter' }).view).toMatchObject({ mode: 'main', filter: '' });
    expect(play('/', 'w', { input: '', name: 'escape' }).view).toMatchObject({ mode: 'main', filter: '' });
  });
  test('help and quit', () => {
    expect(draw(state, play('?').view).join('\n')).toContain('copy a curl line');
    expect(play('?', 'x').view.mode).toBe('main');
    expect(play('q').effect).toEqual({ type: 'quit' });
    expect(play('/', { input: '', name: 'ctrl-c' }).effect).toEqual({ type: 'quit' });
    expect(press(firstView, { input: 's' }, snapshot({ bridges: [] })).view.notice?.severity).toBe('warning');
  });
});

describe('words', () => {
  test('numbers', () => {
    expect([0.82, 9.96, 14.4, 1234].map(milliseconds)).toEqual(['0.8 ms', '10.0 ms', '14 ms', '1.2 s']);
    expect([0, 999, 1000, 1_250_000, 999_999_999].map(bytes)).toEqual(['0 B', '999 B', '1.0 kB', '1.3 MB', '1.0 GB']);
    expect([0, 0.44, 12.4, 1234].map(rate)).toEqual(['0', '0.4', '12', '1.2k']);
    expect([500, 130_000, 8_000_000].map(since)).toEqual(['1 s', '2 min', '2 h']);
  });
  test('a graph shows its newest values, and noise as a flat line', () => {
    expect(graph([9, 9, 1, 2, 8], 3, unicodeSigns.levels)).toBe('▁▂█');
    expect(graph([100, 101, 100], 10, unicodeSigns.levels)).toBe('▁▁▁');
    expect(graph([], 5, unicodeSigns.levels)).toBe('');
  });
  test('nothing from elsewhere steers the terminal', () => {
    expect(plain('\u001b[31mred\u001b[0m \u001b]0;title\u0007x\ty\r\u0000z')).toBe('red x  yz');
    expect(draw(snapshot({ events: [{ at: '2026-11-25T12:00:00Z', severity: 'info', subject: 's', text: '\u001b[2Jgone' }] })).join('')).not.toContain('\u001b');
  });
  test('cut', () => expect(['abc', 'abcd', 'abcdef'].map((text) => cut(text, 4, '…'))).toEqual(['abc', 'abcd', 'abc…']));
});

describe('without a screen', () => {
  test('one answer', () => {
    const text = statusText(snapshot(), unicodeSigns);
    expect(text.split('\n')[0]).toBe('podbridge status   context lab   ann   12:03:11');
    expect(text).toContain('api-ann  deployment/api  2/2   mark ann');
    expect(text).not.toContain('quit');
  });
  test('lines', () => {
    expect(watchLines(snapshot({ problems: ['p'] }))).toEqual([
      '12:03:11 link up docker 0.8 ms in 1.3 MB/s out 300 kB/s', '12:03:11 bridge shop/api-ann Ready pods 2/2 local 12/s original 120/s failed 0/s mark ann', '12:03:11 problem: p',
    ]);
  });
});
