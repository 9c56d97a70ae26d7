import { describe, expect, test } from '@jest/globals';
import { listensAt } from '../../../cli/doctor/checks/bridges.ts';
import { measuredFindings, statusFindings } from '../../../cli/doctor/checks/link.ts';
import { nodeFindings } from '../../../cli/doctor/checks/nodes.ts';
import { defaultInterface } from '../../../cli/doctor/checks/path.ts';
import { wantedRights } from '../../../cli/doctor/checks/rights.ts';
import type { Check, DoctorContext } from '../../../cli/doctor/check.ts';
import { examine, hasErrors } from '../../../cli/doctor/doctor.ts';
import type { Finding } from '../../../cli/doctor/finding.ts';
import { redact, redactText } from '../../../cli/doctor/redact.ts';
import { reportText } from '../../../cli/doctor/report.ts';
import { BridgeError } from '../../../cli/errors.ts';
import { paint } from '../../../cli/ui/terminal.ts';
import { names } from '../../../protocol/names.ts';
import type { LinkStatus } from '../../../protocol/control.ts';

const codes = (findings: Finding[]) => findings.map(({ code }) => code);

describe('the link', () => {
  const good: LinkStatus = { transport: 'udp', endpoint: '1.2.3.4:30000', handshakeAgeMs: 1000, echoAgeMs: 300, rttMs: [1, 2, 3], rxBytes: 1, txBytes: 1, mtu: 1420, heartbeats: { sent: 60, lost: 1 }, forwards: [], only: null, relay: null, sessions: [] };
  test.each([
    [{}, ['udp-reaches-hub']], [{ handshakeAgeMs: null, echoAgeMs: null }, ['link-no-handshake']], [{ echoAgeMs: 9000 }, ['link-silent']], [{ echoAgeMs: null }, ['link-silent']],
    [{ transport: 'api' as const }, ['link-over-api', 'udp-blocked']], [{ heartbeats: { sent: 60, lost: 9 } }, ['udp-reaches-hub', 'link-loss']], [{ heartbeats: { sent: 4, lost: 3 } }, ['udp-reaches-hub']],
    [{ rttMs: [400] }, ['udp-reaches-hub', 'link-slow']], [{ heartbeats: undefined }, ['udp-reaches-hub']],
  ])('%j', (changes, expected) => expect(codes(statusFindings({ ...good, ...changes }))).toEqual(expected));

  test('packets and names', () => {
    const dns = { name: 'kubernetes.default.svc.cluster.local', addresses: ['10.96.0.1'], elapsedMs: 4 };
    const packets = [{ bytes: 1420, answered: true }, { bytes: 1280, answered: true }];
    expect(codes(measuredFindings({ packets, dns }, true))).toEqual(['path-mtu', 'dns']);
    expect(measuredFindings({ packets: [{ bytes: 1420, answered: false }, { bytes: 1280, answered: true }], dns }, true)[0]).toMatchObject({ severity: 'error', what: 'packets of 1420 bytes do not pass, those of 1280 do' });
    expect(codes(measuredFindings({ packets, dns: { ...dns, addresses: [], error: 'ETIMEOUT' } }, true))).toEqual(['path-mtu', 'dns-fails']);
    expect(codes(measuredFindings({ packets, dns: { ...dns, elapsedMs: 900 } }, true))).toEqual(['path-mtu', 'dns-slow']);
  });
});

test('where a program listens', () => {
  const table = (...rows: string[]) => `  sl  local_address rem_address   st\n${rows.map((row, index) => `   ${index}: ${row} 00000000:0000 0A 0`).join('\n')}\n`;
  expect(listensAt(table('0100007F:1F90'), 8080)).toBe('loopback');
  expect(listensAt(table('00000000000000000000000001000000:1F90'), 8080)).toBe('loopback');
  expect(listensAt(table('0100007F:1F90', '00000000000000000000000000000000:1F90'), 8080)).toBe('any');
  expect(listensAt(table('00000000:1F90'), 8081)).toBe('none');
  expect(listensAt('', 8080)).toBe('none');
});

test('nodes', () => {
  const node = (name: string, kernelVersion: string, operatingSystem = 'linux', ready = 'True') => ({ apiVersion: 'v1', kind: 'Node', metadata: { name }, status: { nodeInfo: { kernelVersion, operatingSystem }, conditions: [{ type: 'Ready', status: ready }] } });
  expect(codes(nodeFindings([node('a', '6.18.0-1'), node('b', '4.19.0')]))).toEqual(['node-kernels']);
  expect(codes(nodeFindings([node('a', '4.18.0-553.el8'), node('b', '10.0.1', 'windows'), node('c', '5.4', 'linux', 'Unknown')]))).toEqual(['node-kernel-too-old', 'node-not-ready', 'node-windows']);
});

