import { describe, expect, test } from '@jest/globals';
import { connectionsIn } from '../../../stowaway-image/src/adapters/haproxy-process.ts';
import { tablesNamed } from '../../../stowaway-image/src/adapters/netns.ts';
import { answeredByOwner, parseSockets } from '../../../stowaway-image/src/adapters/socket-idle.ts';
import { isGoodMoment, isIdle } from '../../../stowaway-image/src/agent/drain.ts';
import { bridgeAt, bridgesIn, restBeforeNext } from '../../../stowaway-image/src/agent/frontends.ts';
import { freePort, listeningPorts, takenPorts } from '../../../stowaway-image/src/agent/netns/listening.ts';
import { unboundFrontends } from '../../../stowaway-image/src/agent/proxy/bind-errors.ts';
import { UnboundFrontends } from '../../../stowaway-image/src/agent/unbound.ts';
import { renderRemoval, renderReturn, renderRules, returnRoute, ruledPorts, strayReturns, tableInstance, tableName } from '../../../stowaway-image/src/agent/netns/tables.ts';
import { parseServerStats, parseSessions, refusingHubPorts, servingHubPorts, receivedBytes, sessionsTo } from '../../../stowaway-image/src/agent/proxy/stats.ts';
import type { Frontend, Route } from '../../../stowaway-image/src/agent/proxy/model.ts';
import { movedPeer } from '../../../stowaway-image/src/agent/proxy/source-port.ts';
import { statusEntries } from '../../../stowaway-image/src/agent/status-entries.ts';
import { frontend, route } from './fixtures.ts';

