/** Objects for tests, with as little as the test has to say. */
import type { Bridge, BridgeStatus, Client, ClientStatus } from '../../../protocol/objects.ts';
import { groupVersion, systemNamespace } from '../../../protocol/names.ts';

let made = 0;
const key = (letter: string): string => `${letter.repeat(42)}A=`;

export function client(name: string, { owner = 'ann', publicKey = key(name[0] ?? 'a'), status, age = 0, ttl }: { owner?: string; publicKey?: string; status?: ClientStatus; age?: number; ttl?: string } = {}): Client {
  return {
    apiVersion: groupVersion, kind: 'Client',
    metadata: { namespace: systemNamespace, name, uid: `client-${name}`, creationTimestamp: new Date(1_800_000_000_000 - age * 1000).toISOString() },
    spec: { owner, publicKey, ...(ttl === undefined ? {} : { ttl }) },
    ...(status === undefined ? {} : { status }),
  };
}

export function bridge(name: string, { namespace = 'demo', owner = 'ann', link = 'ann-1', ports = [{ port: 8080, protocol: 'TCP', local: 3000 }], target = { kind: 'Deployment', name: 'web', container: 'web' }, state, status, age = 0, rules, takeOver }: Partial<{ takeOver: boolean; namespace: string; owner: string; link: string; ports: Bridge['spec']['ports']; target: Bridge['spec']['target']; state: 'Active' | 'Draining'; status: BridgeStatus; age: number; rules: NonNullable<Bridge['spec']['rules']> }> = {}): Bridge {
  made += 1;
  return {
    apiVersion: groupVersion, kind: 'Bridge',
    metadata: { namespace, name, uid: `bridge-${name}-${made}`, generation: 1, creationTimestamp: new Date(1_800_000_000_000 - age * 1000).toISOString() },
    spec: { owner, client: link, target, ports, ...(state === undefined ? {} : { state }), ...(rules === undefined ? {} : { rules }), ...(takeOver === undefined ? {} : { takeOver }) },
    ...(status === undefined ? {} : { status }),
  };
}
