import { describe, expect, test } from '@jest/globals';
import { heartbeatMaxBytes, heartbeatMaxEnded, heartbeatSuspendMs } from '../../../protocol/heartbeat.ts';
import type { Bridge, BridgeStatus, ClientStatus } from '../../../protocol/objects.ts';
import { EndedBridges } from '../../../stowaway-image/src/hub/ended-bridges.ts';
import { renderElements, renderTable } from '../../../stowaway-image/src/hub/firewall.ts';
import { parseHeartbeat } from '../../../stowaway-image/src/hub/heartbeat-message.ts';
import { peerChanges, planHub } from '../../../stowaway-image/src/hub/plan.ts';
import { defaultTtlMs, presenceOf } from '../../../stowaway-image/src/hub/presence.ts';
import { isWritten, wantedStatus } from '../../../stowaway-image/src/hub/client-status.ts';
import { parseAllowedIps } from '../../../stowaway-image/src/adapters/wg.ts';
import { resources } from '../../../stowaway-image/src/kube/index.ts';
import { FakeKube } from '../../support/fake-kube.ts';
import { bridge, client } from './objects.ts';

const now = 1_800_000_000_000;
const attached = (agent: string, address?: string): NonNullable<BridgeStatus['pods']>[number] => ({ name: `pod-${agent}`, node: 'n', ready: true, since: 'x', agent, ...(address === undefined ? {} : { address }) });
const served = (hubPort: number, pods: NonNullable<BridgeStatus['pods']>, protocol: 'TCP' | 'UDP' = 'TCP'): BridgeStatus => ({ ports: [{ port: 80, protocol, local: 80, hubPort }], pods });
const plan = (input: Partial<Parameters<typeof planHub>[0]>) => planHub({ clients: [], bridges: [], publicKey: 'HUB', isOnline: () => true, isRelayed: () => false, ...input });

describe('what the hub does for the present objects', () => {
  test('a client with an address is a peer with that one address; one without waits', () => {
    const result = plan({ clients: [client('ann-1', { status: { address: '100.96.0.2' } }), client('new-1')] });
    expect(result.peers).toEqual([{ publicKey: client('ann-1').spec.publicKey, allowedIps: ['100.96.0.2/32'] }]);
    expect(result.refused.size).toBe(0);
  });

  test('nobody takes another\'s link by copying its public key: the older client keeps it', () => {
    const result = plan({ clients: [client('thief', { publicKey: 'K', status: { address: '100.96.0.3' } }), client('ann-1', { publicKey: 'K', age: 60, status: { address: '100.96.0.2' } })] });
    expect(result.peers).toEqual([{ publicKey: 'K', allowedIps: ['100.96.0.2/32'] }]);
    expect(result.refused.get('thief')).toMatch(/client ann-1/);
  });

  test('the hub\'s own key and an address that is taken give no peer', () => {
    const result = plan({ clients: [client('a', { publicKey: 'HUB', status: { address: '100.96.0.2' } }), client('b', { age: 5, status: { address: '100.96.0.3' } }), client('c', { status: { address: '100.96.0.3' } })] });
    expect(result.peers).toHaveLength(1);
    expect([...result.refused.keys()].sort()).toEqual(['a', 'c']);
  });

  test('agents are known by the pods of all bridges', () => {
    expect(plan({ bridges: [bridge('web', { status: served(20001, [attached('10.244.1.7:7080'), attached('10.244.0.9:7080')]) }), bridge('api', { status: served(20002, [attached('10.244.0.9:7080'), attached('x:1')]) })] }).agents).toEqual(['10.244.0.9', '10.244.1.7']);
  });

  test('a hub port leads to the bridge\'s client, for the agents that the status names', () => {
    const result = plan({
      clients: [client('ann-1', { status: { address: '100.96.0.2' } })],
      bridges: [bridge('web', { status: served(20001, [attached('10.244.0.9:7080'), attached('10.244.1.7:7080'), attached('10.244.0.9:7080')]) })],
    });
    expect(result.ports).toEqual([{ protocol: 'TCP', hubPort: 20001, address: '100.96.0.2', sources: ['10.244.0.9', '10.244.1.7'] }]);
  });

  test('UDP comes from the pods themselves', () => {
    const result = plan({
      clients: [client('ann-1', { status: { address: '100.96.0.2' } })],
      bridges: [bridge('dns', { status: served(20001, [attached('10.244.0.9:7080', '10.244.0.30')], 'UDP') })],
    });
    expect(result.ports[0]!.sources).toEqual(['10.244.0.30']);
  });

  test('no port for a bridge whose client is missing, silent or another owner\'s', () => {
    const status = served(20001, [attached('10.244.0.9:7080')]);
    const ann = client('ann-1', { status: { address: '100.96.0.2' } });
    expect(plan({ bridges: [bridge('web', { status })] }).ports).toEqual([]);
    expect(plan({ clients: [ann], bridges: [bridge('web', { owner: 'bob', status })] }).ports).toEqual([]);
    const silent = plan({ clients: [ann], bridges: [bridge('web', { status })], isOnline: () => false });
    expect(silent.ports).toEqual([]);
    expect(silent.silent).toEqual(['100.96.0.2']);
    expect(silent.peers).toHaveLength(1);
  });

  test('peers that are right are not touched', () => {
    const present = [{ publicKey: 'A', allowedIps: ['100.96.0.2/32'] }, { publicKey: 'B', allowedIps: ['100.96.0.3/32'] }, { publicKey: 'C', allowedIps: [] }];
    expect(peerChanges(present, [present[0]!, { publicKey: 'C', allowedIps: ['100.96.0.3/32'] }])).toEqual({ remove: ['B'], put: [{ publicKey: 'C', allowedIps: ['100.96.0.3/32'] }] });
    expect(peerChanges(present, present)).toEqual({ remove: [], put: [] });
  });

  test('the output of wg is read', () => {
    expect(parseAllowedIps('A=\t100.96.0.2/32\nB=\t(none)\nC=\t10.0.0.1/32 10.0.0.2/32\n')).toEqual([
      { publicKey: 'A=', allowedIps: ['100.96.0.2/32'] }, { publicKey: 'B=', allowedIps: [] }, { publicKey: 'C=', allowedIps: ['10.0.0.1/32', '10.0.0.2/32'] },
    ]);
  });
});

