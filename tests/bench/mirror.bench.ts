import type { Bench } from './measure/bench.ts';
import { atMostAbove } from './measure/targets.ts';

const notCopied = 'mirror, rule does not match';
const copied = 'mirror, copied';
const [p50, p99] = ['p50', 'p99'];
/** So few that the copies leave the processors room: what they take away from everybody is no delay of the one that is copied. */
const perSecond = 50;

export const bench: Bench = {
  name: 'mirror',
  title: `what a copy costs the one who asks (${perSecond} requests a second, 4 connections)`,
  metrics: [p50, p99].map((name) => ({ name, unit: 'ms', better: 'lower' as const })),
  baseline: notCopied,
  targets: [atMostAbove(copied, p50, 0.5, 'ms'), atMostAbove(copied, p99, 2, 'ms')],
  async run({ rounds, seconds, workloads, product }, record) {
    const { prober, address, echoImage } = await workloads();
    const { start, stop } = await product();
    await start('bench-mirror', { target: 'deploy/one', image: echoImage, env: { WHO: 'local' }, rule: ['--header', 'x-bridge=bench', '--mode', 'mirror'] });
    for (let round = 0; round < 2 * rounds; round++) {
      for (const [name, header] of [[notCopied, 'x-bridge: other'], [copied, 'x-bridge: bench']] as const) {
        const report = await prober.run('http', '--url', `http://${address.one}:8080/healthz`, '--connections', '4', '--rate', String(perSecond), '--count', String(perSecond * seconds), '--header', header);
        if (report.failed > 0 || report.byWho.original !== report.total) throw new Error(`${name}: not every request was answered by the original: ${JSON.stringify(report)}`);
        record(name, p50, report.p50Ms);
        record(name, p99, report.p99Ms);
      }
    }
    await stop('bench-mirror');
  },
};
