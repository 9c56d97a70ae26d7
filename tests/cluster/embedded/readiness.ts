import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import type { Api } from './api.ts';
import type { NodeContainer } from './nodes.ts';

const pollIntervalMs = 250;
/** A Service address is tried from every node this long. */
const serviceLimitSeconds = 2;

interface Condition { type: string; status: string; lastHeartbeatTime?: string }
interface NodeList { items: { metadata: { name: string }; status?: { conditions?: Condition[] } }[] }
interface Deployment { metadata: { generation: number }; status?: { observedGeneration?: number; availableReplicas?: number } }

/**
 * Why the cluster is not ready, or undefined if it is: every node reported ready after its
 * container started (an older report is one from before a restart), CoreDNS is available, and
 * every node reaches it through its Service.
 */
export async function whyNotReady(api: Api, nodes: NodeContainer[]): Promise<string | undefined> {
  const stopped = nodes.filter((node) => !node.running);
  if (stopped.length > 0) return `${stopped.map((node) => node.name).join(', ')}: container is not running`;
  const reported = await api.get<NodeList>('/api/v1/nodes');
  if (!reported) return 'the API server does not answer';
  for (const node of nodes) {
    const ready = reported.items.find((item) => item.metadata.name === node.name)?.status?.conditions?.find((condition) => condition.type === 'Ready');
    // Kubernetes rounds its times down to whole seconds.
    const fresh = ready?.lastHeartbeatTime !== undefined && Date.parse(ready.lastHeartbeatTime) + 1000 > node.startedAt.getTime();
    if (ready?.status !== 'True' || !fresh) return `${node.name} is not Ready`;
  }
  const dns = await api.get<Deployment>('/apis/apps/v1/namespaces/kube-system/deployments/coredns');
  if (!dns?.status?.availableReplicas || dns.status.observedGeneration !== dns.metadata.generation) return 'CoreDNS is not available';
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
