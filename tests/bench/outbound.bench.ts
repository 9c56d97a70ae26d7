import type { Bench } from './measure/bench.ts';
import { inContainer } from './measure/exec.ts';
import { wrk } from './measure/wrk.ts';
import { atMostAbove } from './measure/targets.ts';

const betweenPods = 'pod to Service';
const fromContainer = 'container to Service';
const p50 = 'c=1 p50';

export const bench: Bench = {
  name: 'outbound',
  title: 'HTTP requests to a Service, from a container of this machine and from a pod (wrk)',
  metrics: [
    { name: p50, unit: 'ms', better: 'lower' }, { name: 'c=1 p99', unit: 'ms', better: 'lower' },
    { name: 'c=32 requests', unit: '1/s', better: 'higher' }, { name: 'c=32 p99', unit: 'ms', better: 'lower' },
  ],
  baseline: betweenPods,
  targets: [atMostAbove(fromContainer, p50, 0.3, 'ms')],
  async run({ rounds, seconds, workloads, product }, record) {
    const { loader, address, loadImage } = await workloads();
    const { start, stop } = await product();
    const url = `http://${address.one}:8080/healthz`;
    await start('bench-outbound', { target: '', image: loadImage });
    const sources = [[betweenPods, loader], [fromContainer, inContainer('bench-outbound')]] as const;
    for (let round = 0; round < rounds; round++) {
      for (const [name, exec] of sources) {
        const alone = await wrk(exec, url, 1, seconds);
        const many = await wrk(exec, url, 32, seconds);
        record(name, p50, alone.p50Ms);
        record(name, 'c=1 p99', alone.p99Ms);
        record(name, 'c=32 requests', many.perSecond);
        record(name, 'c=32 p99', many.p99Ms);
      }
    }
    await stop('bench-outbound');
  },
};
