import { describe, expect, test } from '@jest/globals';
import { labels, unclaimedAnnotation } from '../../../protocol/names.ts';
import type { LinkStatus } from '../../../protocol/control.ts';
import type { Bridge } from '../../../protocol/objects.ts';
import { isOrphan, recoverHere, recoveredText } from '../../../cli/bridge/recover.ts';
import { ttlOf } from '../../../cli/commands/ttl.ts';
import { attentionOf } from '../../../cli/link/link-state.ts';
import type { KnownLink } from '../../../cli/link/list-links.ts';
import { timing } from '../../../cli/timing.ts';
import { fakeDocker } from '../support/fake-docker.ts';

const madeAt = Date.parse('2026-01-01T00:00:00Z');
const later = madeAt + timing.bridgeClaimLimitMs + 1000;
const bridge = (annotations?: Record<string, string>): Bridge => ({
  apiVersion: 'podbridge.dev/v1alpha1', kind: 'Bridge', metadata: { namespace: 'shop', name: 'api', uid: 'u', creationTimestamp: new Date(madeAt).toISOString(), ...(annotations === undefined ? {} : { annotations }) },
  spec: { owner: 'ann', client: 'ann-1', target: { kind: 'Deployment', name: 'api', container: 'api' }, ports: [] },
});

describe('a bridge without container', () => {
  const orphan = (changes: Partial<Parameters<typeof isOrphan>[1]> = {}, given = bridge()): boolean => isOrphan(given, { uids: new Set(), sessions: [], now: later, ...changes });
  test('is left alone while anybody may still want it', () => {
    expect(orphan({ uids: new Set(['u']) })).toBe(false);
    expect(orphan({ sessions: [{ namespace: 'shop', name: 'api' }] })).toBe(false);
    expect(orphan({ now: madeAt + 1000 })).toBe(false);
    expect(orphan({}, bridge({ [unclaimedAnnotation]: '60' }))).toBe(false);
  });
  test('is an orphan otherwise', () => {
    expect(orphan()).toBe(true);
    expect(orphan({ uids: new Set(['other']), sessions: [{ namespace: 'shop', name: 'other' }] })).toBe(true);
  });
});

describe('on this machine', () => {
  test('networks and volumes of links without containers go, those of others stay', async () => {
    const docker = fakeDocker();
    const own = (link: string): Record<string, string> => ({ [labels.link]: link });
    for (const [index, link] of ['dead-000001', 'alive-000002'].entries()) {
      await docker.networks.create({ name: `00-podbridge-${link}`, labels: own(link), subnet: `10.87.${index}.0/24`, gateway: `10.87.${index}.1` });
      await docker.volumes.create(`files-${link}`, own(link));
    }
    await docker.networks.create({ name: 'somebody', labels: {}, subnet: '10.1.0.0/24', gateway: '10.1.0.1' });
    await docker.containers.create({ name: 'podbridge-alive-000002', image: 'podbridge/cargo:1', labels: own('alive-000002') });
    expect(await recoverHere(docker)).toEqual({ networks: ['00-podbridge-dead-000001'], volumes: ['files-dead-000001'] });
    expect([...docker.state.networks.values()].map(({ name }) => name)).toEqual(['00-podbridge-alive-000002', 'somebody']);
    expect(await recoverHere(docker)).toEqual({ networks: [], volumes: [] });
  });

  test('is told in words', () => {
    expect(recoveredText({ containers: [], bridges: [], networks: [], volumes: [], clients: [], left: [] })).toBe('Nothing was left behind.');
    const left = [{ namespace: 'shop', name: 'new' }];
    expect(recoveredText({ containers: [], bridges: [], networks: [], volumes: [], clients: [], left })).toMatch(/^Nothing was removed\.\nLeft alone, [^\n]*starting[^\n]*\n {2}bridge shop\/new; at once: bridge stop new -n shop\n {2}later: bridge recover$/);
    expect(recoveredText({ containers: ['api-ann'], bridges: [{ namespace: 'shop', name: 'api' }], networks: [], volumes: [], clients: ['ann-1'], left: [] })).toBe('Removed:\n  container api-ann\n  bridge shop/api\n  link ann-1 in the cluster');
  });
});

describe('what a link needs', () => {
  const link: KnownLink = { link: 'ann-1', context: 'lab', server: 'https://x', owner: 'ann', cargo: 'podbridge-ann-1', state: 'running', version: '1', containers: 0 };
  const relay = { state: 'off', problem: null, refused: false, issuedAt: '2026-01-01T00:00:00Z', expiresAt: '2026-01-02T00:00:00Z' } as const;
  const status = (changes: Partial<LinkStatus>): LinkStatus => ({ transport: 'udp', only: null, endpoint: 'x', handshakeAgeMs: 1, echoAgeMs: 100, rttMs: [1], rxBytes: 0, txBytes: 0, mtu: 1420, relay, forwards: [], sessions: [], ...changes });
  const [young, old] = [Date.parse('2026-01-01T12:00:00Z'), Date.parse('2026-02-01T00:00:00Z')];

  test('nothing while heartbeats come, whatever its token', () => {
    expect([attentionOf(link, status({}), young), attentionOf(link, status({}), old)]).toEqual([null, null]);
    // An open connection outlives its token.
    expect(attentionOf(link, status({ transport: 'api', relay: { ...relay, state: 'open' } }), old)).toBeNull();
  });
  test('a token, when it would be needed and is void', () => {
    for (const [given, now] of [[status({ echoAgeMs: 60_000, relay: { ...relay, state: 'connecting' } }), old], [status({ transport: 'api', echoAgeMs: 60_000, relay: { ...relay, state: 'connecting', refused: true } }), young]] as const) {
      expect(attentionOf(link, given, now)).toMatchObject({ what: expect.stringMatching(/token .*(expired|not accepted)/), next: expect.stringMatching(/bridge up --context lab/) });
    }
  });
  test('patience, when it is silent; a start, when its container does not run', () => {
    expect(attentionOf(link, status({ echoAgeMs: 60_000, relay: { ...relay, state: 'connecting', problem: 'no answer' } }), young)).toMatchObject({ what: 'no heartbeat has come back for 60 s; over the API server: no answer' });
    for (const state of ['exited', 'paused'] as const) expect(attentionOf({ ...link, state }, undefined, young)).toMatchObject({ next: 'bridge up --context lab' });
  });
});

describe('--ttl', () => {
  test.each(['1s', '30m', '12h', '1h30m', '1500ms', '1.5h'])('%s is taken', (ttl) => { expect(ttlOf({ options: { ttl } })).toEqual({ ttl }); });
  test.each(['', '12', 'h', '-1h', '500ms', '1w', '1h 30m'])('%p is not', (ttl) => { expect(() => ttlOf({ options: { ttl } })).toThrow(expect.objectContaining({ facts: expect.objectContaining({ kind: 'usage' }) })); });
  test('absent: what the link has', () => { expect(ttlOf({ options: {} })).toEqual({}); });
});
