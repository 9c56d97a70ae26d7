/** `egress: pod`, as far as it follows from the objects alone: which pod, which tunnel, who may use it. */
import { describe, expect, test } from '@jest/globals';
import { isTunnelDevice, nextTunnel, tunnelDevice } from '../../../protocol/egress.ts';
import type { Bridge, BridgeEgress, BridgePod } from '../../../protocol/objects.ts';
import { egressTrouble } from '../../../stowaway-image/src/agent/egress-ways.ts';
import { renderUnderlay } from '../../../stowaway-image/src/agent/netns/egress.ts';
import { renderEgress, tableInstance } from '../../../stowaway-image/src/agent/netns/tables.ts';
import { deriveStatus, type BridgeFacts } from '../../../stowaway-image/src/controller/bridge-status.ts';
import { assignAddresses } from '../../../stowaway-image/src/controller/client-addresses.ts';
import { chooseEgress } from '../../../stowaway-image/src/controller/egress.ts';
import type { SystemPod, TargetPod } from '../../../stowaway-image/src/controller/pods.ts';
import { EgressTunnels } from '../../../stowaway-image/src/hub/egress-tunnels.ts';
import { planHub, type HubEgress } from '../../../stowaway-image/src/hub/plan.ts';
import { bridge, client } from './objects.ts';

const address = '100.96.1.2';
const target = (name: string, ready = true): TargetPod => ({ metadata: { name }, node: 'n1', hostNetwork: false, over: false, ready });
const entry = (name: string, more: Partial<BridgePod> = {}): BridgePod => ({ name, node: 'n1', ready: true, since: 'x', agent: '10.0.0.5:7080', address: '10.0.0.9', ...more });
const choose = (pods: TargetPod[], before?: BridgeEgress, entered = pods.map(({ metadata }) => metadata.name)): BridgeEgress =>
  chooseEgress({ address, before, pods, entryOf: ({ metadata: { name } }) => (entered.includes(name) ? entry(name) : undefined) });

describe('numbers and names', () => {
  test('tunnels of different addresses differ, and one after the other too', () => {
    const first = nextTunnel(address, undefined);
    const numbers = [first, nextTunnel(address, first), nextTunnel('100.96.1.3', undefined), nextTunnel('100.96.2.2', undefined)];
    expect(new Set(numbers).size).toBe(4);
    expect(nextTunnel(address, first + 255)).toBe(first);
    expect(numbers.map(tunnelDevice).every((name) => isTunnelDevice(name) && name.length < 16)).toBe(true);
    expect(isTunnelDevice('pbegress')).toBe(false);
  });
});

describe('the pod', () => {
  test('is a ready one that its agent has entered', () => {
    expect(choose([target('a', false), target('b'), target('c')]).pod).toBe('b');
    expect(choose([target('a', false)]).pod).toBe('a');
    expect(choose([target('a'), target('b')], undefined, ['b']).pod).toBe('b');
    expect(choose([target('a')], undefined, [])).toEqual({ address, tunnel: nextTunnel(address, undefined) });
  });

  test('stays while it lives, and another one has another tunnel', () => {
    const first = choose([target('b')]);
    expect(choose([target('a'), target('b', false)], first)).toBe(first);
    const moved = choose([target('a')], first);
    expect(moved).toEqual({ address, pod: 'a', tunnel: nextTunnel(address, first.tunnel) });
    expect(choose([], moved)).toEqual({ address, tunnel: moved.tunnel });
  });

  test('stays while its agent starts anew, unless there is another', () => {
    const first = choose([target('a')]);
    expect(choose([target('a')], first, [])).toBe(first);
    expect(choose([target('a'), target('b')], first, ['b']).pod).toBe('b');
  });
});

describe('addresses', () => {
  test('of links and of bridges are never the same', () => {
    const out: Bridge = { ...bridge('out', { status: { egress: { address: '100.96.0.2', tunnel: 0 } } }), spec: { ...bridge('out').spec, egress: 'pod' } };
    const given = assignAddresses([client('ann-1'), out], '100.96.0.0/16', new Map());
    expect([given.get('client-ann-1'), given.get(out.metadata.uid ?? '')]).toEqual(['100.96.0.3', '100.96.0.2']);
  });
});

