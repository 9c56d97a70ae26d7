/** A look into the nodes, which are containers of this Docker (kind, k3d, the embedded cluster): processes, network namespaces of pods, nftables. */
import { execa } from 'execa';
import { resources, type KubeObject } from '../../cli/adapters/cluster/index.ts';
import type { Kube } from './kube.ts';

export interface PlacedPod extends KubeObject {
  spec: { nodeName: string; containers: { name: string; ports?: { name?: string; containerPort: number; protocol?: string }[] }[]; hostNetwork?: boolean };
  status: { podIP?: string; phase?: string; containerStatuses?: { name: string; ready: boolean; restartCount: number }[] };
}

/** Pods of a namespace that run, by labels. */
export async function runningPods(kube: Kube, namespace: string, labelSelector?: string): Promise<PlacedPod[]> {
  const { items } = await kube.list<PlacedPod>(resources.Pod, { namespace, ...(labelSelector === undefined ? {} : { labelSelector }) });
  return items.filter(({ status, metadata }) => status.phase === 'Running' && metadata.deletionTimestamp === undefined);
}

/** Runs a bash script on a node and gives its output. Throws when it fails. */
export async function onNode(node: string, script: string, ...args: string[]): Promise<string> {
  // By stdin: what is looked for must not stand in the arguments of the process that looks.
  const { stdout } = await execa('docker', ['exec', '-i', node, 'bash', '-s', '--', ...args], { input: script, maxBuffer: 64 * 1024 * 1024 });
  return stdout;
}

/** Processes of a pod, oldest first: the first is its sandbox (`pause`), whose network namespace is the pod's. */
export async function processesOf({ spec, metadata }: PlacedPod): Promise<number[]> {
  const uid = metadata.uid ?? '';
  // The systemd driver writes underscores.
  const found = await onNode(spec.nodeName, `grep -lsE "$1|$2" /proc/[0-9]*/cgroup | cut -d/ -f3 | sort -n`, uid, uid.replaceAll('-', '_'));
  const pids = found.split('\n').filter(Boolean).map(Number);
  if (pids.length === 0) throw new Error(`pod ${metadata.name} has no process on ${spec.nodeName}`);
  return pids;
}

/** Runs a script in the network namespace of a pod, with the node's tools. */
export async function inPodNetwork(pod: PlacedPod, script: string): Promise<string> {
  const [sandbox] = await processesOf(pod);
  return onNode(pod.spec.nodeName, `nsenter -t ${sandbox} -n bash -c "$1"`, script);
}

/** Local ports of listening TCP sockets in the network namespace of a pod. */
export async function listeningIn(pod: PlacedPod): Promise<{ address: string; port: number }[]> {
  const lines = (await inPodNetwork(pod, 'ss -Hltn')).split('\n').filter(Boolean);
  return lines.map((line) => {
    const local = line.split(/\s+/)[3] ?? '';
    return { address: local.slice(0, local.lastIndexOf(':')), port: Number(local.slice(local.lastIndexOf(':') + 1)) };
  });
}
