import { describe, expect, test } from '@jest/globals';
import { assignable, choosePool, freeAddress, hubAddress, poolOf } from '../../../stowaway-image/src/network/pool.ts';
import { overlap, parseRange, toAddress, toNumber } from '../../../stowaway-image/src/network/ipv4.ts';
import { assignAddresses } from '../../../stowaway-image/src/controller/client-addresses.ts';
import { clusterRanges, dnsFrom, hubEndpoints, trimNode } from '../../../stowaway-image/src/controller/cluster-facts.ts';
import { client } from './objects.ts';

const pool = '100.96.0.0/16';

describe('IPv4 ranges', () => {
  test('addresses above 127.255.255.255 survive the way to a number and back', () => {
    for (const address of ['0.0.0.0', '10.0.0.1', '192.168.255.254', '255.255.255.255']) expect(toAddress(toNumber(address))).toBe(address);
  });

  test('a CIDR whose address has host bits means its network', () => {
    expect(parseRange('10.1.2.3/8')).toEqual(parseRange('10.0.0.0/8'));
  });

  test.each(['fd00::/48', '10.0.0.0', '10.0.0.0/33', '10.0.0/8', '010.0.0.0/8', 'x/8', '/8', '10.0.0.0/'])('%s is no IPv4 range', (text) => {
    expect(parseRange(text)).toBeUndefined();
  });

  test('ranges that touch do not overlap', () => {
    const range = (cidr: string) => parseRange(cidr)!;
    expect(overlap(range('10.0.0.0/24'), range('10.0.1.0/24'))).toBe(false);
    expect(overlap(range('10.0.0.0/23'), range('10.0.1.0/24'))).toBe(true);
    expect(overlap(range('0.0.0.0/0'), range('10.0.1.7/32'))).toBe(true);
  });
});

describe('the client pool', () => {
  test('is the first candidate that overlaps nothing of the cluster', () => {
    expect(choosePool(['10.244.0.0/16', '10.96.0.0/12', '172.30.0.2/32', 'fd00::/48'])).toBe(pool);
    const other = choosePool(['100.96.3.0/24'])!;
    expect(other).not.toBe(pool);
    expect(overlap(parseRange(other)!, parseRange('100.96.3.0/24')!)).toBe(false);
  });

  test('does not exist when the cluster takes everything', () => {
    expect(choosePool(['0.0.0.0/0'])).toBeUndefined();
  });

  test('a ConfigMap without a usable pool counts as none', () => {
    expect(poolOf(undefined)).toBeUndefined();
    expect(poolOf({ metadata: { name: 'x' }, data: { pool: 'nonsense' } })).toBeUndefined();
    expect(poolOf({ metadata: { name: 'x' }, data: { pool } })).toBe(pool);
  });

  test('gives neither the network, the hub nor the broadcast address', () => {
    expect(hubAddress(pool)).toBe('100.96.0.1');
    expect(freeAddress(pool, new Set())).toBe('100.96.0.2');
    expect(assignable(pool, '100.96.0.1')).toBe(false);
    expect(assignable(pool, '100.96.255.255')).toBe(false);
    expect(assignable(pool, '100.97.0.2')).toBe(false);
    const small = '10.0.0.0/29';
    const taken = new Set<string>();
    for (let address = freeAddress(small, taken); address !== undefined; address = freeAddress(small, taken)) taken.add(address);
    expect([...taken]).toEqual(['10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5', '10.0.0.6']);
  });
});

describe('client addresses', () => {
  const assign = (clients: ReturnType<typeof client>[], known = new Map<string, string>(), from = pool) => Object.fromEntries([...assignAddresses(clients, from, known)].map(([uid, address]) => [uid.replace('client-', ''), address]));

  test('stand in the status and are kept by a controller that starts anew', () => {
    const clients = [client('b', { status: { address: '100.96.0.9' } }), client('a')];
    expect(assign(clients)).toEqual({ a: '100.96.0.2', b: '100.96.0.9' });
  });

  test('that were given but are not seen yet are not given twice', () => {
    expect(assign([client('a', { age: 1 }), client('b')], new Map([['client-b', '100.96.0.2']]))).toEqual({ a: '100.96.0.3', b: '100.96.0.2' });
  });

  test('of two clients with one address the older keeps it, and one outside the pool gets a new one', () => {
    const status = { address: '100.96.0.5' };
    const result = assign([client('new', { status }), client('old', { status, age: 10 }), client('out', { status: { address: '10.0.0.5' } }), client('hub', { status: { address: '100.96.0.1' } })]);
    expect(result['old']).toBe('100.96.0.5');
    expect([result['new'], result['out'], result['hub']].sort()).toEqual(['100.96.0.2', '100.96.0.3', '100.96.0.4']);
  });

  test('end with the pool: who comes last gets none', () => {
    const clients = Array.from({ length: 6 }, (_, index) => client(`c${index}`, { age: 10 - index }));
    expect(Object.keys(assign(clients, new Map(), '10.0.0.0/29'))).toEqual(['c0', 'c1', 'c2', 'c3', 'c4']);
  });
});