describe('the bridge', () => {
  const agent: SystemPod = { metadata: { name: 'agent' }, node: 'n1', image: 'i', address: '10.0.0.5', ready: true, down: false, deleting: false, dead: false, trouble: undefined };
  const facts = (pods: BridgePod[], given: string | undefined = address): BridgeFacts => {
    const out = bridge('out', { status: { pods } });
    return {
      bridge: { ...out, spec: { ...out.spec, egress: 'pod' } }, client: client('ann-1', { status: { phase: 'Online' } }), target: { selector: { labels: 'app=web' } }, pods: [target('web-1')], ports: [],
      hub: { ...agent, address: '10.0.0.8' }, egress: { address: given, before: undefined }, agent: () => agent,
    };
  };

  test('is ready when the way out is open', () => {
    expect(deriveStatus(facts([]))).toMatchObject({ phase: 'Attaching', egress: { address } });
    expect(deriveStatus(facts([entry('web-1')]))).toMatchObject({ phase: 'Attaching', egress: { address, pod: 'web-1' } });
    expect(deriveStatus(facts([entry('web-1', { egress: true })]))).toMatchObject({ phase: 'Ready' });
  });

  test('fails when no address is left', () => {
    const { phase, conditions } = deriveStatus({ ...facts([]), egress: { address: undefined, before: undefined } });
    expect([phase, conditions.at(-1)?.reason]).toEqual(['Failed', 'NoAddress']);
  });
});

describe('the hub', () => {
  const ann = client('ann-1', { status: { address: '100.96.0.2' } });
  const out = (name: string, owner: string, given: string, more: Partial<Bridge['spec']> = {}): Bridge => {
    const made = bridge(name, { owner, status: { egress: { address: given, tunnel: 7, pod: 'web-1' }, pods: [entry('web-1')] } });
    return { ...made, spec: { ...made.spec, egress: 'pod', ...more } };
  };
  const plan = (bridges: Bridge[]) => planHub({ clients: [ann], bridges, publicKey: 'HUB', isOnline: () => true, isRelayed: () => false });

  test('gives the address to the peer of the bridge\'s client, and to nobody else', () => {
    const { peers, egress } = plan([out('mine', 'ann', '100.96.0.9'), out('theirs', 'ben', '100.96.0.10'), out('clash', 'ann', '100.96.0.2'), out('no', 'ann', '100.96.0.11', { egress: 'hub' })]);
    expect(peers[0]?.allowedIps).toEqual(['100.96.0.2/32', '100.96.0.9/32']);
    expect(egress).toEqual([{ address: '100.96.0.9', tunnel: 7, agent: '10.0.0.5' }]);
  });

  test('opens, moves and closes tunnels, and removes those of an earlier process', async () => {
    const batches: string[][] = [];
    const tunnels = new EgressTunnels({
      ip: { batch: async (lines) => void batches.push(lines), links: async () => ['lo', 'wg0', 'pbe000001'], rules: async () => ['100.96.0.3'] }, uplinkMtu: async () => 1500,
    });
    const way: HubEgress = { address: '100.96.0.9', tunnel: 7, agent: '10.0.0.5' };
    expect(await tunnels.apply([way])).toBe(true);
    expect(batches).toEqual([['rule del priority 1200', 'link del pbe000001'], expect.arrayContaining([expect.stringMatching(/^link add pbe000007 .* id 7 remote 10\.0\.0\.5 dstport 4790/), 'link set pbe000007 mtu 1450 up'])]);
    batches.length = 0;
    expect(await tunnels.apply([way])).toBe(false);
    expect(await tunnels.apply([{ ...way, tunnel: 8, agent: '10.0.0.6' }])).toBe(true);
    expect(batches[0]).toEqual([expect.stringMatching(/^rule del from 100\.96\.0\.9 /), 'link del pbe000007']);
    expect(await tunnels.apply([{ ...way, agent: undefined }])).toBe(true);
    expect(batches.at(-1)).toContain('link del pbe000008');
  });
});

describe('in the pod', () => {
  test('only the bridge\'s address comes out of its tunnel, and only answers go in', () => {
    const rules = renderEgress('1_2', '10.0.0.9', [{ address, tunnel: 7, hub: '10.0.0.8' }]);
    expect(rules.match(/iifname "pbe000007" ip saddr != 100\.96\.1\.2 drop/g)).toHaveLength(2);
    expect(rules).toContain('oifname "pbe*" ct state new drop');
    expect(tableInstance(/delete table ip (\S+)/.exec(rules)?.[1] ?? '')).toBe('1_2');
    expect(renderEgress('1_2', '10.0.0.9', [])).not.toContain('chain');
  });

  test('a kernel without VXLAN is told as such, everything else with the tool\'s words', () => {
    expect(egressTrouble('ip link add pbe000007 failed (exit code 2):\nError: Unknown device type.')).toMatch(/no VXLAN.*--egress pod needs/);
    expect(egressTrouble('sh failed (exit code 1):\nnet.ipv4.ip_forward is not 1 in the pod')).toContain('ip_forward is not 1');
  });

  test('the agent takes tunnels from the hub only', () => {
    expect(renderUnderlay(['10.0.0.8'])).toMatch(/ip saddr 10\.0\.0\.8 udp dport 4790 accept\n\s+udp dport 4790 drop/);
    expect(renderUnderlay([])).not.toContain('accept\n    udp');
  });
});
