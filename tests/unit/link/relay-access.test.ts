import { describe, expect, test } from '@jest/globals';
import type { ContainerSummary } from '../../../cli/adapters/docker/index.ts';
import { findRelay, hostName, isStale, reachableFromContainers } from '../../../cli/link/relay-access.ts';
import { fakeCluster } from '../support/fake-cluster.ts';
import { fakeDocker } from '../support/fake-docker.ts';

const container = (addresses: Record<string, string>, ports: ContainerSummary['ports'] = []): ContainerSummary => ({ id: 'c', name: 'c', image: 'i', imageId: 'i', labels: {}, state: 'running', addresses, ports });
const running = [container({ kind: '172.18.0.2' }, [{ hostPort: 43210, containerPort: 6443, protocol: 'tcp' }]), container({ kind: '172.18.0.3' }), container({ own: '10.87.1.9' })];
const nowhere = async (): Promise<undefined> => undefined;

describe('where the API server is, seen from a container', () => {
  test('an address of its own is reached as it is', async () => {
    expect(await reachableFromContainers({ host: '203.0.113.7', port: 443 }, running, 'own', nowhere)).toEqual({ addresses: [{ host: '203.0.113.7', port: 443 }], networks: [] });
  });

  test('a port of this machine that is a container\'s (kind): that container, in its network; then the machine itself', async () => {
    for (const host of ['127.0.0.1', 'localhost', '::1']) {
      expect(await reachableFromContainers({ host, port: 43210 }, running, 'own', nowhere)).toEqual({ addresses: [{ host: '172.18.0.2', port: 6443 }, { host: hostName, port: 43210 }], networks: ['kind'] });
    }
  });

  test('any other port of this machine (Docker Desktop\'s cluster, an ssh tunnel): the machine itself', async () => {
    expect(await reachableFromContainers({ host: '127.0.0.1', port: 6443 }, running, 'own', nowhere)).toEqual({ addresses: [{ host: hostName, port: 6443 }], networks: [] });
  });

  test('an address in a Docker network: that network has to be joined', async () => {
    expect(await reachableFromContainers({ host: '172.18.0.3', port: 6443 }, running, 'own', nowhere)).toMatchObject({ networks: ['kind'] });
  });

  test('a name: as Docker resolves it, then as this machine does', async () => {
    expect(await reachableFromContainers({ host: 'k8s.lab', port: 6443 }, running, 'own', async () => '192.0.2.1')).toEqual({ addresses: [{ host: 'k8s.lab', port: 6443 }, { host: '192.0.2.1', port: 6443 }], networks: [] });
    expect((await reachableFromContainers({ host: 'kubernetes.docker.internal', port: 43210 }, running, 'own', async () => '127.0.0.1')).addresses.at(-1)).toEqual({ host: hostName, port: 43210 });
  });
});

test('cargo gets server, proxy and a token of the link\'s account, nothing of the user\'s', async () => {
  const cluster = fakeCluster({ server: 'https://198.51.100.4/k8s/' });
  Object.assign(cluster.context, { certificateAuthority: 'PEM', proxyUrl: 'http://ann:secret@proxy.example:3128', tlsServerName: 'kube' });
  const { access } = await findRelay({ docker: fakeDocker(), cluster, ownNetwork: 'own' });
  expect(access).toMatchObject({
    server: 'https://198.51.100.4/k8s/', serverName: 'kube', certificateAuthority: 'PEM', insecure: false, proxy: 'http://ann:secret@proxy.example:3128', token: 'TOKEN',
    path: '/api/v1/namespaces/bridge-system/pods/stowaway-hub-0/portforward?ports=51821',
  });
  expect(access.addresses[0]).toEqual({ host: 'proxy.example', port: 3128 });
});

test('a token is made anew when half of its life is over', () => {
  const relay = { state: 'off', problem: null, refused: false, issuedAt: '2026-01-01T00:00:00Z', expiresAt: '2026-01-02T00:00:00Z' } as const;
  const at = (time: string): boolean => isStale(relay, Date.parse(time));
  expect([at('2026-01-01T11:59:00Z'), at('2026-01-01T12:01:00Z'), at('2026-02-01T00:00:00Z'), isStale(null, 0)]).toEqual([false, true, true, true]);
});
