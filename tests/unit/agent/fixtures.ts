import type { Bridge, Client } from '../../../protocol/objects.ts';
import type { Rule } from '../../../protocol/rule.ts';
import type { NodePod } from '../../../stowaway-image/src/agent/pods/node-pod.ts';
import type { Frontend, Route } from '../../../stowaway-image/src/agent/proxy/model.ts';

export function pod(name: string, over: Partial<Omit<NodePod, 'metadata'>> & { labels?: Record<string, string>; namespace?: string } = {}): NodePod {
  const { labels = { app: 'api' }, namespace = 'shop', ...rest } = over;
  return {
    metadata: { name, namespace, uid: `uid-${name}`, labels }, node: 'node-1', serviceAccount: 'default', hostNetwork: false, completed: false, leaving: false, lingers: false,
    addresses: ['10.0.0.7'], hostAliases: [], containers: [{ name: 'main', image: 'api:1', ready: true, execProbe: false, limits: {}, probes: [], ports: [8080], mounts: [] }], ...rest,
  };
}

export function bridge(name: string, over: { owner?: string; client?: string; rules?: Rule[]; created?: string; ports?: Bridge['spec']['ports']; state?: 'Active' | 'Draining'; namespace?: string; status?: Bridge['status'] } = {}): Bridge {
  const ports = over.ports ?? [{ port: 8080, protocol: 'TCP', local: 8080 }];
  return {
    apiVersion: 'podbridge.dev/v1alpha1', kind: 'Bridge',
    metadata: { name, namespace: over.namespace ?? 'shop', uid: `uid-${name}`, creationTimestamp: over.created ?? '2026-01-01T00:00:00Z' },
    spec: {
      owner: over.owner ?? 'ann', client: over.client ?? 'ann-1', target: { kind: 'Deployment', name: 'api', container: 'main' }, ports,
      ...(over.rules === undefined ? {} : { rules: over.rules }), ...(over.state === undefined ? {} : { state: over.state }),
    },
    status: over.status ?? {
      podSelector: { labels: 'app=api' }, hubAddress: '10.0.9.9', ports: ports.map((port, index) => ({ ...port, hubPort: 20_000 + index })),
    },
  };
}

export function client(name: string, owner: string): Client {
  return { apiVersion: 'podbridge.dev/v1alpha1', kind: 'Client', metadata: { name, namespace: 'bridge-system' }, spec: { owner, publicKey: 'k' } };
}

export function route(name: string, over: Partial<Route> = {}): Route {
  return { bridge: `shop/${name}`, createdAt: '2026-01-01T00:00:00Z', hub: { address: '10.0.9.9', port: 20_001 }, rules: [], servedBy: true, fallback: 'original', check: { http: undefined, wary: false, proxyProtocol: false }, certificate: undefined, plaintext: false, proxyProtocol: false, mode: 'steal', tapHeaders: false, diff: false, delayMs: 0, fault: undefined, ...over };
}

export function frontend(routes: Route[], over: Partial<Frontend> = {}): Frontend {
  return {
    id: 'uid_8080', netns: 'pb-uid', podAddress: '10.0.0.7', port: 8080, listenPort: 17_000, serverFirst: false, frozen: false,
    probes: { kinds: [], sources: ['10.0.0.1'] }, routes, taps: [], ...over,
  };
}
