import type { Bench } from './measure/bench.ts';
import { inContainer } from './measure/exec.ts';
import { datagramBytes, udpLoss } from './measure/iperf.ts';
import { atMost } from './measure/targets.ts';
import { iperfPort } from './measure/workloads.ts';

const betweenPods = 'pod to Service';
const tunnel = 'container to Service';
const megabitsPerSecond = 200;
const out = 'sent';
const back = 'received';

export const bench: Bench = {
  name: 'udp',
  title: `UDP loss at ${megabitsPerSecond} Mbit/s through the tunnel, datagrams of ${datagramBytes} bytes (iperf3)`,
  metrics: [{ name: out, unit: '% lost', better: 'lower' }, { name: back, unit: '% lost', better: 'lower' }],
  baseline: betweenPods,
  targets: [atMost(tunnel, out, 1, '%'), atMost(tunnel, back, 1, '%')],
  async run({ rounds, seconds, workloads, product }, record) {
    const { loader, address, loadImage } = await workloads();
    const { start, stop } = await product();
    await start('bench-outbound', { target: '', image: loadImage });
    const options = { host: address.stream, port: iperfPort, seconds, megabitsPerSecond };
    const sources = [[betweenPods, loader], [tunnel, inContainer('bench-outbound')]] as const;
    for (let round = 0; round < rounds; round++) {
      for (const [name, exec] of sources) {
        record(name, out, await udpLoss(exec, options));
        record(name, back, await udpLoss(exec, { ...options, reverse: true }));
      }
    }
    await stop('bench-outbound');
  },
};