test('the default route', () => {
  expect(defaultInterface('Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\neth1\t0000A8C0\t0\t1\t0\t0\t0\t00FFFFFF\neth0\t00000000\t010011AC\t3\t0\t0\t0\t00000000\n')).toBe('eth0');
  expect(defaultInterface('Iface\n')).toBeUndefined();
});

test('rights asked for are those of the shipped role', () => {
  const rights = wantedRights('shop').map(({ verb, resource, subresource, namespace, name }) => `${verb} ${resource}${subresource === undefined ? '' : `/${subresource}`} ${namespace} ${name ?? ''}`.trim());
  expect(rights).toEqual(expect.arrayContaining(['create bridges.podbridge.dev shop', 'create clients.podbridge.dev bridge-system', 'get deployments.apps shop', `create serviceaccounts/token bridge-system ${names.linkAccount}`, 'get configmaps bridge-system podbridge-info']));
});

describe('examining', () => {
  const check = (id: string, area: Check['area'], run: Check['run']): Check => ({ id, area, title: id, run });
  test('one failure is told once, and takes nobody along', async () => {
    const gone = new BridgeError({ kind: 'environment', code: 'docker-unreachable', what: 'Docker does not answer' });
    const findings = await examine([
      check('link', 'link', async () => { throw gone; }), check('docker', 'host', async () => [{ code: 'docker-unreachable', severity: 'error', what: 'Docker does not answer', fix: 'systemctl start docker' }]),
      check('odd', 'cluster', async () => { throw new TypeError('oops'); }), check('fine', 'host', async () => [{ code: 'disk-free', severity: 'ok', what: 'room' }]),
    ], {} as DoctorContext);
    expect(findings.map(({ area, code, severity }) => `${area} ${code} ${severity}`)).toEqual(['host docker-unreachable error', 'host disk-free ok', 'cluster check-failed warning', 'link not-checked info']);
    expect(hasErrors(findings)).toBe(true);
    const text = reportText(findings, paint(false));
    expect(text).toContain('  ✗ error: Docker does not answer [docker-unreachable]\n      fix: systemctl start docker');
    expect(text).toMatch(/1 error, 1 warning\.$/);
  });
});

test('before the installation that is told once, and what needs it is not checked', async () => {
  const missing = new BridgeError({ kind: 'environment', code: 'cluster-kind-missing', what: 'the cluster knows no bridges.podbridge.dev', next: 'bridge install' });
  const check = (id: string, run: Check['run']): Check => ({ id, area: 'cluster', title: id, run });
  const findings = await examine([check('side', async () => [{ code: 'not-installed', severity: 'error', what: 'not installed', fix: 'bridge install' }]), check('bridges', async () => { throw missing; }), check('rules', async () => { throw missing; })], {} as DoctorContext);
  expect(findings.map(({ code, severity }) => `${code} ${severity}`)).toEqual(['not-installed error', 'not-checked info', 'not-checked info']);
});

describe('secrets', () => {
  test.each([
    ['token eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJzdWIiOiJ4In0.c2lnbmF0dXJl here', 'eyJ'], ['Authorization: Bearer abcdefgh12345678', 'abcdefgh'], ['postgres://ann:hunter22@db/x', 'hunter22'],
    ['DB_PASSWORD=hunter22 next', 'hunter22'], ['"api_key": "k-123456"', 'k-123456'], ['x-token: sesame1', 'sesame1'], ['key yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk= end', 'yAnz5TF'],
    ['-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----', 'MHcCAQEE'],
  ])('%s', (text, secret) => {
    expect(redactText(text)).not.toContain(secret);
    expect(redactText(text)).toContain('<removed>');
  });
  test('what is no secret stays', () => {
    const text = '{"event":"configured","transport":"docker","endpoint":{"host":"172.30.8.2","port":30698}} bridge shop/api-ann 10.96.0.1';
    expect(redactText(text)).toBe(text);
  });
  test('objects: names of variables stay, values go', () => {
    const clean = redact({
      kind: 'Pod', metadata: { name: 'x', annotations: { 'kubectl.kubernetes.io/last-applied-configuration': 'S1' }, managedFields: [] }, data: { key: 'S2' },
      spec: { containers: [{ name: 'c', args: ['--password', 'S3'], env: [{ name: 'A', value: 'S4' }, { name: 'B', valueFrom: { secretKeyRef: { name: 'n', key: 'k' } } }] }] }, Env: ['C=S5'], rules: [{ headers: [{ name: 'x-key', value: 'S6' }] }],
    });
    const text = JSON.stringify(clean);
    for (const secret of ['S1', 'S2', 'S3', 'S4', 'S5', 'S6']) expect(text).not.toContain(secret);
    for (const kept of ['"name":"x"', '"A"', '"secretKeyRef"', 'C=<removed>', 'x-key']) expect(text).toContain(kept);
  });
});