describe('nftables', () => {
  test('the table is replaced in one transaction, and drops by default what goes through', () => {
    const text = renderTable('wg0', '100.96.0.0/16');
    expect(text.startsWith('table ip podbridge_hub {}\ndelete table ip podbridge_hub\ntable ip podbridge_hub {')).toBe(true);
    expect(text).toMatch(/hook forward priority filter; policy drop;\n.*\n.*@egress .*\n.*\n\s+iifname "wg0" oifname "wg0" meta l4proto tcp reject with tcp reset\n\s+iifname "wg0" oifname "wg0" drop/);
  });

  test('sets and maps are emptied and filled in one transaction, in a stable order', () => {
    const ports = [
      { protocol: 'TCP' as const, hubPort: 20002, address: '100.96.0.3', sources: ['10.0.0.1', '10.0.0.2'] },
      { protocol: 'TCP' as const, hubPort: 20001, address: '100.96.0.2', sources: [] },
      { protocol: 'UDP' as const, hubPort: 20003, address: '100.96.0.2', sources: ['10.0.0.3'] },
    ];
    const text = renderElements({ ports, silent: ['100.96.0.9', '100.96.0.4'], egress: [{ address: '100.96.0.12', tunnel: 1, agent: '10.0.0.7' }, { address: '100.96.0.11', tunnel: 2, agent: undefined }], agents: ['10.0.0.9', '10.0.0.7'] });
    expect(text.split('\n')).toEqual([
      'flush map ip podbridge_hub clients_tcp',
      'add element ip podbridge_hub clients_tcp { 20001 : 100.96.0.2, 20002 : 100.96.0.3 }',
      'flush set ip podbridge_hub sources_tcp',
      'add element ip podbridge_hub sources_tcp { 10.0.0.1 . 20002, 10.0.0.2 . 20002 }',
      'flush map ip podbridge_hub clients_udp',
      'add element ip podbridge_hub clients_udp { 20003 : 100.96.0.2 }',
      'flush set ip podbridge_hub sources_udp',
      'add element ip podbridge_hub sources_udp { 10.0.0.3 . 20003 }',
      'flush set ip podbridge_hub silent',
      'add element ip podbridge_hub silent { 100.96.0.4, 100.96.0.9 }',
      'flush set ip podbridge_hub egress',
      'add element ip podbridge_hub egress { 100.96.0.11, 100.96.0.12 }',
      'flush set ip podbridge_hub egress_agents',
      'add element ip podbridge_hub egress_agents { 10.0.0.7 }',
      'flush set ip podbridge_hub agents',
      'add element ip podbridge_hub agents { 10.0.0.7, 10.0.0.9 }',
      '',
    ]);
    expect(renderElements({ ports: [...ports].reverse(), silent: ['100.96.0.4', '100.96.0.9'], egress: [{ address: '100.96.0.11', tunnel: 2, agent: undefined }, { address: '100.96.0.12', tunnel: 1, agent: '10.0.0.7' }], agents: ['10.0.0.7', '10.0.0.9'] })).toBe(text);
  });
});

