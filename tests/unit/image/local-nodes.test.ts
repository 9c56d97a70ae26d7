import { describe, expect, test } from '@jest/globals';
import type { Cluster } from '../../../cli/adapters/cluster/index.ts';
import type { Docker } from '../../../cli/adapters/docker/index.ts';
import { locateCluster } from '../../../cli/image/local-nodes.ts';

interface FakeNode { name: string; ip: string; runtime?: string; architecture?: string }
interface FakeContainer { name: string; ip: string; labels?: Record<string, string> }

function cluster(...nodes: FakeNode[]): Cluster {
  const items = nodes.map(({ name, ip, runtime = 'containerd://2.1.1', architecture = 'amd64' }) => ({
    apiVersion: 'v1', kind: 'Node', metadata: { name }, status: { addresses: [{ type: 'InternalIP', address: ip }, { type: 'Hostname', address: name }], nodeInfo: { containerRuntimeVersion: runtime, architecture } },
  }));
  return { list: async () => ({ items, resourceVersion: '1' }) } as unknown as Cluster;
}

function docker(host: string, ...containers: FakeContainer[]): Docker {
  return {
    info: async () => ({ name: host }),
    containers: { list: async () => containers.map(({ name, ip, labels = {} }) => ({ id: `id-${name}`, name, labels, addresses: { net: ip } })) },
  } as unknown as Docker;
}

const kind = { 'io.x-k8s.kind.cluster': 'dev', 'io.x-k8s.kind.role': 'worker' };

describe('where a cluster is', () => {
  test.each([
    ['kind', kind], ['k3d', { 'k3d.cluster': 'dev' }], ['minikube', { 'created_by.minikube.sigs.k8s.io': 'true' }], ['embedded', { 'podbridge.dev/test-cluster': 'dev' }], ['docker', {}],
  ])('%s: its nodes are containers', async (provider, labels) => {
    expect(await locateCluster(cluster({ name: 'a', ip: '172.18.0.2' }, { name: 'b', ip: '172.18.0.3' }), docker('laptop', { name: 'b', ip: '172.18.0.3', labels }, { name: 'a', ip: '172.18.0.2', labels }))).toEqual({
      kind: 'nodes', provider, nodes: [{ name: 'a', container: 'id-a', runtime: 'containerd' }, { name: 'b', container: 'id-b', runtime: 'containerd' }],
    });
  });

  test('a container of the same name at another address, or the other way round, is not the node', async () => {
    const far = cluster({ name: 'kind-control-plane', ip: '172.18.0.2' });
    expect(await locateCluster(far, docker('laptop', { name: 'kind-control-plane', ip: '172.19.0.2', labels: kind }))).toEqual({ kind: 'elsewhere', architectures: ['amd64'] });
    expect(await locateCluster(far, docker('laptop', { name: 'other', ip: '172.18.0.2', labels: kind }))).toMatchObject({ kind: 'elsewhere' });
  });

  test('one node that is not here: the image would be missing there', async () => {
    expect(await locateCluster(cluster({ name: 'a', ip: '172.18.0.2' }, { name: 'b', ip: '10.0.0.3', architecture: 'arm64' }), docker('laptop', { name: 'a', ip: '172.18.0.2', labels: kind }))).toEqual({ kind: 'elsewhere', architectures: ['amd64', 'arm64'] });
  });

  test('the runtime of each node decides how images get in', async () => {
    const nodes = [{ name: 'a', ip: '1.1.1.1', runtime: 'docker://28.0.0' }, { name: 'b', ip: '1.1.1.2', runtime: 'cri-o://1.33.0' }];
    expect(await locateCluster(cluster(...nodes), docker('laptop', ...nodes))).toMatchObject({ nodes: [{ runtime: 'docker' }, { runtime: 'cri-o' }] });
    expect(await locateCluster(cluster({ name: 'a', ip: '1.1.1.1', runtime: 'strange://1' }), docker('laptop', { name: 'a', ip: '1.1.1.1' }))).toMatchObject({ kind: 'elsewhere' });
  });

  test('Docker Desktop, Colima and their like run pods from this very Docker', async () => {
    expect(await locateCluster(cluster({ name: 'docker-desktop', ip: '192.168.65.3', runtime: 'docker://28.0.0' }), docker('docker-desktop'))).toEqual({ kind: 'same-engine', provider: 'docker-desktop' });
    expect(await locateCluster(cluster({ name: 'docker-desktop', ip: '192.168.65.3', runtime: 'docker://28.0.0' }), docker('another-machine'))).toMatchObject({ kind: 'elsewhere' });
  });
});
