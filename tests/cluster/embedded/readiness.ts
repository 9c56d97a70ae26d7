import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import type { Api } from './api.ts';
import type { NodeContainer } from './nodes.ts';

const pollIntervalMs = 250;
/** A Service address is tried from every node this long. */
const serviceLimitSeconds = 2;

interface Condition { type: string; status: string; lastHeartbeatTime?: string }
interface NodeList { items: { metadata: { name: string }; status?: { conditions?: Condition[] } }[] }
interface PodList { items: { spec: { nodeName?: string }; status: { containerStatuses?: { ready: boolean; state: { running?: { startedAt: string } } }[] } }[] }

/**
 * Why the cluster is not ready, or undefined if it is: every node is Ready, CoreDNS runs, and every
 * node reaches it through its Service. What was reported before a node's container started does
 * not count: after a restart the API server still tells how things were before.
 */
export async function whyNotReady(api: Api, nodes: NodeContainer[]): Promise<string | undefined> {
  const stopped = nodes.filter((node) => !node.running);
  if (stopped.length > 0) return `${stopped.map((node) => node.name).join(', ')}: container is not running`;
  const reported = await api.get<NodeList>('/api/v1/nodes');
  if (!reported) return 'the API server does not answer';
  // Kubernetes rounds its times down to whole seconds.
  const fresh = (time: string | undefined, node: NodeContainer): boolean => time !== undefined && Date.parse(time) + 1000 > node.startedAt.getTime();
  for (const node of nodes) {
    const ready = reported.items.find((item) => item.metadata.name === node.name)?.status?.conditions?.find((condition) => condition.type === 'Ready');
    if (ready?.status !== 'True' || !fresh(ready.lastHeartbeatTime, node)) return `${node.name} is not Ready`;
  }
  const dns = await api.get<PodList>('/api/v1/namespaces/kube-system/pods?labelSelector=k8s-app%3Dkube-dns');
  const serving = dns?.items.some((pod) => {
    const node = nodes.find(({ name }) => name === pod.spec.nodeName);
    return node && pod.status.containerStatuses?.some((status) => status.ready && fresh(status.state.running?.startedAt, node));
  });
  if (!serving) return 'CoreDNS is not ready';
  if (!await api.get('/api/v1/namespaces/default/serviceaccounts/default')) return 'the default service account is not there yet';
  const reach = await Promise.all(nodes.map((node) =>
    execa('docker', ['exec', node.name, 'timeout', String(serviceLimitSeconds), 'bash', '-c', '</dev/tcp/10.96.0.10/53'], { reject: false })));
  const unreached = nodes.filter((_, index) => reach[index]?.failed);
  return unreached.length > 0 ? `${unreached.map((node) => node.name).join(', ')}: Services cannot be reached` : undefined;
}

/** Waits until the cluster is ready. Returns why it is not, if that takes longer than the limit. */
export async function waitUntilReady(api: Api, findNodes: () => Promise<NodeContainer[]>, limitMs: number): Promise<string | undefined> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const why = await whyNotReady(api, await findNodes());
    if (why === undefined || performance.now() > deadline) return why;
    await sleep(pollIntervalMs);
  }
}
