import type { StatusBridge, StatusContainer, StatusSnapshot } from '../../../cli/status/snapshot.ts';

export function bridge(changes: Partial<StatusBridge> = {}): StatusBridge {
  return {
    namespace: 'shop', name: 'api-ann', target: { kind: 'Deployment', name: 'api', container: 'api' }, ports: [{ port: 8080, protocol: 'TCP', local: 8080 }], rules: [{ mark: 'ann' }], mode: 'steal', delayMs: null, fault: null,
    phase: 'Ready', reason: 'PodsAttached', message: '2 of 2 pods attached.', pods: [{ name: 'api-1', node: 'n1', ready: true, serving: true, message: null }, { name: 'api-2', node: 'n2', ready: true, serving: true, message: null }],
    desiredPods: 2, serving: true, requests: { local: 120, original: 1200, failed: 0, perSecond: { local: 12, original: 120.4, failed: 0 } }, container: 'api-ann', created: '2026-11-25T10:00:00Z',
    curl: "curl -H 'baggage: bridge=ann' http://", ...changes,
  };
}

export function container(changes: Partial<StatusContainer> = {}): StatusContainer {
  return { name: 'api-ann', id: 'c1', image: 'shop-api:changed', bridge: 'shop/api-ann', state: 'running', address: '10.87.1.3', published: ['127.0.0.1:9229->9229/tcp'], cpuPercent: 3.25, memoryBytes: 52_000_000, ...changes };
}

export function snapshot(changes: Partial<StatusSnapshot> = {}): StatusSnapshot {
  return {
    at: '2026-11-25T12:03:11.000Z', context: 'lab', server: 'https://10.0.0.1:6443', owner: 'ann',
    link: { name: 'ann-3f9c1a', state: 'up', transport: 'docker', endpoint: '172.30.8.2:30698', latencyMs: 0.82, latenciesMs: [0.8, 0.9, 2.4, 0.8], receivedPerSecond: 1_250_000, sentPerSecond: 300_000, handshakeAgeMs: 12_000, echoAgeMs: 400, mtu: 1420 },
    bridges: [bridge()], bridgesKnown: true, containers: [container()], events: [{ at: '2026-11-25T12:03:01Z', severity: 'info', subject: 'bridge shop/api-ann', text: 'Ready: 2 of 2 pods attached.' }], problems: [], ...changes,
  };
}
