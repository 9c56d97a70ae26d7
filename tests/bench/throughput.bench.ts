import type { Bench } from './measure/bench.ts';
import { besideTheHub, throughTheTunnel } from './measure/endpoint.ts';
import { inContainer } from './measure/exec.ts';
import { tcpThroughput } from './measure/iperf.ts';
import { plainTunnel } from './measure/plain-tunnel.ts';
import { atLeastShare } from './measure/targets.ts';
import { iperfPort } from './measure/workloads.ts';

const raw = 'raw: hub pod to container';
const bridged = 'bridged: pod to container';
const outbound = 'container to Service';
const name = 'bench-stream';

export const bench: Bench = {
  name: 'throughput',
  title: 'one TCP stream: bridged, outbound, and through the same tunnel without agent and HAProxy (iperf3)',
  metrics: [{ name: 'download', unit: 'Mbit/s', better: 'higher' }, { name: 'upload', unit: 'Mbit/s', better: 'higher' }],
  baseline: raw,
  targets: [atLeastShare(bridged, 'download', 0.9), atLeastShare(bridged, 'upload', 0.9)],
  async run({ rounds, seconds, workloads, product }, record) {
    const side = await workloads();
    const { start, stop } = await product();
    const hub = await besideTheHub(side);
    await start(name, { target: 'deploy/stream', image: side.loadImage, command: ['iperf3', '--server', '--port', String(iperfPort)] });
    await start('bench-outbound', { target: '', image: side.loadImage });
    const plain = await plainTunnel(side.loadImage);
    const service = { host: side.address.stream, port: iperfPort, seconds };
    // While it is bridged the Service leads back to the container, so outbound goes to a pod that is not.
    const cases = [
      ['wireguard-go between plain containers', plain.client, { host: plain.host.tunnel, port: iperfPort, seconds }],
      [raw, hub, { ...await throughTheTunnel(side, name), seconds }],
      [bridged, side.loader, service],
    ] as const;
    try {
      for (let round = 0; round < rounds; round++) {
        for (const [caseName, exec, options] of cases) {
          record(caseName, 'download', await tcpThroughput(exec, { ...options, reverse: true }));
          record(caseName, 'upload', await tcpThroughput(exec, options));
        }
      }
      await stop(name);
      const app = inContainer('bench-outbound');
      for (let round = 0; round < rounds; round++) {
        record(outbound, 'download', await tcpThroughput(app, { ...service, reverse: true }));
        record(outbound, 'upload', await tcpThroughput(app, service));
        record('pod to Service', 'download', await tcpThroughput(side.loader, { ...service, reverse: true }));
        record('pod to Service', 'upload', await tcpThroughput(side.loader, service));
      }
      await stop('bench-outbound');
    } finally {
      await plain.remove();
    }
  },
};
