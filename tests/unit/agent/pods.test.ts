import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { quantityOf, trimPod } from '../../../stowaway-image/src/agent/pods/node-pod.ts';
import { ProcTable, startTimeOf } from '../../../stowaway-image/src/agent/pods/proc-table.ts';
import { podMatcher } from '../../../stowaway-image/src/agent/pods/selector.ts';
import { pod } from './fixtures.ts';

describe('pod selectors', () => {
  const matches = (labels: string, of: Record<string, string>): boolean => podMatcher({ labels })(pod('p', { labels: of }));
  test.each([
    ['app=api', { app: 'api' }, true], ['app=api', { app: 'web' }, false], ['app=api', {}, false],
    ['app==api,tier!=db', { app: 'api', tier: 'web' }, true], ['tier!=db', {}, true], ['tier!=db', { tier: 'db' }, false],
    ['app in (api,web),x', { app: 'web', x: '' }, true], ['app in (api, web)', { app: 'db' }, false], ['app notin (api)', {}, true], ['app notin (api)', { app: 'api' }, false],
    ['!legacy', {}, true], ['!legacy', { legacy: '' }, false], ['app.kubernetes.io/name=api', { 'app.kubernetes.io/name': 'api' }, true], ['app=', { app: '' }, true],
  ])('%s of %j: %s', (selector, labels, expected) => {
    expect(matches(selector, labels as Record<string, string>)).toBe(expected);
  });
  test('an empty selector matches nothing', () => expect(matches('', { app: 'api' })).toBe(false));
  test('by name', () => {
    expect(podMatcher({ podName: 'p' })(pod('p'))).toBe(true);
    expect(podMatcher({ podName: 'p' })(pod('p-1'))).toBe(false);
  });
  test('what is no selector is refused', () => expect(() => podMatcher({ labels: 'a in b' })).toThrow(/not a label selector/));
});

describe('what is kept of a pod', () => {
  test('container ids, named probe ports, limits, sidecars', () => {
    const kept = trimPod({
      metadata: { name: 'api-1', namespace: 'shop', uid: 'u', labels: { app: 'api' }, annotations: { big: 'x' } },
      spec: {
        nodeName: 'n1', serviceAccountName: 'api', hostAliases: [{ ip: '1.2.3.4', hostnames: ['a', 'b'] }],
        containers: [{
          name: 'main', image: 'api:1', ports: [{ name: 'http', containerPort: 8080 }], resources: { limits: { cpu: '250m', memory: '1Gi' } },
          readinessProbe: { httpGet: { port: 'http' } }, livenessProbe: { tcpSocket: { port: 9000 } }, startupProbe: { grpc: { port: 50 } },
          volumeMounts: [{ name: 'conf', mountPath: '/etc/conf', readOnly: true }, { name: 'data', mountPath: '/data' }], lifecycle: { preStop: { sleep: { seconds: 5 } } },
        }],
        volumes: [{ name: 'conf', configMap: { name: 'conf' } }, { name: 'data', emptyDir: {} }],
        initContainers: [{ name: 'once', image: 'x' }, { name: 'side', image: 'y', restartPolicy: 'Always' }],
      },
      status: { phase: 'Running', podIPs: [{ ip: '10.0.0.7' }], containerStatuses: [{ name: 'main', containerID: 'containerd://abc' }] },
    });
    expect(kept).toEqual({
      metadata: { name: 'api-1', namespace: 'shop', uid: 'u', labels: { app: 'api' } }, node: 'n1', serviceAccount: 'api', hostNetwork: false, completed: false, leaving: false, lingers: true,
      addresses: ['10.0.0.7'], hostAliases: [{ ip: '1.2.3.4', names: ['a', 'b'] }],
      containers: [
        { name: 'main', image: 'api:1', id: 'abc', ready: false, execProbe: false, limits: { cpuMillis: 250, memoryBytes: 2 ** 30 }, ports: [8080], probes: [{ kind: 'http', port: 8080 }, { kind: 'tcp', port: 9000 }, { kind: 'grpc', port: 50 }], mounts: [{ volume: 'conf', kind: 'configMap', path: '/etc/conf', readOnly: true }, { volume: 'data', kind: 'emptyDir', path: '/data', readOnly: false }] },
        { name: 'side', image: 'y', ready: false, execProbe: false, limits: {}, ports: [], probes: [], mounts: [] },
      ],
    });
  });
  test.each([['1', 1], ['500m', 0.5], ['64Mi', 64 * 2 ** 20], ['1e3', 1000], ['2k', 2000], ['1.5Gi', 1.5 * 2 ** 30], ['x', undefined], [undefined, undefined]])('quantity %s', (text, value) => {
    expect(quantityOf(text)).toBe(value);
  });
});

describe('processes by pod', () => {
  const uid = '0f8fad5b-d9cb-469f-a165-70867728950e';
  let proc: string;
  let now: number;
  beforeEach(() => { proc = mkdtempSync(`${tmpdir()}/proc-`); now = 0; });
  afterEach(() => rmSync(proc, { recursive: true }));
  const put = (pid: number, startTime: number, cgroup: string): void => {
    mkdirSync(`${proc}/${pid}`, { recursive: true });
    writeFileSync(`${proc}/${pid}/stat`, `${pid} (a ) b) S ${Array.from({ length: 18 }, () => '0').join(' ')} ${startTime} 0 0\n`);
    writeFileSync(`${proc}/${pid}/cgroup`, cgroup);
  };
  const table = (): ProcTable => new ProcTable(proc, undefined, () => now);

  test('oldest first: the sandbox', () => {
    put(20, 300, `0::/kubepods/pod${uid}/${'b'.repeat(64)}`);
    put(30, 200, `0::/kubepods/pod${uid}/${'a'.repeat(64)}`);
    put(10, 1, '0::/init');
    const processes = table();
    processes.refresh();
    expect(processes.ofPod(uid).map(({ pid }) => pid)).toEqual([30, 20]);
  });

  test('a process that moves into its cgroup after the first look is found', () => {
    const processes = table();
    put(20, 300, '0::/system.slice/containerd.service');
    processes.refresh();
    expect(processes.ofPod(uid)).toEqual([]);
    put(20, 300, `0::/kubepods/pod${uid}/${'b'.repeat(64)}`);
    now += 50;
    processes.refresh();
    expect(processes.ofPod(uid)).toHaveLength(1);
  });

  test('a number that went to another process is not mistaken', () => {
    const processes = table();
    put(20, 300, `0::/kubepods/pod${uid}/${'b'.repeat(64)}`);
    processes.refresh();
    put(20, 999, '0::/system.slice/sshd.service');
    expect(processes.ofPod(uid)).toEqual([]);
  });

  test('the start time stands behind a name with spaces and parentheses', () => {
    expect(startTimeOf('7 (tmux: server (x)) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4242 9 9')).toBe('4242');
  });
});
