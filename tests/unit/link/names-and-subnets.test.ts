import { describe, expect, test } from '@jest/globals';
import { routesOf } from '../../../cli/link/host-routes.ts';
import { linkName, networkName } from '../../../cli/link/link-name.ts';
import { chooseSubnet, overlapping, overlaps, subnetOf } from '../../../cli/link/subnet.ts';

describe('names', () => {
  const origin = { server: 'https://api.example:6443', username: 'ann@example.com', dockerId: 'D1' };

  test('the same inputs give the same name, any other another', () => {
    expect(linkName(origin)).toMatch(/^ann-[0-9a-f]{6}$/);
    expect(linkName({ ...origin, server: `${origin.server}/` })).toBe(linkName(origin));
    const others = [linkName({ ...origin, server: 'https://api.example:6444' }), linkName({ ...origin, username: 'ann@example.org' }), linkName({ ...origin, dockerId: 'D2' })];
    expect(new Set([linkName(origin), ...others]).size).toBe(4);
  });

  test('the network sorts before Docker\'s own and Compose\'s', () => {
    expect([networkName('zoe-ffffff'), 'bridge', '0podbridge', 'a_default', '1', 'app_default'].sort()[0]).toBe(networkName('zoe-ffffff'));
  });
});

describe('subnets', () => {
  test.each([
    ['10.87.0.0/24', '10.87.0.0/16', true], ['10.87.0.0/16', '10.87.3.0/24', true], ['10.87.0.0/24', '10.87.1.0/24', false], ['0.0.0.0/0', '10.87.1.0/24', true], ['fd00::/8', '10.87.1.0/24', false], ['fd00::/8', 'fd12::/64', true], ['10.87.1.5/32', '10.87.1.0/24', true],
  ])('%s and %s: %s', (a, b, expected) => {
    expect(overlaps(a, b)).toBe(expected);
    expect(overlaps(b, a)).toBe(expected);
  });

  test('what is no CIDR overlaps with nothing', () => {
    expect(overlapping('10.87.0.0/24', ['nonsense', '10.87.0.0/99', '', '10.87.0.128/25'])).toEqual(['10.87.0.128/25']);
  });

  test('gateway and cargo come first in it', () => {
    expect(subnetOf('10.87.3.0/24')).toEqual({ cidr: '10.87.3.0/24', gateway: '10.87.3.1', cargo: '10.87.3.2' });
  });

  test('the first free one from the seed on', () => {
    expect(chooseSubnet([], 7)?.cidr).toBe('10.87.7.0/24');
    expect(chooseSubnet(['10.87.7.0/24', '10.87.8.64/26'], 7)?.cidr).toBe('10.87.9.0/24');
    expect(chooseSubnet(['10.87.255.0/24'], 255)?.cidr).toBe('10.87.0.0/24');
  });

  test('other ranges when a company uses 10/8, and none when everything is taken', () => {
    expect(chooseSubnet(['10.0.0.0/8'], 0)?.cidr).toBe('172.31.255.0/24');
    expect(chooseSubnet(['10.0.0.0/8', '172.16.0.0/12'], 0)?.cidr).toBe('192.168.255.0/24');
    expect(chooseSubnet(['0.0.0.0/0'], 0)).toBeUndefined();
  });

  test('routes of the machine', () => {
    const text = 'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\neth0\t00000000\t0101570A\t0003\t0\t0\t0\t00000000\t0\t0\t0\neth0\t0001570A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\ntun0\t0000000A\t0101570A\t0003\t0\t0\t0\t000000FF\t0\t0\t0\n';
    expect(routesOf(text)).toEqual(['10.87.1.0/24', '10.0.0.0/8']);
    expect(routesOf('')).toEqual([]);
  });
});