describe('heartbeats', () => {
  const good = { v: 1, seq: 7, transport: 'udp', ended: [{ namespace: 'demo', name: 'web-ann' }] };
  const bytes = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

  test('are read', () => {
    expect(parseHeartbeat(bytes(good))).toEqual(good);
  });

  test('that name more ended bridges than one may are heard all the same, with the first of them', () => {
    const ended = Array.from({ length: heartbeatMaxEnded + 1 }, (_, index) => ({ namespace: 'demo', name: `web-${index}` }));
    expect(parseHeartbeat(bytes({ ...good, ended }))).toEqual({ ...good, ended: ended.slice(0, heartbeatMaxEnded) });
  });

  test.each([
    ['nothing', Buffer.alloc(0)],
    ['garbage', Buffer.from([0xff, 0, 1, 2])],
    ['null', bytes(null)],
    ['a list', bytes([good])],
    ['another version', bytes({ ...good, v: 2 })],
    ['no number', bytes({ ...good, seq: '7' })],
    ['a fraction', bytes({ ...good, seq: 0.5 })],
    ['an unknown transport', bytes({ ...good, transport: 'pigeon' })],
    ['no list', bytes({ ...good, ended: {} })],
    ['null in the list', bytes({ ...good, ended: [null] })],
    ['a path for a name', bytes({ ...good, ended: [{ namespace: 'demo', name: '../x' }] })],
    ['no text for a UID', bytes({ ...good, ended: [{ ...good.ended[0], uid: 7 }] })],
    ['a path for a UID', bytes({ ...good, ended: [{ ...good.ended[0], uid: '../x' }] })],
    ['too many bytes', Buffer.from(JSON.stringify(good) + ' '.repeat(heartbeatMaxBytes))],
  ])('%s is none', (_, datagram) => {
    expect(parseHeartbeat(datagram)).toBeUndefined();
  });
});

describe('ended sessions', () => {
  const ann = client('ann-1');
  const report = async (made: Bridge, uid: string | undefined) => {
    const kube = new FakeKube();
    kube.seed(resources.bridges, made);
    const { namespace = '', name } = made.metadata;
    const ended = new EndedBridges({ kube, log: () => undefined, find: (ref) => kube.peek<Bridge>(resources.bridges, ref) });
    const gone = ended.report(ann, [{ namespace, name, ...(uid === undefined ? {} : { uid }) }]);
    await new Promise((resolve) => { setImmediate(resolve); });
    return { gone: gone.length, left: kube.all(resources.bridges).length };
  };

  test('take their bridge with them, also when an older laptop does not tell which one it was', async () => {
    const web = bridge('web-ann');
    expect(await report(web, web.metadata.uid)).toEqual({ gone: 0, left: 0 });
    expect(await report(web, undefined)).toEqual({ gone: 0, left: 0 });
  });

  test('leave one of the same name that was made since, and one of somebody else', async () => {
    expect(await report(bridge('web-ann'), 'of-the-one-before')).toEqual({ gone: 1, left: 1 });
    const ofBob = bridge('web-bob', { owner: 'bob' });
    expect(await report(ofBob, ofBob.metadata.uid)).toEqual({ gone: 1, left: 1 });
  });
});

