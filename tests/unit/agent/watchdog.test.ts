import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { describe, expect, test } from '@jest/globals';
import { isHung, lookIntervalMs, silenceAt, type ProcessSample, type Silence } from '../../../stowaway-image/src/agent/proxy/hang.ts';
import { sampleProcess } from '../../../stowaway-image/src/agent/proxy/process-sample.ts';
import { Watchdog, type Watched } from '../../../stowaway-image/src/agent/proxy/watchdog.ts';

interface At { states?: string; progress?: string; lateMs?: number; afterMs?: number }

/** One look after the other while a question is open. Returns after how many ms it counts as hung. */
function hungAfter(looks: readonly At[]): number | undefined {
  let atMs = 0;
  let silence: Silence | undefined;
  for (const { states = 'SS', progress = '0 7 3', lateMs = 0, afterMs = lookIntervalMs + lateMs } of looks) {
    if (silence !== undefined) atMs += afterMs;
    silence = silenceAt(silence, { atMs, lateMs, sample: { states: [...states], progress } });
    if (isHung(silence, atMs)) return atMs;
  }
  return undefined;
}

const always = (at: At, count = 100): At[] => Array.from({ length: count }, () => at);

describe('silence that counts as a hang', () => {
  test.each([['stopped', 'TT'], ['in the hands of a debugger', 'tt'], ['waits for what never comes', 'SS'], ['held by the kernel', 'DS']])('%s', (_, states) => {
    expect(hungAfter(always({ states }))).toBe(1500);
  });
  test('a stopped process is short of nothing, however busy the machine is', () => {
    expect(hungAfter(always({ states: 'TT', lateMs: 700 }))).toBe(2400);
  });
  test('stopped in the middle of a silence: only looks in time count before', () => {
    expect(hungAfter([{}, {}, { states: 'TT' }, { states: 'TT' }])).toBe(1500);
    expect(hungAfter([{}, { lateMs: 3000, states: 'TT' }, ...always({ states: 'TT' }, 2)])).toBeUndefined();
  });
});

describe('a healthy process on a starved machine', () => {
  test.each([['a thread wants a processor', 'SR'], ['all do', 'RR'], ['a stop has not reached all of its threads', 'TR']])('%s', (_, states) => {
    expect(hungAfter(always({ states }))).toBeUndefined();
  });
  test('it gets a little time between two looks, or a page from a slow disk', () => {
    expect(hungAfter(Array.from({ length: 100 }, (_, tick) => ({ progress: `0 7 ${tick}` })))).toBeUndefined();
    expect(hungAfter(Array.from({ length: 100 }, (_, fault) => ({ states: 'DD', progress: `${fault} 7 3` })))).toBeUndefined();
    expect(hungAfter(Array.from({ length: 100 }, (_, index) => ({ states: index % 3 === 0 ? 'RS' : 'SS' })))).toBeUndefined();
  });
  test.each(['SS', 'DS'])('we come too late ourselves (%s)', (states) => {
    expect(hungAfter(always({ states, lateMs: 300 }))).toBeUndefined();
    expect(hungAfter(always({ states, lateMs: 300, afterMs: 5000 }))).toBeUndefined();
  });
  test('what remains afterwards is found then', () => {
    expect(hungAfter([...always({ states: 'RS' }, 10), ...always({}, 10)])).toBe(9 * 500 + 1500);
  });
});

class World {
  readonly processes: (Watched & { hung: boolean })[] = [];
  readonly hung: { number: number; silentMs: number; states: string }[] = [];
  sample: ProcessSample | undefined = { states: ['T', 'T'], progress: '0 1 1' };
  asked: string[] = [];
  /** Ends every open question. */
  answer: (() => void)[] = [];
  fail: (() => void)[] = [];
  atMs = 0;
  readonly #watchdog = new Watchdog<Watched & { hung: boolean }>({
    watched: () => this.processes, sample: () => this.sample,
    onHung: (process, facts) => { process.hung = true; this.hung.push({ number: process.number, ...facts }); },
  });

  add(number: number): void {
    const ask = async (command: string): Promise<string> => {
      this.asked.push(`${number} ${command}`);
      return await new Promise((resolve, reject) => { this.answer.push(() => resolve('')); this.fail.push(() => reject(new Error('closed'))); });
    };
    this.processes.push({ number, child: { pid: 100 + number }, api: { ask }, hung: false });
  }

  async look(times: number, between: () => void = () => undefined): Promise<void> {
    for (let i = 0; i < times; i++) {
      this.#watchdog.look(this.atMs, 0);
      this.atMs += lookIntervalMs;
      between();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

describe('the watchdog', () => {
  test('tells of a hung process once, of a replaced one too, and asks only one question at a time', async () => {
    const world = new World();
    world.add(1);
    world.add(2);
    await world.look(20);
    expect(world.hung).toEqual([1, 2].map((number) => ({ number, silentMs: 1500, states: 'TT' })));
    expect(world.asked).toEqual(['1 show info', '2 show info']);
  });

  test('one that answers is asked again, whatever else is said of it', async () => {
    const world = new World();
    world.add(1);
    await world.look(20, () => { for (const answer of world.answer.splice(0)) answer(); });
    expect(world.hung).toEqual([]);
    expect(world.asked).toHaveLength(20);
  });

  test('an answer ends the silence: stopped for a moment, again and again, is no hang', async () => {
    const world = new World();
    world.add(1);
    for (let i = 0; i < 10; i++) {
      await world.look(3);
      for (const answer of world.answer.splice(0)) answer();
      await world.look(0);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(world.hung).toEqual([]);
  });

  test('a closed runtime socket, and a process that has ended, are no reason', async () => {
    const closed = new World();
    closed.add(1);
    await closed.look(20, () => { for (const fail of closed.fail.splice(0)) fail(); });
    const ended = new World();
    ended.add(1);
    ended.sample = undefined;
    await ended.look(20);
    expect([...closed.hung, ...ended.hung]).toEqual([]);
  });

  test('its successor begins anew', async () => {
    const world = new World();
    world.add(1);
    await world.look(3);
    world.processes.length = 0;
    world.add(2);
    await world.look(3);
    expect(world.hung).toEqual([]);
    await world.look(1);
    expect(world.hung.map(({ number }) => number)).toEqual([2]);
  });
});

test('what a process does, from /proc: the state of each thread, faults and processor time of all', () => {
  const proc = mkdtempSync(`${tmpdir()}/proc-`);
  const stat = (pid: number, state: string): string => `${pid} (a (b) R c) ${state} 1 42 42 0 -1 4194560 900 0 17 0 230 45 0 0 20 0 2 0 1000 20000 300\n`;
  mkdirSync(`${proc}/42/task/42`, { recursive: true });
  mkdirSync(`${proc}/42/task/43`);
  writeFileSync(`${proc}/42/stat`, stat(42, 'S'));
  writeFileSync(`${proc}/42/task/42/stat`, stat(42, 'S'));
  writeFileSync(`${proc}/42/task/43/stat`, stat(43, 'R'));
  expect(sampleProcess(42, proc)).toEqual({ states: ['S', 'R'], progress: '17 230 45' });
  expect(sampleProcess(44, proc)).toBeUndefined();
  rmSync(proc, { recursive: true });
});