describe('nft tables', () => {
  const rules = { address: '10.0.0.7', tcp: [{ port: 8080, listenPort: 17_000, exclude: ['10.0.0.1'] }], udp: [{ port: 53, hub: { address: '10.0.9.9', port: 20_001 }, silent: false }], listenPorts: [17_000, 17_001] };
  test('one transaction that puts the new table in the place of the old', () => {
    const text = renderRules('7_42', rules);
    expect(text).toMatch(/^table ip podbridge_7_42_in\ndelete table ip podbridge_7_42_in\ntable ip podbridge_7_42_in \{/);
    expect(text).toContain('iifname != "lo" ip daddr 10.0.0.7 tcp dport 8080 tproxy to :17000');
    expect(text.indexOf('ip saddr 10.0.0.1 ip daddr 10.0.0.7 tcp dport 8080 return')).toBeLessThan(text.indexOf('tproxy to'));
    expect(text).toContain('ct direction original tcp dport { 17000, 17001 } reject with tcp reset');
    expect(text).toContain('udp dport 53 dnat to 10.0.9.9:20001');
  });
  test('UDP of a silent client keeps its rule, and no datagram meets it', () => {
    const leads = 'udp dport 53 ct zone set';
    const silent = renderRules('7_42', { ...rules, udp: rules.udp.map((port) => ({ ...port, silent: true })) });
    expect(renderRules('7_42', rules)).toContain(leads);
    expect(silent).not.toContain(leads);
    expect(ruledPorts('', silent).udp).toEqual(new Set([53]));
  });
  test('without ports only the removal is left', () => {
    expect(renderRules('7_42', { address: '10.0.0.7', tcp: [], udp: [], listenPorts: [] })).toBe(renderRemoval([tableName('7_42', 'in'), tableName('7_42', 'udp')]));
  });
  test('a table tells its instance; other people\'s tell none', () => {
    expect(['in', 'udp', 'ret'].map((kind) => tableInstance(tableName('7_42', kind as 'in')))).toEqual(['7_42', '7_42', '7_42']);
    expect(['nat', 'podbridge', 'podbridge_x', 'podbridge_7_42_in_x', 'istio'].map(tableInstance)).toEqual([undefined, undefined, undefined, undefined, undefined]);
    expect(renderReturn('7_42')).toContain('table ip podbridge_7_42_ret {');
  });
  test('the way back of a dead agent is known by its number, also where no table is left', () => {
    const [dead, living] = ['861_4430596', '900_5'].map((instance) => returnRoute(instance).table) as [number, number];
    expect(dead).toBe(0x70b1_30c9);
    expect(strayReturns([dead, living, 254, 255, 0x70b2_0001, 0x70b0_ffff], ['900_5', '7_42'])).toEqual([dead]);
    expect(tablesNamed(`[{"priority":28849,"src":"all","fwmark":"0x70b130c9","table":"${dead}"},{"dst":"10.0.0.0/8"}]`)).toEqual([dead]);
    expect(tablesNamed('\n')).toEqual([]);
  });
});

test('listening ports, and a free one beside them', () => {
  const table = '  sl  local_address rem_address   st\n   0: 00000000:1F90 00000000:0000 0A 0\n   1: 0700000A:4268 0100000A:9C40 01 0\n   2: 00000000000000000000000000000000:4268 00000000000000000000000000000000:0000 0A\n';
  expect(listeningPorts(table)).toEqual([8080, 17_000]);
  expect(freePort(new Set([17_000, 17_001]))).toBe(17_002);
});

test('the port of a connection is taken as well, and other ports serve when all of the usual ones are', () => {
  const table = '  sl  local_address rem_address   st\n   0: 00000000:1F90 00000000:0000 0A 0\n   1: 0700000A:4268 0100000A:9C40 01 0\n';
  expect(takenPorts(table)).toEqual([8080, 17_000]);
  const usual = new Set(Array.from({ length: 2000 }, (_, index) => 17_000 + index));
  expect(freePort(usual)).toBe(1024);
  expect(() => freePort(new Set(Array.from({ length: 65_536 }, (_, port) => port)))).toThrow('is free in the pod');
});

test('frontends that HAProxy could not bind are named by their alerts', () => {
  const words = `haproxy ended with exit code 1: [NOTICE]   (16) : path to executable is /usr/sbin/haproxy
[ALERT]    (16) : Binding [/h.cfg:7] for frontend f_abc_80: protocol tcpv4: cannot bind socket (Address already in use) for [10.244.0.7:17000].
[ALERT]    (16) : Binding [/h.cfg:11] for frontend f_abe_80: protocol tcpv4: cannot bind socket (Address already in use) for [10.244.0.9:17000].
[ALERT]    (16) : [haproxy.main()] Some protocols failed to start their listeners! Exiting.`;
  expect(unboundFrontends(words)).toEqual(new Set(['f_abc_80', 'f_abe_80']));
  expect(unboundFrontends('[ALERT] (16) : config : parsing [/h.cfg:7] : unknown keyword')).toEqual(new Set());
});

test('a frontend without a listener is left out for a while, longer each time, until it has one', () => {
  const unbound = new UnboundFrontends(() => 1);
  expect(unbound.leftOut('a_80', 0)).toBeUndefined();
  unbound.refuse('a_80', 'its port is taken', 0);
  expect(unbound.leftOut('a_80', 0)).toEqual({ words: 'its port is taken', retryInMs: 250 });
  expect(unbound.leftOut('b_80', 0)).toBeUndefined();
  expect(unbound.leftOut('a_80', 250)).toBeUndefined();
  unbound.refuse('a_80', 'its port is taken', 250);
  expect(unbound.leftOut('a_80', 500)?.retryInMs).toBe(250);
  for (let time = 0; time < 20; time++) unbound.refuse('a_80', 'its port is taken', 1000);
  expect(unbound.leftOut('a_80', 1000)?.retryInMs).toBe(30_000);
  unbound.opened(['a_80']);
  expect(unbound.leftOut('a_80', 1001)).toBeUndefined();
});

test.each([
  ['answered a second ago', true, 'lastsnd:1200 lastrcv:1210 lastack:1200 bytes_sent:9 bytes_received:9'],
  ['waits for an answer', false, 'lastsnd:5000 lastrcv:60 lastack:60 bytes_sent:9 bytes_received:9'],
  ['waits for its first answer', false, 'lastsnd:300 lastrcv:300 bytes_received:9'],
  ['asked and answered, or answered and asked, in the same millisecond', false, 'lastsnd:300 lastrcv:300 bytes_sent:9 bytes_received:9'],
  ['the same, long ago', true, 'lastsnd:2000 lastrcv:2000 bytes_sent:9 bytes_received:9'],
  ['was just opened', false, 'lastsnd:100 lastrcv:100'],
  ['was opened long ago and never used', true, 'lastsnd:2000 lastrcv:2000'],
  ['has unacknowledged bytes', false, 'lastsnd:100 lastrcv:200 unacked:1 bytes_sent:9 bytes_received:9'],
  ['just answered', false, 'lastrcv:10 bytes_sent:9 bytes_received:9'],
])('a connection that %s: idle %s', (_, idle, details) => {
  const [socket] = parseSockets(`0      0      10.0.0.7:8080   10.0.0.9:40000 cubic rto:204 ${details}`);
  expect(socket?.peer).toBe('10.0.0.9:40000');
  expect(socket !== undefined && isIdle(socket)).toBe(idle);
});

test('connections that the process of a port answers, directly or by way of a transparent proxy', () => {
  const text = [
    // To the proxy, which goes on to the container.
    '0 0 10.0.0.7:8080 10.0.0.9:40000 inet-sockopt: ( is_icsk mc_loop transparent mc_all) cubic lastsnd:30 lastrcv:30',
    // To the proxy, its way on to the process, and the process's end of that.
    '0 0 10.0.0.7:8080 10.0.0.9:40005 inet-sockopt: ( is_icsk mc_loop transparent mc_all) cubic lastsnd:30 lastrcv:30',
    '0 0 10.0.0.9:50005 10.0.0.7:8080 inet-sockopt: ( is_icsk freebind transparent) cubic lastsnd:30 lastrcv:30',
    '0 0 [::ffff:10.0.0.7]:8080 [::ffff:10.0.0.9]:50005 inet-sockopt: ( is_icsk mc_loop) cubic lastsnd:30 lastrcv:30',
    // To the process itself.
    '0 0 [::ffff:10.0.0.7]:8080 [::ffff:10.0.0.9]:40001 inet-sockopt: ( is_icsk mc_loop) cubic bytes_received:7 lastsnd:3000 lastrcv:3004',
    // Nobody says what it is; another place.
    '0 0 10.0.0.7:8080 10.0.0.9:40002 cubic lastsnd:30 lastrcv:30',
    '0 0 10.0.0.7:44444 10.0.0.3:8080 inet-sockopt: ( is_icsk mc_loop) cubic',
  ].join('\n');
  const proxied = (peer: string): string => peer.replace(':400', ':500');
  expect(answeredByOwner(text, '10.0.0.7:8080', proxied)).toMatchObject([{ peer: '10.0.0.9:40005' }, { local: '10.0.0.7:8080', peer: '10.0.0.9:40001', receivedBytes: 7, sinceSentMs: 3000 }]);
});

test('asked and answered, or answered and asked, in the same tick of the kernel: idle for somebody in a hurry', () => {
  const [socket] = parseSockets('0 0 10.0.0.7:8080 10.0.0.9:40000 cubic lastsnd:30 lastrcv:30 bytes_sent:9 bytes_received:9');
  expect([isIdle(socket!), isIdle(socket!, true), isIdle({ ...socket!, sinceSentMs: 10, sinceReceivedMs: 10 }, true), isIdle({ ...socket!, sinceSentMs: 60 }, true)]).toEqual([false, true, false, false]);
});

test.each([
  ['right after an answer', true, 30, 0],
  ['when the next request may be near', false, 300, 0],
  ['right after an answer, when looking took long', false, 30, 90],
  ['after a long silence', true, 1200, 90],
])('an idle connection %s may be closed: %s', (_, good, sinceSentMs, elapsedMs) => {
  const [socket] = parseSockets(`0 0 10.0.0.7:8080 10.0.0.9:40000 cubic lastsnd:${sinceSentMs} lastrcv:${sinceSentMs + 5} bytes_sent:9 bytes_received:9`);
  expect(isGoodMoment(socket!, elapsedMs)).toBe(good);
});

describe('what HAProxy tells', () => {
  const csv = '# pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,wretr,wredis,status,weight\n'
    + 'c_10-0-9-9_20001,s,0,0,0,0,,0,0,0,,0,,0,0,0,0,UP,1\nc_10-0-9-9_20002,s,0,0,0,0,,0,0,0,,0,,0,0,0,0,DOWN,1\nc_10-0-9-9_20003,s,0,0,0,0,,0,0,0,,0,,0,0,0,0,MAINT,1\n'
    + 'btcp_u_8080_20001,bridge,0,0,3,3,,9,0,0,,0,,0,0,0,0,UP (via c/s),1\nbh1_v_8080_20001,bridge,0,0,2,3,,9,0,0,,0,,0,0,0,0,UP,1\nbtcp_u_8080_20001,orig,0,0,7,7,,9,0,0,,0,,0,0,0,0,no check,1\n';
  test('which hub ports serve, and what is open towards one', () => {
    const stats = parseServerStats(csv);
    expect([...servingHubPorts(stats)]).toEqual(['c_10-0-9-9_20001']);
    expect([sessionsTo('u_8080', 20_001, stats), sessionsTo('v_8080', 20_001, stats), sessionsTo('u_8080', 1, stats)]).toEqual([3, 2, 0]);
    // With those that the pod's own process has.
    expect(sessionsTo('u_8080', 20_001, stats, { originals: true })).toBe(10);
  });
  test('which hub ports refuse, and which are only silent', () => {
    const checked = parseServerStats('# pxname,svname,status,check_status\nc_1_20001,s,DOWN,L4CON\nc_1_20002,s,DOWN,* L4CON\nc_1_20003,s,DOWN,L4TOUT\nc_1_20004,s,UP 1/2,L4CON\nother,s,DOWN,L4CON\nc_1_20005,s,DOWN,L7STS\n');
    expect([...refusingHubPorts(checked)]).toEqual(['c_1_20001', 'c_1_20002']);
  });
  test('sessions and their counters', () => {
    expect(parseSessions('0x7f: proto=tcpv4 src=127.0.0.1:54604 fe=f_u be=btcp_u_1 srv=bridge ts=00 age=1s exp=1s\n0x8a: proto=unix_stream src=unix:1 fe=GLOBAL be=<NONE> srv=<none>\n')).toEqual([
      { id: '0x7f', source: '127.0.0.1:54604', frontend: 'f_u', backend: 'btcp_u_1', server: 'bridge' }, { id: '0x8a', source: 'unix:1', frontend: 'GLOBAL', backend: '<NONE>', server: '<none>' }]);
    expect([receivedBytes('  req=0x1 (f=0x1 pipe=0 tofwd=-1 total=78)\n  res=0x2 (f=0x2 total=1234)'), receivedBytes('\n')]).toEqual([78, undefined]);
    expect(connectionsIn('MaxConn: 9\nCurrConns: 4\nCumConns: 7\n')).toBe(4);
  });
});

test('the port towards the original leaves the range that systems choose theirs from, one to one', () => {
  expect(['10.0.0.9:32768', '10.0.0.9:60999', '10.0.0.9:1'].map(movedPeer)).toEqual(['10.0.0.9:1024', '10.0.0.9:29255', '10.0.0.9:1025']);
  expect(new Set(Array.from({ length: 28_232 }, (_, index) => movedPeer(`10.0.0.9:${32_768 + index}`))).size).toBe(28_232);
});

test('a running configuration that has more than is wanted lacks nothing', () => {
  const one = frontend([route('a')]);
  const two = frontend([route('b')], { id: 'other' });
  expect(restBeforeNext([one, two], [one])).toBeUndefined();
  expect(restBeforeNext([one], [one, two])).toBe(0);
  expect(restBeforeNext([one], [frontend([route('a'), route('b')])])).toBe(0);
  // For how long a container is checked is nothing that hurries.
  const tempered = frontend([route('a', { check: { ...route('a').check, wary: true } })]);
  expect([restBeforeNext([one], [tempered]), restBeforeNext([one], [tempered, two])]).toEqual([100, 0]);
  // Where there is much in it, what comes meanwhile is in the next.
  const many = frontend(Array.from({ length: 400 }, (_, index) => route(`b${index}`, { hub: { address: '10.0.9.9', port: 20_001 + index } })));
  expect([restBeforeNext([one], [many]), restBeforeNext([many], [{ ...many, routes: many.routes.map((each) => ({ ...each, check: { ...each.check, wary: true } })) }])]).toEqual([1750, 30_000]);
  // But probes of a process that is about to stand still need an answer, and what a bridge disturbs ends with it.
  expect(restBeforeNext([many], [{ ...many, frozen: true }])).toBe(0);
  const [first, ...others] = many.routes;
  const disturbed = (over: Partial<Route>): Frontend => ({ ...many, routes: [{ ...first!, ...over }, ...others] });
  expect([{ delayMs: 5 }, { fault: { percent: 1, status: 503 } }, {}].map((over) => restBeforeNext([disturbed(over)], [frontend([...others, route('new')])]))).toEqual([0, 0, 1750]);
  expect(restBeforeNext([], [frontend(Array.from({ length: 3000 }, (_, index) => route(`b${index}`, { hub: { address: '10.0.9.9', port: 20_001 + index } })))])).toBe(2000);
});

test('which bridges a running configuration has: with their hub ports, since one of the same name may be another', () => {
  expect([...bridgesIn([frontend([route('a')], { taps: [{ bridge: 'shop/t', rules: [], headers: false, certificate: undefined }] })])]).toEqual([bridgeAt('uid_8080', 'shop/a', 20_001), bridgeAt('uid_8080', 'shop/t')]);
});

test('status entries keep the time of their last change', () => {
  const now = new Date('2026-05-05T10:00:00Z');
  const before = [{ name: 'a', node: 'n', ready: true, agent: 'x:1', since: '2026-01-01T00:00:00Z' }, { name: 'b', node: 'n', ready: false, agent: 'x:1', since: '2026-01-01T00:00:00Z' }];
  expect(statusEntries([{ name: 'b', ready: true, serving: true }, { name: 'a', ready: true, message: 'm' }], before, 'n', 'y:2', now)).toEqual([
    { name: 'a', node: 'n', ready: true, agent: 'y:2', since: '2026-01-01T00:00:00Z', message: 'm' },
    { name: 'b', node: 'n', ready: true, agent: 'y:2', since: '2026-05-05T10:00:00Z', serving: true },
  ]);
});
