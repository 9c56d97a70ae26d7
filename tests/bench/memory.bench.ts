import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { resources, type KubeObject } from '../../cli/adapters/cluster/index.ts';
import { labels, systemNamespace } from '../../protocol/names.ts';
import type { Bench } from './measure/bench.ts';
import { inContainer, inPod } from './measure/exec.ts';
import { tcpThroughput } from './measure/iperf.ts';
import { residentMemory } from './measure/resident.ts';
import { atMost } from './measure/targets.ts';
import { iperfPort } from './measure/workloads.ts';

const bare = 'a bare Node process';
const rest = 'at rest';
const later = '10 s after 10 s of TCP';
const restMs = 10_000;
const name = 'bench-memory';

interface PodObject extends KubeObject { spec: { nodeName: string; containers: { name: string }[] } }

export const bench: Bench = {
  name: 'memory',
  title: 'resident memory while a Deployment of 3 replicas on two nodes is bridged',
  metrics: [{ name: rest, unit: 'MB', better: 'lower' }, { name: later, unit: 'MB', better: 'lower' }],
  baseline: bare,
  targets: [atMost('hub + controller', rest, 150, 'MB'), atMost('largest agent', rest, 90, 'MB'), atMost('cargo', rest, 90, 'MB')],
  async run({ rounds, progress, workloads, product }, record) {
    const { kube, loadImage, echoImage, address } = await workloads();
    const { start, stop, cargo } = await product();
    await start(name, { target: 'deploy/three', image: echoImage, env: { WHO: 'local' } });
    await start('bench-outbound', { target: '', image: loadImage });

    const pods = async (component: string): Promise<PodObject[]> => (await kube.list<PodObject>(resources.Pod, { namespace: systemNamespace, labelSelector: `${labels.component}=${component}` })).items;
    const ofPods = async (component: string): Promise<number[]> => Promise.all((await pods(component)).map(async ({ metadata, spec }) => {
      const { megabytes, processes } = await residentMemory(inPod(kube, systemNamespace, metadata.name, spec.containers[0]!.name));
      progress.note(`  ${metadata.name}: ${processes}`);
      return megabytes;
    }));
    const total = (values: number[]): number => values.reduce((sum, value) => sum + value, 0);
    const measure = async (metric: string): Promise<void> => {
      await sleep(restMs);
      const [hub, controller] = [total(await ofPods('hub')), total(await ofPods('controller'))];
      record('hub', metric, hub);
      record('controller', metric, controller);
      record('hub + controller', metric, hub + controller);
      record('largest agent', metric, Math.max(...await ofPods('agent')));
      const gateway = await residentMemory(inContainer(await cargo()));
      progress.note(`  cargo: ${gateway.processes}`);
      record('cargo', metric, gateway.megabytes);
    };
    for (let round = 0; round < rounds; round++) {
      record(bare, rest, await bareNode());
      await measure(rest);
    }
    await tcpThroughput(inContainer('bench-outbound'), { host: address.stream, port: iperfPort, seconds: 10, reverse: true });
    await measure(later);
    await stop(name);
    await stop('bench-outbound');
  },
};

async function bareNode(): Promise<number> {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000); console.log()'], { stdio: ['ignore', 'pipe', 'ignore'] });
  await once(child.stdout, 'data');
  const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
  child.kill();
  return Number(/^VmRSS:\s*(\d+)/m.exec(status)?.[1]) * 1024 / 1e6;
}
