import type { Bench } from './measure/bench.ts';
import { tcpThroughput, udpLoss } from './measure/iperf.ts';
import { plainTunnel } from './measure/plain-tunnel.ts';
import { iperfPort as port } from './measure/workloads.ts';

const outside = 'without a tunnel';
const megabitsPerSecond = 200;
/** What a TUN device has, and what cargo and hub give theirs. */
const queueLengths = [500, 10_000] as const;

export const bench: Bench = {
  name: 'raw-wireguard',
  title: 'wireguard-go between two plain containers: what the machine can do, and which queue drops datagrams (iperf3)',
  metrics: [
    { name: 'TCP', unit: 'Mbit/s', better: 'higher' }, { name: 'TCP reverse', unit: 'Mbit/s', better: 'higher' },
    { name: 'UDP 200 Mbit/s', unit: '% lost', better: 'lower' }, { name: 'UDP 200 Mbit/s reverse', unit: '% lost', better: 'lower' },
    { name: 'dropped by the TUN queue', unit: 'packets', better: 'lower' }, { name: 'dropped by sockets', unit: 'packets', better: 'lower' },
  ],
  baseline: outside,
  async run({ rounds, seconds, loadImage }, record) {
    const tunnel = await plainTunnel(await loadImage());
    const measure = async (name: string, host: string): Promise<void> => {
      const before = await tunnel.drops();
      record(name, 'TCP', await tcpThroughput(tunnel.client, { host, port, seconds }));
      record(name, 'TCP reverse', await tcpThroughput(tunnel.client, { host, port, seconds, reverse: true }));
      record(name, 'UDP 200 Mbit/s', await udpLoss(tunnel.client, { host, port, seconds, megabitsPerSecond }));
      record(name, 'UDP 200 Mbit/s reverse', await udpLoss(tunnel.client, { host, port, seconds, megabitsPerSecond, reverse: true }));
      const after = await tunnel.drops();
      record(name, 'dropped by the TUN queue', after.tunQueue - before.tunQueue);
      record(name, 'dropped by sockets', after.sockets - before.sockets);
    };
    try {
      for (let round = 0; round < rounds; round++) {
        await measure(outside, tunnel.host.network);
        for (const length of queueLengths) {
          await tunnel.queueLength(length);
          await measure(`queue of ${length} packets`, tunnel.host.tunnel);
        }
      }
    } finally {
      await tunnel.remove();
    }
  },
};
