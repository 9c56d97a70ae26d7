import { describe, expect, test } from '@jest/globals';
import { hubPortRange } from '../../../protocol/ports.ts';
import type { AssignedPort, BridgePort } from '../../../protocol/objects.ts';
import { assignHubPorts, hubPortsOfOwner, type PortClaim } from '../../../stowaway-image/src/controller/hub-ports.ts';

const tcp = (port: number): BridgePort => ({ port, protocol: 'TCP', local: port });
const holder = (uid: string, ports: BridgePort[], assigned: AssignedPort[] = [], createdAt = '2026-01-01', claim: PortClaim = 'full', owner = uid) => ({ uid, owner, claim, ports, assigned, createdAt });
const given = (result: ReturnType<typeof assignHubPorts>, uid: string): AssignedPort[] => {
  const ports = result.get(uid);
  if (!Array.isArray(ports)) throw new Error(`${uid}: ${ports ?? 'none'}`);
  return ports;
};

describe('hub ports', () => {
  test('each bridged port gets its own, TCP and UDP of one number too', () => {
    const result = assignHubPorts([holder('a', [tcp(80), { port: 80, protocol: 'UDP', local: 80 }]), holder('b', [tcp(80)])]);
    const ports = [...result.keys()].flatMap((uid) => given(result, uid).map(({ hubPort }) => hubPort));
    expect(new Set(ports).size).toBe(3);
    for (const port of ports) expect(port >= hubPortRange.first && port <= hubPortRange.last).toBe(true);
  });

  test('assignments that stand in the status stay, whatever comes before or after', () => {
    const first = given(assignHubPorts([holder('a', [tcp(80)])]), 'a');
    const later = assignHubPorts([holder('b', [tcp(80)], [], '2025-01-01'), holder('a', [tcp(80), tcp(81)], first)]);
    expect(given(later, 'a')[0]).toEqual(first[0]);
    expect(later.get('a')).toHaveLength(2);
  });

  test('the container\'s port may change without a new hub port', () => {
    const [first] = given(assignHubPorts([holder('a', [tcp(80)])]), 'a');
    expect(assignHubPorts([holder('a', [{ port: 80, protocol: 'TCP', local: 9000 }], [first!])]).get('a')).toEqual([{ ...first, local: 9000 }]);
  });

  test('of two bridges that hold the same hub port the older one keeps it', () => {
    const assigned = [{ ...tcp(80), hubPort: 20005 }];
    const result = assignHubPorts([holder('young', [tcp(80)], assigned, '2026-02-02'), holder('old', [tcp(80)], assigned, '2026-01-01')]);
    expect(result.get('old')).toEqual(assigned);
    expect(given(result, 'young')[0]!.hubPort).not.toBe(20005);
  });

  test('a hub port outside the range is not kept', () => {
    expect(given(assignHubPorts([holder('a', [tcp(80)], [{ ...tcp(80), hubPort: 6443 }])]), 'a')[0]!.hubPort).not.toBe(6443);
  });

  test('a port that has just become free is not the next one given away', () => {
    const used = given(assignHubPorts([holder('a', [tcp(80)])]), 'a')[0]!.hubPort;
    const next = Array.from({ length: 20 }, (_, index) => given(assignHubPorts([holder(`b${index}`, [tcp(80)])]), `b${index}`)[0]!.hubPort);
    expect(next).not.toContain(used);
  });

  test('all ports in use: the last bridge gets none, the others keep theirs', () => {
    const size = hubPortRange.last - hubPortRange.first + 1;
    const full = holder('full', Array.from({ length: size }, (_, index) => tcp(index + 1)), Array.from({ length: size }, (_, index) => ({ ...tcp(index + 1), hubPort: hubPortRange.first + index })));
    const result = assignHubPorts([full, holder('late', [tcp(80)], [], '2026-09-09')]);
    expect(result.get('full')).toHaveLength(size);
    expect(result.get('late')).toBeUndefined();
  });

  test.each(['held', 'spare'] as const)('a %s claim keeps what it has, and gets nothing', (claim) => {
    const assigned = [{ ...tcp(80), hubPort: 20005 }];
    const result = assignHubPorts([holder('had', [tcp(80)], assigned, '2026-01-01', claim), holder('new', [tcp(80)], [], '2026-01-01', claim), holder('more', [tcp(80), tcp(81)], [{ ...tcp(80), hubPort: 20006 }], '2026-01-01', claim)]);
    expect([...result]).toEqual([['had', assigned], ['more', undefined], ['new', undefined]]);
  });

  const size = hubPortRange.last - hubPortRange.first + 1;
  const range = (from: number, count: number): AssignedPort[] => Array.from({ length: count }, (_, index) => ({ ...tcp(index + 1), hubPort: hubPortRange.first + from + index }));
  const having = (uid: string, assigned: AssignedPort[], createdAt: string, claim: PortClaim) => holder(uid, assigned.map(({ port }) => tcp(port)), assigned, createdAt, claim);

  test('all ports in use: spare ones are given to who can work, the youngest first, and no more of them than needed', () => {
    const result = assignHubPorts([
      having('works', range(0, size - 20), '2026-01-01', 'full'), having('old', range(size - 20, 10), '2026-02-01', 'spare'), having('young', range(size - 10, 10), '2026-03-01', 'spare'),
      holder('late', [tcp(80), tcp(81)], [], '2026-09-09'),
    ]);
    expect([...result].map(([uid, assigned]) => [uid, assigned?.length])).toEqual([['works', size - 20], ['late', 2], ['old', 10], ['young', undefined]]);
    for (const { hubPort } of given(result, 'late')) expect(hubPort).toBeGreaterThanOrEqual(hubPortRange.first + size - 10);
  });

  test('all ports in use: those of bridges of whose target nothing is known yet are nobody else\'s', () => {
    const result = assignHubPorts([having('before the restart', range(0, size), '2026-01-01', 'held'), holder('late', [tcp(80)], [], '2026-09-09')]);
    expect(result.get('before the restart')).toHaveLength(size);
    expect(result.get('late')).toBeUndefined();
  });

  test('who works and who does not hold the same hub port: who works keeps it', () => {
    const assigned = [{ ...tcp(80), hubPort: 20005 }];
    const result = assignHubPorts([holder('dead', [tcp(80)], assigned, '2026-01-01', 'spare'), holder('works', [tcp(80)], assigned, '2026-02-02')]);
    expect([result.get('works'), result.get('dead')]).toEqual([assigned, undefined]);
  });

  test('nobody gets more than his share, whatever is free; what he has stays, and others get theirs', () => {
    const eves = Array.from({ length: 158 }, (_, index) => holder(`e${String(index).padStart(3, '0')}`, Array.from({ length: 64 }, (_, port) => tcp(port + 1)), [], '2026-01-01', 'full', 'eve'));
    const result = assignHubPorts([...eves, holder('ann', [tcp(80)], [], '2026-09-09')]);
    const eveHas = eves.filter(({ uid }) => Array.isArray(result.get(uid)));
    expect(eveHas.map(({ uid }) => uid)).toEqual(eves.slice(0, Math.floor(hubPortsOfOwner / 64)).map(({ uid }) => uid));
    expect(result.get('e157')).toBe('share');
    expect(given(result, 'ann')).toHaveLength(1);
    // A smaller one still fits, one that has more by an older version keeps them, and a place that becomes free is hers again.
    expect(given(assignHubPorts([...eves, holder('small', [tcp(80)], [], '2026-09-09', 'full', 'eve')]), 'small')).toHaveLength(1);
    const many = having('many', range(0, hubPortsOfOwner + 5), '2026-01-01', 'full');
    expect(given(assignHubPorts([many, { ...holder('more', [tcp(80)]), owner: 'many' }]), 'many')).toHaveLength(hubPortsOfOwner + 5);
    expect(assignHubPorts([many, { ...holder('more', [tcp(80)]), owner: 'many' }]).get('more')).toBe('share');
    const kept = eves.map((each) => ({ ...each, assigned: Array.isArray(result.get(each.uid)) ? given(result, each.uid) : [] })).slice(1);
    expect(given(assignHubPorts(kept), 'e031')).toHaveLength(64);
    expect(given(assignHubPorts(kept), 'e001')).toEqual(given(result, 'e001'));
  });

  test('a bridge without ports needs none', () => {
    expect(assignHubPorts([holder('env', [])]).get('env')).toEqual([]);
  });
});
