/** What the cluster itself counts: memory and processor time of our pods, and requests to its API. */
import { systemNamespace } from '../../../protocol/names.ts';
import type { Kube } from '../../support/kube.ts';

export interface PodUse {
  /** hub, controller, agent. */
  part: string;
  pod: string;
  megabytes: number;
  /** Since the pod began, seconds of one processor. */
  cpuSeconds: number;
}

interface Summary { pods: { podRef: { name: string; namespace: string }; cpu?: { usageCoreNanoSeconds?: number }; memory?: { workingSetBytes?: number } }[] }

/** From the kubelets (stats/summary). */
export async function podUse(kube: Kube, nodes: readonly string[]): Promise<PodUse[]> {
  const summaries = await Promise.all(nodes.map((node) => kube.request<Summary>('GET', `/api/v1/nodes/${node}/proxy/stats/summary`)));
  return summaries.flatMap(({ pods }) => pods).filter(({ podRef }) => podRef.namespace === systemNamespace).map(({ podRef, cpu, memory }) => ({
    part: /stowaway-(hub|controller|agent)/.exec(podRef.name)?.[1] ?? podRef.name, pod: podRef.name, megabytes: Math.round((memory?.workingSetBytes ?? 0) / 1e6), cpuSeconds: (cpu?.usageCoreNanoSeconds ?? 0) / 1e9,
  }));
}

/** Requests that the API server has answered, watches left out: all, and those for our own kinds. */
export async function apiRequests(text: () => Promise<string>): Promise<{ all: number; ours: number }> {
  let [all, ours] = [0, 0];
  for (const [, labels = '', value] of (await text()).matchAll(/^apiserver_request_total\{([^}]*)\} (\S+)$/gm)) {
    if (/verb="(WATCH|CONNECT)"/.test(labels)) continue;
    all += Number(value);
    if (labels.includes('group="podbridge.dev"')) ours += Number(value);
  }
  return { all, ours };
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}
