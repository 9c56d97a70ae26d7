/** What stands of podbridge, counted and without names that change, so that before and after can be compared. */
import { execa } from 'execa';
import { labels, managedBy } from '../../protocol/names.ts';
import { clusterObjects } from '../support/inventory.ts';
import { inPodNetwork, onNode, processesOf, runningPods } from '../support/nodes.ts';
import type { World } from './world.ts';

/** `2 × in pods of plain: in ret` and the like, sorted. */
export async function standing(world: World): Promise<string[]> {
  const lines = (await Promise.all([inPods(world), ofAgents(world), inCluster(world), inDocker(world)])).flat();
  const counts = new Map<string, number>();
  for (const line of lines) counts.set(line, (counts.get(line) ?? 0) + 1);
  return [...counts].map(([line, count]) => `${count} × ${line}`).sort();
}

/** Our nftables tables in each pod of the targets, and its policy routing beyond what every network namespace has. */
async function inPods({ suite, sides }: World): Promise<string[]> {
  const lists = await Promise.all(sides.map(async ({ name }) => (await runningPods(suite.kube, suite.namespace, `app=${name}`)).map((pod) => ({ name, pod }))));
  return Promise.all(lists.flat().map(async ({ name, pod }) => {
    const found = await inPodNetwork(pod, `nft list tables | sed -nE 's/.*podbridge_.*_(in|udp|ret)$/\\1/p' | sort | tr '\\n' ' '; ip rule | grep -c lookup`);
    return `pod of ${name}: tables ${found.replace(/\s+/g, ' ')} ip rules`;
  }));
}

async function ofAgents(world: World): Promise<string[]> {
  const agents = await world.podsOf('agent');
  return (await Promise.all(agents.map(async (pod) => {
    const pids = await processesOf(pod);
    const counted = await onNode(pod.spec.nodeName, `for pid in ${pids.slice(1).join(' ')}; do cat /proc/$pid/comm 2>/dev/null; done | sort; nsenter -t ${pids.at(1)} -m ls /run/netns 2>/dev/null | sed 's/^pb-.*/network namespace/'`);
    // Files are brought by the agent of one of the pods, and it may be another one each time.
    return counted.split('\n').filter((line) => line !== '' && line !== 'pod-files').map((line) => `of an agent: ${line}`);
  }))).flat();
}

async function inCluster({ suite }: World): Promise<string[]> {
  const objects = await clusterObjects(suite.kube);
  return [...objects].filter(([, { metadata }]) => (metadata.labels as Record<string, string> | undefined)?.[labels.managedBy] === managedBy || String(metadata.name).startsWith(suite.namespace))
    .map(([name, { metadata }]) => {
      const [, kind = '', path = ''] = name.split(' ');
      // Names of a Deployment's pods are made anew with each.
      return ['pods', 'replicasets', 'controllerrevisions'].includes(kind) ? `${kind} of ${String((metadata.labels as Record<string, string>)[labels.component])}` : `${kind} ${path}`;
    });
}

async function inDocker({ suite }: World): Promise<string[]> {
  const ours = ['--filter', `label=${labels.managedBy}=${managedBy}`, '--filter', `label=${labels.namespace}=${suite.namespace}`];
  const lists = await Promise.all([
    execa('docker', ['ps', '--all', '--format', 'container {{.Names}}', ...ours]), execa('docker', ['volume', 'ls', '--format', 'volume {{.Name}}', ...ours]),
  ]);
  return lists.flatMap(({ stdout }) => stdout.split('\n').filter(Boolean));
}