describe('presence', () => {
  const started = now - 60_000;
  const phase = (status: ClientStatus | undefined, heardAgoMs: number | undefined, { at = now, hubStartedAt = started, ttl }: { at?: number; hubStartedAt?: number; ttl?: string } = {}) =>
    presenceOf(client('a', { ...(status === undefined ? {} : { status }), ...(ttl === undefined ? {} : { ttl }) }), heardAgoMs === undefined ? undefined : { at: at - heardAgoMs, transport: 'udp' }, hubStartedAt, at);

  test('Pending until the first heartbeat, then Online', () => {
    expect(phase(undefined, undefined).phase).toBe('Pending');
    expect(phase({ phase: 'Pending' }, 10)).toMatchObject({ phase: 'Online', transport: 'udp', lastSeen: '2027-01-15T07:59:59Z' });
  });

  test('Suspended after the silence that the protocol allows, and back by itself', () => {
    expect(phase({ phase: 'Online' }, heartbeatSuspendMs - 1).phase).toBe('Online');
    expect(phase({ phase: 'Online' }, heartbeatSuspendMs).phase).toBe('Suspended');
    expect(phase({ phase: 'Suspended', lastSeen: 'x' }, 0).phase).toBe('Online');
  });

  test('lastSeen changes with the phase only', () => {
    expect(phase({ phase: 'Online', lastSeen: 'before' }, 10).lastSeen).toBe('before');
    expect(phase({ phase: 'Online', lastSeen: 'before' }, heartbeatSuspendMs).lastSeen).toBe('2027-01-15T07:59:55Z');
  });

  test('a hub that starts anew gives those who were online time to be heard', () => {
    const status: ClientStatus = { phase: 'Online', lastSeen: '2020-01-01T00:00:00Z' };
    expect(phase(status, undefined, { hubStartedAt: now - 100 }).phase).toBe('Online');
    expect(phase(status, undefined, { hubStartedAt: now - heartbeatSuspendMs }).phase).toBe('Suspended');
  });

  test('Gone after the ttl: counted from the last sign, also over a restart of the hub', () => {
    const hourAgo = new Date(now - 3_600_000).toISOString();
    expect(phase({ phase: 'Suspended', lastSeen: hourAgo }, undefined, { ttl: '90m' }).phase).toBe('Suspended');
    expect(phase({ phase: 'Suspended', lastSeen: hourAgo }, undefined, { ttl: '1h' }).phase).toBe('Gone');
    expect(phase({ phase: 'Online' }, defaultTtlMs).phase).toBe('Gone');
    expect(phase({ phase: 'Gone', lastSeen: hourAgo }, 5).phase).toBe('Online');
  });

  test('says when it changes by itself', () => {
    expect(phase({ phase: 'Online' }, 1000).changesAt).toBe(now + heartbeatSuspendMs - 1000);
    expect(phase({ phase: 'Online' }, heartbeatSuspendMs, { ttl: '1m' }).changesAt).toBe(now + 60_000 - heartbeatSuspendMs);
    expect(phase({ phase: 'Gone', lastSeen: '2020-01-01T00:00:00Z' }, undefined).changesAt).toBe(Infinity);
  });

  test('the status is written when it says something new, and conditions of others do not matter', () => {
    const facts = { publicKey: 'HUB', address: '100.96.0.1', pool: '100.96.0.0/16' };
    const written: ClientStatus = { phase: 'Online', lastSeen: 'x', transport: 'udp', hub: facts, address: '100.96.0.2', conditions: [{ type: 'Other', status: 'True', reason: 'X', message: '', lastTransitionTime: 'x' }, { type: 'Ready', status: 'True', reason: 'Online', message: 'Heartbeats come (transport udp).', lastTransitionTime: 'x' }] };
    const presence = { phase: 'Online' as const, lastSeen: 'x', transport: 'udp' as const, changesAt: 0 };
    const ann = client('a', { status: written });
    const wanted = wantedStatus({ client: ann, presence, facts, refused: undefined, now: new Date(now) });
    expect(isWritten(ann, wanted)).toBe(true);
    expect(isWritten(ann, wantedStatus({ client: ann, presence: { ...presence, phase: 'Suspended' }, facts, refused: undefined, now: new Date(now) }))).toBe(false);
    const gone = wantedStatus({ client: client('a', { status: written, ttl: '30m' }), presence: { ...presence, phase: 'Gone' }, facts, refused: undefined, now: new Date(now) });
    expect(gone.conditions).toMatchObject([{ type: 'Ready', status: 'False', reason: 'SilentForLong', message: expect.stringMatching(/since x.*ttl of 30m/) }]);
    const refused = wantedStatus({ client: ann, presence, facts: undefined, refused: 'its public key belongs to client b', now: new Date(now) });
    expect(refused.hub).toBeUndefined();
    expect(refused.conditions).toMatchObject([{ type: 'Peer', status: 'False', reason: 'KeyInUse' }, { type: 'Ready' }]);
    expect(isWritten(ann, refused)).toBe(false);
  });
});
