/** What podbridge's processes hold, and what nodes hold because of it. */
import { onNode, processesOf, type PlacedPod } from '../support/nodes.ts';
import { standing } from './standing.ts';
import type { World } from './world.ts';

export interface Held {
  processes: number;
  files: number;
  /** Resident, of all processes. */
  megabytes: number;
}

export interface Footprint {
  /** `cargo`, `hub`, `controller`, `agent on NODE`. */
  parts: Record<string, Held>;
  /** By node. */
  networkNamespaces: Record<string, number>;
  iptablesRules: Record<string, number>;
  nftTables: Record<string, number>;
  standing: string[];
}

/**
 * Prints processes, open files and kB of those that are named in the arguments; of all there are without any. Files are brought by the
 * agent of one of the pods, and it may be another one each time: its server for them does not count.
 */
const count = `
for pid in "\${@:-$(ls /proc | grep '^[0-9]')}"; do echo $pid; done | tr ' ' '\\n' | while read pid; do
  case "$(cat /proc/$pid/comm 2>/dev/null)" in bash|pod-files) continue;; esac
  kb=$(sed -n 's/^VmRSS:[^0-9]*\\([0-9]*\\).*/\\1/p' /proc/$pid/status 2>/dev/null)
  [ -z "$kb" ] || echo $(ls /proc/$pid/fd 2>/dev/null | wc -l) $kb
done`;

function held(text: string): Held {
  const lines = text.split('\n').filter(Boolean).map((line) => line.split(' ').map(Number));
  const sum = (column: number): number => lines.reduce((total, line) => total + (line[column] ?? 0), 0);
  return { processes: lines.length, files: sum(0), megabytes: Math.round(sum(1) / 1000) };
}

export async function footprint(world: World): Promise<Footprint> {
  const { suite: { cluster }, docker } = world;
  const ofPod = async (pod: PlacedPod): Promise<Held> => held(await onNode(pod.spec.nodeName, count, ...(await processesOf(pod)).map(String)));
  const [hub, controller, agents] = await Promise.all([world.podsOf('hub'), world.podsOf('controller'), world.podsOf('agent')]);
  const pods = [...hub.map((pod) => ['hub', pod] as const), ...controller.map((pod) => ['controller', pod] as const), ...agents.map((pod) => [`agent on ${pod.spec.nodeName}`, pod] as const)];
  const parts: [string, Held][] = await Promise.all([
    ...pods.map(async ([name, pod]): Promise<[string, Held]> => [name, await ofPod(pod)]),
    (async (): Promise<[string, Held]> => ['cargo', held(await docker('exec', await world.cargo(), 'bash', '-c', count))])(),
  ]);
  const perNode = async (script: string): Promise<Record<string, number>> => Object.fromEntries(await Promise.all(cluster.nodes.map(async (node) => [node, Number(await onNode(node, script))] as const)));
  const [networkNamespaces, iptablesRules, nftTables] = await Promise.all([perNode('lsns -n -t net | wc -l'), perNode('iptables-save | grep -c "^-A" || true'), perNode('nft list tables | wc -l')]);
  return { parts: Object.fromEntries(parts), networkNamespaces, iptablesRules, nftTables, standing: await standing(world) };
}
