import { describe, expect, test } from '@jest/globals';
import { baseScript, ledScript } from '../../../cargo-image/src/gateway/firewall.ts';
import { createGateway } from '../../../cargo-image/src/gateway/gateway.ts';
import { defaultGateways, routeLines } from '../../../cargo-image/src/gateway/routes.ts';
import type { LinkConfig } from '../../../protocol/control.ts';

const link: LinkConfig = {
  address: '100.96.0.7', hub: { publicKey: `${'A'.repeat(43)}=`, endpoints: [{ host: '172.18.0.2', port: 31820 }], address: '100.96.0.1' },
  transport: 'docker', fallBack: false, mtu: 1420, dns: { server: '10.96.0.10', domain: 'cluster.local' }, network: { subnet: '10.87.1.0/24', address: '10.87.1.2', gateway: '10.87.1.1' },
};

/** /proc/net/route as the kernel writes it. */
const header = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n';
const defaultVia = (hex: string) => `eth0\t00000000\t${hex}\t0003\t0\t0\t0\t00000000\t0\t0\t0\n`;
const onLink = 'eth0\t0001570A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n';

describe('routes', () => {
  test('what containers send is told by its interface, so that cargo\'s own datagrams do not loop', () => {
    const lines = routeLines(link, 'eth0');
    expect(lines).toContain('rule add priority 1000 iif eth0 lookup 100');
    expect(lines).toContain('rule add priority 1002 iif lo ipproto 1 lookup 100');
    expect(lines.filter((line) => line.startsWith('rule') && line.includes('10.87.1'))).toEqual([]);
    expect(lines).toContain('route replace default via 10.87.1.1 dev eth0');
    expect(lines).toContain('address replace 10.87.1.2/32 dev eth0');
  });

  test('a hub that is the DNS server too has one route', () => {
    const lines = routeLines({ ...link, dns: { ...link.dns, server: link.hub.address } }, 'eth0');
    expect(lines.filter((line) => line.startsWith('route replace 100.96.0.1/32'))).toHaveLength(1);
  });

  test('default gateways in /proc/net/route', () => {
    expect(defaultGateways(header + defaultVia('0101570A') + onLink)).toEqual(['10.87.1.1']);
    expect(defaultGateways(header + onLink)).toEqual([]);
    expect(defaultGateways('')).toEqual([]);
  });
});

describe('forwards', () => {
  test('all of them in one script that clears what was before', () => {
    expect(ledScript([{ forwards: [
      { hubPort: 20000, protocol: 'TCP', address: '10.87.1.10', port: 8080 }, { hubPort: 20001, protocol: 'TCP', address: '10.87.1.11', port: 80 }, { hubPort: 20000, protocol: 'UDP', address: '10.87.1.10', port: 53 },
    ] }])).toBe([
      'flush map ip podbridge egress',
      'flush map ip podbridge forward_tcp', 'flush set ip podbridge live_tcp',
      'add element ip podbridge forward_tcp { 20000 : 10.87.1.10 . 8080, 20001 : 10.87.1.11 . 80 }', 'add element ip podbridge live_tcp { 20000, 20001 }',
      'flush map ip podbridge forward_udp', 'flush set ip podbridge live_udp',
      'add element ip podbridge forward_udp { 20000 : 10.87.1.10 . 53 }', 'add element ip podbridge live_udp { 20000 }', '',
    ].join('\n'));
  });

  test('a container that goes out as a pod has an address of its own in the tunnel', () => {
    const lines = ledScript([{ forwards: [] }, { forwards: [], egress: { container: '10.87.1.10', address: '100.96.0.9' } }]).split('\n');
    expect(lines).toContain('add element ip podbridge egress { 10.87.1.10 : 100.96.0.9 }');
    const base = baseScript(link, 'eth0');
    expect(base.indexOf('map @egress')).toBeLessThan(base.indexOf(`snat to ${link.address}`));
  });

  test('none leaves none', () => {
    expect(ledScript([])).not.toContain('add element');
  });

  test('one that rests leads nowhere, and what is open in it lives', () => {
    const script = ledScript([{ resting: true, forwards: [{ hubPort: 20000, protocol: 'TCP', address: '10.87.1.10', port: 8080 }] }, { forwards: [{ hubPort: 20001, protocol: 'TCP', address: '10.87.1.11', port: 80 }] }]);
    expect(script).toContain('add element ip podbridge forward_tcp { 20001 : 10.87.1.11 . 80 }');
    expect(script).toContain('add element ip podbridge live_tcp { 20000, 20001 }');
  });

  test('the base replaces an earlier one in the same transaction', () => {
    expect(baseScript(link, 'eth0')).toMatch(/^add table ip podbridge\ndelete table ip podbridge\ntable ip podbridge \{/);
  });
});

describe('the gateway', () => {
  function setup(routes: string, interfaces = [{ name: 'eth1', address: '172.18.0.5' }, { name: 'eth0', address: '10.87.1.3' }]) {
    const batches: string[][] = [];
    const scripts: string[] = [];
    const gateway = createGateway({
      ip: { batch: async (lines) => void batches.push(lines), attempt: async () => undefined }, nft: { apply: async (script) => void scripts.push(script) },
      interfaces: () => interfaces, readRoutes: async () => routes,
    });
    return { gateway, batches, scripts };
  }

  test('finds its interface by the subnet, whatever Docker calls it', async () => {
    const { gateway, batches, scripts } = setup('', [{ name: 'eth0', address: '172.18.0.5' }, { name: 'eth1', address: '10.87.1.3' }]);
    await gateway.configure(link, []);
    expect(batches.flat()).toContain('rule add priority 1000 iif eth1 lookup 100');
    expect(scripts[0]).toContain('iifname "eth1" ip saddr 10.87.1.0/24');
  });

  test('not in the network: says so', async () => {
    await expect(setup('', [{ name: 'eth0', address: '172.18.0.5' }]).gateway.configure(link, [])).rejects.toMatchObject({ code: 'usage' });
  });

  test.each([
    ['right', defaultVia('0101570A'), false], ['through cargo itself, as Docker sets it', defaultVia('0201570A'), true], ['gone', '', true], ['two of them', defaultVia('0101570A') + defaultVia('010012AC'), true],
  ])('default route %s', async (_, routes, restored) => {
    const { gateway, batches } = setup(header + routes + onLink);
    expect(await gateway.defendUplink()).toBe(false);
    await gateway.configure(link, []);
    batches.length = 0;
    expect(await gateway.defendUplink()).toBe(restored);
    expect(batches).toEqual(restored ? [['route replace default via 10.87.1.1 dev eth0']] : []);
  });
});
