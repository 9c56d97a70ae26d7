/** Logs of podbridge's own parts: cargo from Docker, the others from the cluster. */
import { labels, systemNamespace } from '../../protocol/names.ts';
import { resources, type Cluster, type KubeObject } from '../adapters/cluster/index.ts';
import { BridgeError } from '../errors.ts';
import type { Host } from '../host.ts';

export const parts = ['container', 'cargo', 'hub', 'controller', 'agent'] as const;
export type Part = (typeof parts)[number];

export interface PartLogRequest {
  follow: boolean;
  tail?: number;
  timestamps: boolean;
  json: boolean;
  /** Only agents that serve this bridge: nodes of its pods. */
  nodes?: string[];
}

/** All pods of the part side by side; with several, each line begins with its pod's name. Ctrl-C ends it. */
export async function streamPartLogs(cluster: Cluster, host: Host, part: Exclude<Part, 'container' | 'cargo'>, { follow, tail, timestamps, json, nodes }: PartLogRequest): Promise<void> {
  const { items } = await cluster.list<KubeObject & { spec?: { nodeName?: string } }>(resources.Pod, { namespace: systemNamespace, labelSelector: `${labels.component}=${part}` });
  const pods = items.filter(({ spec }) => nodes === undefined || nodes.includes(spec?.nodeName ?? ''));
  if (pods.length === 0) {
    throw new BridgeError({ kind: 'environment', code: 'part-not-running', what: `there is no ${part} pod${nodes === undefined ? '' : ' on the nodes of this bridge'}`, why: part === 'agent' ? 'agents are there only while something is bridged' : 'podbridge is not installed, or was scaled down', next: 'bridge doctor' });
  }
  const abort = new AbortController();
  const stop = host.onSignal(() => abort.abort());
  try {
    await Promise.all(pods.map(async ({ metadata: { name } }) => {
      for await (const line of cluster.podLogLines(systemNamespace, name, { follow, timestamps, ...(tail === undefined ? {} : { tailLines: tail }) }, abort.signal)) {
        host.stdout.write(json ? `${JSON.stringify({ type: 'log', pod: name, line })}\n` : `${pods.length > 1 ? `${name}  ` : ''}${line}\n`);
      }
    }));
  } finally {
    stop();
  }
}
