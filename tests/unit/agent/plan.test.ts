import { describe, expect, test } from '@jest/globals';
import type { Bridge } from '../../../protocol/objects.ts';
import { loadLimits, LoadLimit, loadOf } from '../../../stowaway-image/src/agent/load-limit.ts';
import { planAssignments, regexRules, type Assignment } from '../../../stowaway-image/src/agent/plan.ts';
import type { NodePod } from '../../../stowaway-image/src/agent/pods/node-pod.ts';
import { unusableValue } from '../../../stowaway-image/src/agent/proxy/rule-acl.ts';
import { bridge, client, pod } from './fixtures.ts';

const clients = new Map([['ann-1', client('ann-1', 'ann')], ['ben-1', client('ben-1', 'ben')]]);

function plan(bridges: Bridge[], pods: NodePod[] = [pod('api-1')]): Assignment[] {
  return planAssignments({ bridges, pods, client: (name) => clients.get(name), rulesTrouble: unusableValue });
}
const brief = (assignments: Assignment[]): unknown[] => assignments.map(({ bridge: { metadata }, pod: { metadata: { name } }, tcp, trouble }) => [metadata.name, name, tcp.map(({ port, route }) => `${port}>${route.hub.port}`).join(), trouble]);

describe('which bridge on which pod', () => {
  test('every matching pod of the namespace that is not over', () => {
    expect(brief(plan([bridge('b')], [pod('api-1'), pod('api-2'), pod('web', { labels: { app: 'web' } }), pod('api-3', { namespace: 'other' }), pod('done', { completed: true })])))
      .toEqual([['b', 'api-1', '8080>20000', undefined], ['b', 'api-2', '8080>20000', undefined]]);
  });

  test('never to a client of another owner, or to one that does not exist, or in our own namespace', () => {
    expect(plan([bridge('stolen', { owner: 'ann', client: 'ben-1' })])).toEqual([]);
    expect(plan([bridge('gone', { client: 'nobody' })])).toEqual([]);
    expect(plan([bridge('own', { namespace: 'bridge-system' })], [pod('p', { namespace: 'bridge-system' })])).toEqual([]);
    expect(plan([bridge('own', { namespace: 'kube-system' })], [pod('p', { namespace: 'kube-system' })])).toEqual([]);
  });

  test('nothing before the controller has resolved the target', () => {
    expect(plan([bridge('b', { status: {} })])).toEqual([]);
    expect(brief(plan([bridge('b', { status: { podSelector: { podName: 'api-1' } } })]))).toEqual([['b', 'api-1', '', 'waiting for the controller to assign hub ports']]);
  });

  test('of two that want everything, the older has it; the other is told by whom', () => {
    const [older, younger] = plan([bridge('b', { created: '2026-02-01T00:00:00Z' }), bridge('a', { created: '2026-01-01T00:00:00Z', owner: 'ben', client: 'ben-1' })]);
    expect([older?.bridge.metadata.name, older?.trouble, older?.tcp.length]).toEqual(['a', undefined, 1]);
    expect([younger?.tcp, younger?.trouble]).toEqual([[], expect.stringContaining('port 8080 is taken by bridge shop/a of ben')]);
  });

  test('a draining bridge holds no port any more', () => {
    expect(plan([bridge('old', { state: 'Draining', created: '2026-01-01T00:00:00Z' }), bridge('new', { created: '2026-02-01T00:00:00Z' })]).map(({ trouble }) => trouble)).toEqual([undefined, undefined]);
  });

  test('a pod that is about to end gets nothing new any more', () => {
    expect(plan([bridge('b')], [pod('api-1', { leaving: true }), pod('api-2')]).map(({ pod: { metadata }, draining }) => [metadata.name, draining])).toEqual([['api-1', true], ['api-2', false]]);
  });

  test('bridges with rules share a port', () => {
    expect(plan([bridge('a', { rules: [{ mark: 'ann' }] }), bridge('b', { rules: [{ mark: 'ben' }] }), bridge('all')]).map(({ tcp, trouble }) => [tcp.length, trouble])).toEqual([[1, undefined], [1, undefined], [1, undefined]]);
  });

  test('what cannot be bridged says why', () => {
    expect(plan([bridge('b')], [pod('api-1', { hostNetwork: true })])[0]?.trouble).toMatch(/hostNetwork/);
    expect(plan([bridge('b', { rules: [{ headers: [{ name: 'x y', match: 'exact', value: '1' }] }] })])[0]).toMatchObject({ tcp: [], trouble: expect.stringContaining('not a usable header name') });
    expect(plan([bridge('b', { rules: [{ mark: 'm' }], ports: [{ port: 53, protocol: 'UDP', local: 53 }] })])[0]?.trouble).toMatch(/rules and copies are for HTTP only/);
  });

  test.each([['Online', false], ['Suspended', true], [undefined, true]] as const)('UDP of a client that is %s: silent %s', (phase, silent) => {
    const [assignment] = planAssignments({
      bridges: [bridge('b', { ports: [{ port: 53, protocol: 'UDP', local: 53 }] })], pods: [pod('api-1')], rulesTrouble: unusableValue,
      client: (name) => ({ ...client(name, 'ann'), status: phase === undefined ? {} : { phase } }),
    });
    expect(assignment?.udp).toEqual([{ port: 53, hub: { address: '10.0.9.9', port: 20_000 }, silent }]);
  });

  test('one owner cannot load the agent beyond his share, nor all together beyond the node\'s; older bridges go first, others are not touched', () => {
    const ports = Array.from({ length: 64 }, (_, index) => ({ port: 9000 + index, protocol: 'TCP' as const, local: 80 }));
    const rules = Array.from({ length: 16 }, (_, index) => ({ headers: [{ name: 'x', match: 'exact' as const, value: `${'v'.repeat(180)}${index}` }] }));
    const status = { podSelector: { labels: 'app=api' }, hubAddress: '10.0.9.9', ports: ports.map((port, index) => ({ ...port, hubPort: 20_100 + index })) };
    const heavy = (name: string, owner: 'ann' | 'ben', day: number): Bridge => bridge(name, { owner, client: `${owner}-1`, ports, rules, status, created: `2026-01-${10 + day}T00:00:00Z` });
    const anns = Array.from({ length: 40 }, (_, index) => heavy(`a${index}`, 'ann', index % 20));
    const found = plan([...anns, bridge('small', { owner: 'ben', client: 'ben-1', rules: [{ mark: 'ben' }], created: '2026-02-02T00:00:00Z' })]);
    const taken = found.filter(({ tcp }) => tcp.length > 0);
    expect(loadOf(anns[0]!) * (taken.length - 1)).toBeLessThanOrEqual(loadLimits.ofOwner);
    expect(taken.map(({ bridge: { metadata } }) => metadata.name)).toEqual(['a0', 'small']);
    expect(found.filter(({ tcp }) => tcp.length === 0).map(({ trouble }) => trouble)).toEqual(Array.from({ length: 39 }, () => expect.stringContaining('the bridges of ann have more rules times ports')));
    // Each pod counts.
    const pods = Array.from({ length: 5 }, (_, index) => pod(`api-${index}`));
    expect(plan([bridge('big', { ports, rules: rules.slice(0, 8), status })], pods).filter(({ tcp }) => tcp.length > 0)).toHaveLength(Math.floor(loadLimits.ofOwner / loadOf(bridge('big', { ports, rules: rules.slice(0, 8) }))));
    const limit = new LoadLimit();
    expect(['a', 'b', 'c', 'd', 'e'].map((owner) => limit.refuse(owner, loadLimits.ofOwner)?.slice(0, 11))).toEqual([undefined, undefined, undefined, undefined, 'all bridges']);
  });

  test('rules with regular expressions of bridges that are left out are not even looked at', () => {
    const rules = [{ headers: [{ name: 'x', match: 'regex' as const, value: 'v'.repeat(1000) }] }];
    const ports = Array.from({ length: 64 }, (_, index) => ({ port: 9000 + index, protocol: 'TCP' as const, local: 80 }));
    const bridges = Array.from({ length: 20 }, (_, index) => bridge(`r${index}`, { ports, rules }));
    const looked = regexRules({ bridges, pods: [pod('api-1')], client: (name) => clients.get(name) });
    expect(looked).toHaveLength(Math.floor(loadLimits.ofOwner / loadOf(bridges[0]!)));
  });

  test('a bridge without ports is there for the identity', () => {
    expect(plan([bridge('env', { ports: [], status: { podSelector: { labels: 'app=api' } } })])[0]).toMatchObject({ tcp: [], udp: [], trouble: undefined });
  });
});
