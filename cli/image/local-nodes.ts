/** Is the cluster on this machine, in the very Docker that builds our images? Then they are copied into its nodes, without a registry. */
import { resources, type Cluster, type KubeObject } from '../adapters/cluster/index.ts';
import type { ContainerSummary, Docker } from '../adapters/docker/index.ts';

export type Runtime = 'containerd' | 'docker' | 'cri-o';

/** A node that is a container. */
export interface LocalNode {
  name: string;
  container: string;
  runtime: Runtime;
}

export type Location =
  /** Its nodes are containers of this Docker. */
  | { kind: 'nodes'; provider: string; nodes: LocalNode[] }
  /** Its one node uses this Docker's own images (Docker Desktop, Rancher Desktop, Colima, `minikube docker-env`). */
  | { kind: 'same-engine'; provider: string }
  | { kind: 'elsewhere'; architectures: string[] };

interface Node extends KubeObject {
  status?: {
    addresses?: { type: string; address: string }[];
    nodeInfo?: { containerRuntimeVersion?: string; architecture?: string };
  };
}

/** The label by which each provider's node containers are known. Another one, or none, is no obstacle. */
const providerLabels: Record<string, string> = {
  'io.x-k8s.kind.cluster': 'kind',
  'k3d.cluster': 'k3d',
  'created_by.minikube.sigs.k8s.io': 'minikube',
  'podbridge.dev/test-cluster': 'embedded',
};

export async function locateCluster(cluster: Cluster, docker: Docker): Promise<Location> {
  const [{ items: nodes }, containers, info] = await Promise.all([cluster.list<Node>(resources.Node), docker.containers.list({}, { running: true }), docker.info()]);
  const runtimes = nodes.map(runtimeOf);
  if (nodes.length === 1 && runtimes[0] === 'docker' && nodes[0]?.metadata.name === info.name) return { kind: 'same-engine', provider: info.name };

  const found = nodes.map((node) => containers.find((container) => isNode(container, node)));
  if (nodes.length > 0 && found.every((container) => container !== undefined) && runtimes.every((runtime) => runtime !== undefined)) {
    const label = Object.keys(found[0]?.labels ?? {}).find((each) => each in providerLabels);
    return {
      kind: 'nodes', provider: label === undefined ? 'docker' : providerLabels[label] ?? 'docker',
      nodes: nodes.map((node, index) => ({ name: node.metadata.name, container: found[index]!.id, runtime: runtimes[index]! })),
    };
  }
  const architectures = nodes.map((node) => node.status?.nodeInfo?.architecture).filter((architecture) => architecture !== undefined);
  return { kind: 'elsewhere', architectures: [...new Set(architectures)] };
}

/** Name and address must both agree: either alone may be the same by chance on two machines. */
function isNode(container: ContainerSummary, node: Node): boolean {
  const internal = (node.status?.addresses ?? []).filter(({ type }) => type === 'InternalIP').map(({ address }) => address);
  return container.name === node.metadata.name && Object.values(container.addresses).some((address) => internal.includes(address));
}

function runtimeOf(node: Node): Runtime | undefined {
  const name = node.status?.nodeInfo?.containerRuntimeVersion?.split(':')[0];
  return name === 'containerd' || name === 'docker' || name === 'cri-o' ? name : undefined;
}
