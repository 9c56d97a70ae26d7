/** The screen of `bridge status` on a real terminal: what stands there, keys, sizes, and that the terminal is as it was afterwards, however it ends. */
import { join } from 'node:path';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { openTerminal, type Terminal, type TerminalOptions } from '../support/terminal.ts';

jest.setTimeout(180_000);
const fixture = join(import.meta.dirname, 'fixtures', 'show-status.ts');
let terminal: Terminal;
afterEach(() => terminal?.close());

async function open(options: TerminalOptions = {}): Promise<string> {
  terminal = await openTerminal([process.execPath, fixture], options);
  return terminal.until('the screen', (text) => text.includes('q quit'));
}

async function asItWas(): Promise<void> {
  expect({ ...await terminal.modes(), settings: await terminal.settingsKept() }).toEqual({ alternate: false, cursor: true, settings: true });
}

describe('the screen', () => {
  test('content, and that it follows what happens', async () => {
    const text = await open();
    expect(await terminal.modes()).toEqual({ alternate: true, cursor: false });
    for (const part of ['LINK ● up', 'docker 172.30.8.2:30698', 'latency 0.8 ms ▁▁█▁', '↓ 1.3 MB/s', '› api-ann', 'mark ann', '● Ready', 'EVENTS']) expect(text).toContain(part);
    const clock = /12:00:\d\d/.exec(text)?.[0];
    await terminal.until('another second', (later) => /12:00:\d\d/.exec(later)?.[0] !== clock);
    expect((await terminal.screen()).length).toBeLessThan(40);
  });

  test('keys: help, filter, log, copy, restart, stop, quit', async () => {
    await open();
    await terminal.keys('?');
    await terminal.until('help', (text) => text.includes('this help'));
    await terminal.keys('Escape');
    await terminal.until('the screen again', (text) => text.includes('BRIDGES') && !text.includes('this help'));
    await terminal.keys('/', 'w', 'e', 'b');
    await terminal.until('the filter', (text) => text.includes("BRIDGES with 'web' (1 of 2)") && text.includes('› web-ann'));
    await terminal.keys('Enter', 'l');
    await terminal.until('the log', (text) => text.includes('LOG of shop/web-ann') && text.includes('first line of web-ann') && text.includes('a later line'));
    expect(await terminal.colored()).not.toContain('\u001b[31m');
    await terminal.keys('l');
    await terminal.until('the screen again', (text) => text.includes('› web-ann'));
    await terminal.keys('t');
    await terminal.until('the requests', (text) => text.includes('REQUESTS to the target of shop/web-ann') && text.includes('web-ann-1:8080 GET / 200'));
    await terminal.keys('Escape');
    await terminal.until('the screen again', (text) => text.includes('› web-ann'));
    await terminal.keys('r');
    await terminal.until('the failure', (text) => text.includes('it does not want to'));
    await terminal.keys('Escape');
    await terminal.until('both bridges', (text) => text.includes('api-ann') && !text.includes("with 'web'"));
    await terminal.keys('Up', 'c');
    await terminal.until('the notice', (text) => text.includes("Copied: curl -H 'baggage: bridge=ann' http://"));
    expect(await terminal.clipboard()).toBe("curl -H 'baggage: bridge=ann' http://");
    await terminal.keys('s');
    await terminal.until('the question', (text) => text.includes('Stop shop/api-ann?'));
    await terminal.keys('y');
    await terminal.until('the end of it', (text) => text.includes('Stopped api-ann') && text.includes('› web-ann') && !text.includes('deployment/api'));
    await terminal.keys('q');
    expect(await terminal.exitCode()).toBe(0);
    const last = await terminal.until('the shell', (text) => text.includes('back again'));
    expect(last).not.toContain('BRIDGES');
    await asItWas();
  });

  test('other sizes, also while it runs', async () => {
    await open({ columns: 50, rows: 16 });
    const narrow = await terminal.screen();
    expect(narrow.length).toBeLessThanOrEqual(15);
    expect(narrow.join('\n')).toMatch(/api-ann.*● Ready/);
    await terminal.resize(150, 40);
    await terminal.until('more columns', (text) => /RULE/.test(text) && /IMAGE/.test(text) && /EVENTS/.test(text));
    await terminal.resize(40, 10);
    await terminal.until('fewer columns', (text) => !/RULE/.test(text) && /● Ready/.test(text) && text.split('\n').length <= 9);
  });

  test('NO_COLOR: no colour; ASCII without UTF-8', async () => {
    await open({ env: { NO_COLOR: '1', LC_ALL: 'C', LANG: 'C' } });
    // Attributes other than colours may stay: bold, dim, reverse, off.
    expect((await terminal.colored()).replaceAll(/\u001b\[(?:0|1|2|7|22|27|39|49)?m/g, '')).not.toContain('\u001b[');
     
    expect((await terminal.screen()).join('\n')).toMatch(/^[\x20-\x7e\n]*$/);
  });
});

describe('the terminal is as it was', () => {
  test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('after %s', async (signal) => {
    await open();
    process.kill(await terminal.pid(), signal);
    expect(await terminal.exitCode()).toBe(0);
    await asItWas();
  });

  test('after Ctrl-C', async () => {
    await open();
    await terminal.keys('C-c');
    expect(await terminal.exitCode()).toBe(0);
    await asItWas();
  });

  test.each([['exception', 1, 'a defect'], ['exit', 7, '']])('after a crash: %s', async (crash, code, words) => {
    await open({ env: { CRASH: crash } });
    expect(await terminal.exitCode()).toBe(code);
    await terminal.until('the reason', (text) => text.includes(words));
    await asItWas();
  });

  test('when there is nothing to show', async () => {
    terminal = await openTerminal([process.execPath, fixture], { env: { CRASH: 'look' } });
    expect(await terminal.exitCode()).toBe(1);
    expect((await terminal.screen()).join('\n')).toContain('nothing to look at');
    await asItWas();
  });
});
