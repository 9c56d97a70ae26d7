import { describe, expect, test } from '@jest/globals';
import { parseCertificate, parseCheck, parseDelay, parseFault, trafficFor, trafficFromFlags } from '../../../cli/bridge/traffic.ts';

const nothing = { fallback: undefined, check: undefined, tlsCert: undefined, tlsSecret: undefined, plaintext: false, proxyProtocol: false, mode: undefined, delay: undefined, fault: undefined, ruled: true };
const target = (ports: { port: number; protocol: 'TCP' | 'UDP' }[] = [], more = {}) => ({ ports: ports.map((port) => ({ ...port, local: port.port })), container: { name: 'api' }, podVolumes: [], ...more });

describe('--check and --fallback', () => {
  test('the defaults leave nothing in the object', () => {
    expect(trafficFromFlags({ ...nothing, fallback: 'original', check: 'tcp' })).toEqual({});
    expect(trafficFromFlags(nothing)).toEqual({});
  });
  test('what was asked for stands there', () => {
    expect(trafficFromFlags({ ...nothing, fallback: 'fail', check: 'http:/healthz?full=1' })).toEqual({ fallback: 'fail', check: { path: '/healthz?full=1' } });
    expect(parseCheck('http:8080/ready')).toEqual({ path: '/ready', port: 8080 });
    expect(parseCheck('https:/ready')).toEqual({ path: '/ready', tls: true });
  });
  test.each([['http'], ['http:'], ['http:healthz'], ['ftp:/x'], ['http:/a b'], ['http:/a\nb'], ['http:0/x'], ['http:70000/x'], ['']])('%j is refused with words', (text) => {
    expect(() => parseCheck(text)).toThrow(expect.objectContaining({ facts: expect.objectContaining({ code: 'check-malformed', next: expect.stringContaining('--check') }) }));
  });
  test('its port must be bridged', () => {
    expect(() => trafficFor({ check: { path: '/x', port: 9 } }, target([{ port: 8080, protocol: 'TCP' }]))).toThrow(expect.objectContaining({ facts: expect.objectContaining({ code: 'check-without-port', why: 'bridged are: 8080' }) }));
    expect(() => trafficFor({ check: { path: '/x' } }, target([{ port: 53, protocol: 'UDP' }]))).toThrow(/not among the bridged ones/);
    expect(trafficFor({ check: { path: '/x', port: 8080 } }, target([{ port: 8080, protocol: 'TCP' }]))).toEqual({ check: { path: '/x', port: 8080 } });
  });
});

describe('certificates', () => {
  test('files by path', () => {
    expect(parseCertificate('/a/crt,/a/key')).toEqual({ cert: '/a/crt', key: '/a/key' });
    expect(parseCertificate('/a/both.pem')).toEqual({ cert: '/a/both.pem' });
  });
  test.each([['a/crt'], ['/a,b'], ['/a,/b,/c'], [''], ['/a,']])('--tls-cert %j is refused', (text) => {
    expect(() => parseCertificate(text)).toThrow(expect.objectContaining({ facts: expect.objectContaining({ code: 'tls-cert-malformed' }) }));
  });
  test.each([
    ['a Secret volume', { name: 'v', mountPath: '/tls' }, { secret: { secretName: 's' } }, { cert: '/tls/tls.crt', key: '/tls/tls.key' }],
    ['with other file names', { name: 'v', mountPath: '/tls' }, { secret: { secretName: 's', items: [{ key: 'tls.crt', path: 'c/x.pem' }, { key: 'tls.key', path: 'k.pem' }] } }, { cert: '/tls/c/x.pem', key: '/tls/k.pem' }],
    ['projected', { name: 'v', mountPath: '/all' }, { projected: { sources: [{ secret: { name: 'other' } }, { secret: { name: 's' } }] } }, { cert: '/all/tls.crt', key: '/all/tls.key' }],
    ['a part of the volume', { name: 'v', mountPath: '/tls', subPath: 'c' }, { secret: { secretName: 's', items: [{ key: 'tls.crt', path: 'c/crt' }, { key: 'tls.key', path: 'c/key' }] } }, { cert: '/tls/crt', key: '/tls/key' }],
  ])('--tls-secret: %s', (_, mount, volume, expected) => {
    expect(trafficFor({ tlsSecret: 's' }, target([], { container: { name: 'api', volumeMounts: [mount] }, podVolumes: [{ name: 'v', ...volume }] }))).toEqual({ tls: expected });
  });
  test('a Secret that the container has not mounted is refused, with what there is', () => {
    expect(() => trafficFor({ tlsSecret: 's' }, target([], { podVolumes: [{ name: 'v', secret: { secretName: 'other' } }] })))
      .toThrow(expect.objectContaining({ facts: expect.objectContaining({ code: 'tls-secret-not-mounted', why: expect.stringContaining('other') }) }));
  });
  test('what makes no sense together', () => {
    expect(() => trafficFromFlags({ ...nothing, plaintext: true })).toThrow(/no certificate/);
    expect(() => trafficFromFlags({ ...nothing, tlsCert: '/a', tlsSecret: 'b' })).toThrow(/exclude/);
    expect(trafficFromFlags({ ...nothing, tlsSecret: 'b', plaintext: true, proxyProtocol: true })).toEqual({ tlsSecret: 'b', plaintext: true, proxyProtocol: true });
  });
});

describe('mirror, delay and fault', () => {
  test('are read', () => {
    expect([parseDelay('200'), parseDelay('20ms'), parseDelay('1.5s')]).toEqual([200, 20, 1500]);
    expect([parseFault('10'), parseFault('10%'), parseFault('5:429')]).toEqual([{ percent: 10 }, { percent: 10 }, { percent: 5, status: 429 }]);
    expect(trafficFromFlags({ ...nothing, mode: 'mirror', ruled: false })).toEqual({ mode: 'mirror' });
  });
  test.each(['', 'x', '0', '-1', '1h', '601s', '1e3'])('--delay %j is refused', (text) => { expect(() => parseDelay(text)).toThrow(expect.objectContaining({ facts: expect.objectContaining({ code: 'delay-malformed', what: expect.stringMatching(/is no time/) }) })); });
  test.each(['', '0', '101', '10:200', '10:600', 'x', '10:'])('--fault %j is refused', (text) => { expect(() => parseFault(text)).toThrow(expect.objectContaining({ facts: expect.objectContaining({ code: 'fault-malformed', what: expect.stringMatching(/is no fault/) }) })); });
  test('go only with what they make sense with', () => {
    expect(() => trafficFromFlags({ ...nothing, delay: '1', ruled: false })).toThrow(/a rule chooses/);
    expect(() => trafficFromFlags({ ...nothing, mode: 'mirror', fault: '1' })).toThrow(/lets the original answer/);
  });
});
