import { describe, expect, test } from '@jest/globals';
import { checkedServer, checkOf, checkOrder, checkTimings, spreadMs } from '../../../stowaway-image/src/agent/proxy/check.ts';
import { Steadiness } from '../../../stowaway-image/src/agent/steadiness.ts';

const name = 'c_10-0-9-9_20001';
const look = (up: boolean, failedChecks: number) => [{ backend: name, server: 's', up, refused: !up, sessions: 0, total: 0, redispatched: 0, failed: 0, failedChecks }];

describe('a container that goes up and down', () => {
  test('is mistrusted after four times within 30 s, and trusted again after 30 s up without a break', () => {
    const steadiness = new Steadiness();
    steadiness.note(look(true, 0), 1, 0);
    for (let i = 1; i <= 3; i++) expect(steadiness.note(look(false, i), 1, i * 1000)).toBe(false);
    expect(steadiness.note(look(false, 4), 1, 4000)).toBe(true);
    expect(steadiness.wary(name)).toBe(true);
    // Down for ever: nothing speaks for it.
    expect(steadiness.note(look(false, 4), 1, 500_000)).toBe(false);
    steadiness.note(look(true, 4), 1, 501_000);
    expect(steadiness.note(look(true, 4), 1, 530_999)).toBe(false);
    expect(steadiness.note(look(true, 4), 1, 531_000)).toBe(true);
    expect(steadiness.wary(name)).toBe(false);
  });

  test('failed checks in a row are one stumble; without going down it counts too', () => {
    const steadiness = new Steadiness();
    for (let i = 0; i < 5; i++) steadiness.note(look(true, i), 1, i * 100);
    expect(steadiness.wary(name)).toBe(false);
    for (let i = 5; i < 8; i++) steadiness.note(look(true, i), 1, i * 1000);
    expect(steadiness.wary(name)).toBe(true);
    steadiness.note(look(true, 9), 1, 35_500);
    // It has been well only since then.
    expect(steadiness.note(look(true, 9), 1, 65_000)).toBe(false);
    expect(steadiness.note(look(true, 9), 1, 65_500)).toBe(true);
  });

  test('a new process of HAProxy begins to count anew', () => {
    const steadiness = new Steadiness();
    for (let i = 1; i <= 3; i++) steadiness.note(look(true, i), 1, i * 1000);
    steadiness.note(look(true, 0), 2, 4000);
    expect(steadiness.wary(name)).toBe(false);
    steadiness.note(look(false, 1), 2, 5000);
    expect(steadiness.wary(name)).toBe(true);
  });

  test('many that stumble at once do so for another reason, and stay trusted; one beside them does not', () => {
    const steadiness = new Steadiness();
    const names = Array.from({ length: 20 }, (_, index) => `c_10-0-9-9_${20_001 + index}`);
    const all = (failedChecks: (index: number) => number) => names.map((backend, index) => ({ ...look(true, failedChecks(index))[0]!, backend }));
    for (let i = 1; i <= 8; i++) expect(steadiness.note(all((index) => (index < 12 ? i : 0)), 1, i * 1000)).toBe(i === 1);
    expect(names.filter((each) => steadiness.wary(each))).toEqual([]);
    for (let i = 9; i <= 12; i++) steadiness.note(all((index) => (index === 0 ? i : index < 12 ? 8 : 0)), 1, i * 1000);
    expect(names.filter((each) => steadiness.wary(each))).toEqual([names[0]]);
  });

  test('a few restarts over a while are nothing', () => {
    const steadiness = new Steadiness();
    for (let i = 1; i < 20; i++) steadiness.note(look(true, i), 1, i * 11_000);
    expect(steadiness.wary(name)).toBe(false);
  });

  test('whether it was ever up is known, and forgotten with it', () => {
    const steadiness = new Steadiness();
    expect(steadiness.note(look(false, 0), 1, 0)).toBe(false);
    expect(steadiness.proven(name)).toBe(false);
    expect(steadiness.note(look(true, 0), 1, 1)).toBe(true);
    expect(steadiness.proven(name)).toBe(true);
    steadiness.keep(new Set());
    expect(steadiness.proven(name)).toBe(false);
  });
});

describe('checks', () => {
  test('a connection is enough, at once; a wary one must last', () => {
    expect(checkedServer('10.0.9.9:20001', { http: undefined, wary: false, proxyProtocol: false })).toEqual(['server s 10.0.9.9:20001 check inter 500ms fastinter 100ms downinter 100ms fall 2 rise 1']);
    expect(checkedServer('10.0.9.9:20001', { http: undefined, wary: true, proxyProtocol: false })).toEqual([`server s 10.0.9.9:20001 check inter 500ms fastinter 100ms downinter 100ms fall 1 rise ${checkTimings.waryMs / 100}`]);
  });
  test('more hub ports on one node are not more checks, also when all are in doubt or a new process begins; and they have more time to answer', () => {
    expect(checkedServer('10.0.9.9:20001', { http: undefined, wary: false, proxyProtocol: false }, 50)).toEqual([expect.stringContaining(' inter 500ms fastinter 100ms downinter 100ms ')]);
    expect(checkedServer('10.0.9.9:20001', { http: undefined, wary: true, proxyProtocol: false }, 150)).toEqual(['timeout connect 1500ms', 'server s 10.0.9.9:20001 check inter 1500ms fastinter 300ms downinter 300ms fall 1 rise 10']);
    expect(checkedServer('10.0.9.9:20001', { http: { path: '/', port: 1, tls: false }, wary: false, proxyProtocol: false }, 400).at(-1)).toContain(' inter 8000ms fastinter 1000ms downinter 2000ms ');
    expect(checkedServer('10.0.9.9:20001', { http: { path: '/', port: 1, tls: false }, wary: false, proxyProtocol: false }, 400).slice(0, 3)).toEqual(['timeout connect 2000ms', 'option httpchk', 'timeout check 2000ms']);
    expect([1, 50, 51, 400].map(spreadMs)).toEqual([10, 10, 20, 3510]);
  });
  test('a new process asks first those that are not known to serve, then the others, each time beginning with other ones', () => {
    const order = (generation: number): string[] => checkOrder(['a', 'b', 'new', 'c', 'd', 'e', 'down'], new Set(['new', 'down', 'elsewhere']), generation);
    expect([0, 1, 2, 3].map(order)).toEqual([['new', 'down', 'a', 'b', 'c', 'd', 'e'], ['down', 'new', 'c', 'd', 'e', 'a', 'b'], ['new', 'down', 'e', 'a', 'b', 'c', 'd'], ['down', 'new', 'b', 'c', 'd', 'e', 'a']]);
    expect(checkOrder(['new'], new Set(['new']), 7)).toEqual(['new']);
  });
  test('an answer is asked for at the port that the check names', () => {
    const lines = checkedServer('10.0.9.9:20001', { http: { path: "/ok?a='b'", port: 20_002, tls: false }, wary: false, proxyProtocol: false });
    expect(lines).toContain(String.raw`http-check send meth GET uri '/ok?a='\''b'\''' ver HTTP/1.1 hdr host podbridge-check hdr user-agent podbridge-check hdr connection close`);
    expect(lines.at(-1)).toBe('server s 10.0.9.9:20001 check port 20002 inter 1000ms fastinter 250ms downinter 250ms fall 2 rise 2');
    expect(checkOf({ path: '/x', port: 9 }, () => undefined)).toBeUndefined();
    expect(checkOf({ path: '/x' }, (port) => (port === undefined ? 20_001 : 0))).toEqual({ path: '/x', port: 20_001, tls: false });
  });
});