describe('what laptops are told of the cluster', () => {
  const node = (name: string, address: string, more: { ready?: boolean; external?: string; podCIDRs?: string[]; os?: string } = {}) => trimNode({
    metadata: { name },
    spec: more.podCIDRs === undefined ? {} : { podCIDRs: more.podCIDRs },
    status: {
      addresses: [{ type: 'InternalIP', address }, { type: 'Hostname', address: name }, ...(more.external === undefined ? [] : [{ type: 'ExternalIP', address: more.external }])],
      conditions: [{ type: 'Ready', status: more.ready === false ? 'False' : 'True' }],
      nodeInfo: { operatingSystem: more.os ?? 'linux' },
    },
  });
  const service = { metadata: { name: 'stowaway-hub' }, spec: { ports: [{ port: 51820, nodePort: 31000, protocol: 'UDP' }] } };

  test('endpoints: the node of the hub first, then ready ones, external addresses after internal ones, no Windows', () => {
    const nodes = [node('n1', '10.0.0.1', { ready: false }), node('n2', '10.0.0.2', { external: '198.51.100.2' }), node('n3', '10.0.0.3'), node('w', '10.0.0.4', { os: 'windows' })];
    expect(hubEndpoints(service, nodes, 'n3').map(({ host, port }) => `${host}:${port}`)).toEqual(['10.0.0.3:31000', '10.0.0.2:31000', '10.0.0.1:31000', '198.51.100.2:31000']);
  });

  test('endpoints: a load balancer comes first, with the port of the Service', () => {
    expect(hubEndpoints({ ...service, status: { loadBalancer: { ingress: [{ hostname: 'lb.example' }] } } }, [node('n1', '10.0.0.1')], undefined))
      .toEqual([{ kind: 'loadBalancer', host: 'lb.example', port: 51820 }, { kind: 'node', host: '10.0.0.1', port: 31000 }]);
    expect(hubEndpoints(undefined, [node('n1', '10.0.0.1')], undefined)).toEqual([]);
  });

  test('ranges: what the cluster says, and nodes one by one', () => {
    expect(clusterRanges({ nodes: [node('n1', '172.30.0.2', { podCIDRs: ['10.244.0.0/24', 'fd00::/64'] })], serviceCidrs: ['10.96.0.0/16'], apiService: '10.96.0.1', podAddresses: ['10.244.0.7', '172.30.0.2'] }))
      .toEqual(['10.244.0.0/24', '10.96.0.0/16', '172.30.0.2/32']);
  });

  test('ranges: guessed around known addresses where the cluster says nothing or its network plugin does otherwise', () => {
    const ranges = (apiService: string) => clusterRanges({ nodes: [node('n1', '192.168.1.2')], serviceCidrs: [], apiService, podAddresses: ['10.42.3.4'] });
    expect(ranges('10.96.0.1')).toEqual(['10.42.0.0/16', '10.96.0.0/12', '192.168.1.2/32']);
    expect(ranges('10.43.0.1')).toEqual(['10.42.0.0/16', '10.43.0.0/16', '192.168.1.2/32']);
  });

  test('DNS from the pod\'s own resolv.conf', () => {
    const conf = 'search bridge-system.svc.corp.local svc.corp.local corp.local example.com\nnameserver fd00::a\nnameserver 10.96.0.10\noptions ndots:5\n';
    expect(dnsFrom(conf, 'bridge-system')).toEqual({ server: '10.96.0.10', domain: 'corp.local' });
    expect(dnsFrom('nameserver 10.0.0.10\n', 'bridge-system')).toEqual({ server: '10.0.0.10', domain: 'cluster.local' });
    expect(() => dnsFrom('search x\n', 'bridge-system')).toThrow(/nameserver/);
  });
});
