import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import type { Progress } from '../cluster/index.ts';
import type { Bench } from './measure/bench.ts';
import { atMost } from './measure/targets.ts';
import type { Product } from './measure/product.ts';
import type { Workloads } from './measure/workloads.ts';

const plain = 'docker run';
const first = 'first request';
const steady = 'all requests';
const failed = 'failed requests';
/** New connections, so one every 10 ms: that is the resolution. */
const probesPerSecond = 100;
/** After the command has returned; what is not bridged then never will be. */
const settleMs = 1000;
const name = 'bench-first';

export const bench: Bench = {
  name: 'first-request',
  title: 'from the start of `bridge run` to requests being answered by the container (link up before, unless said)',
  metrics: [{ name: first, unit: 's', better: 'lower' }, { name: steady, unit: 's', better: 'lower' }, { name: 'command returns', unit: 's', better: 'lower' }, { name: failed, unit: '', better: 'lower' }],
  baseline: plain,
  targets: [
    atMost('cold, 1 replica', steady, 3, 's'), atMost('cold, 3 replicas', steady, 3.5, 's'),
    atMost('warm, 1 replica', steady, 0.8, 's'), atMost('warm, 3 replicas', steady, 0.8, 's'),
  ],
  async run({ rounds, progress, workloads, product: installed }, record) {
    const side = await workloads();
    const product = await installed();
    const measure = async (caseName: string, target: 'one' | 'three'): Promise<void> => {
      const times = await bridgeUnderProbes(side, product, target, progress);
      record(caseName, first, times.firstMs / 1000);
      record(caseName, steady, times.steadyMs / 1000);
      record(caseName, 'command returns', times.returnedMs / 1000);
      record(caseName, failed, times.failed);
    };
    for (let round = 0; round < rounds; round++) {
      record(plain, 'command returns', await plainContainer(side.echoImage) / 1000);
      for (const [target, words] of [['one', '1 replica'], ['three', '3 replicas']] as const) {
        await product.removeAgents();
        await measure(`cold, ${words}`, target);
        await measure(`warm, ${words}`, target);
      }
      await product.removeAgents();
      await product.bridge('down');
      await measure('cold and link down, 1 replica', 'one');
    }
  },
};

interface Times { firstMs: number; steadyMs: number; returnedMs: number; failed: number }

async function bridgeUnderProbes({ prober, address, echoImage }: Workloads, product: Product, target: 'one' | 'three', progress: Progress): Promise<Times> {
  const probe = await prober.start('http', '--url', `http://${address[target]}/`, '--rate', String(probesPerSecond), '--duration', '60s');
  const startedAtMs = Date.now();
  const { elapsedMs } = await product.start(name, { target: `deploy/${target}`, image: echoImage, env: { WHO: 'local' } });
  await sleep(settleMs);
  const report = await probe.stop();
  if (report.failed > 0) progress.note(`  ${report.failed} requests failed: ${JSON.stringify(report.errors)}, first ${report.firstError}; bridge run began ${new Date(startedAtMs).toISOString().slice(11, 23)}`);
  await product.stop(name);
  // Prober and this process read the clock of one machine.
  const changes = report.changes.filter(({ atMs }) => atMs >= startedAtMs);
  const firstLocal = changes.find(({ who }) => who === 'local');
  const last = changes.at(-1);
  if (firstLocal === undefined || last?.who !== 'local') throw new Error(`not all requests are answered by the container ${settleMs} ms after bridge run has returned: ${JSON.stringify(report.byWho)}`);
  return { firstMs: firstLocal.atMs - startedAtMs, steadyMs: last.atMs - startedAtMs, returnedMs: elapsedMs, failed: report.failed };
}

async function plainContainer(image: string): Promise<number> {
  const before = performance.now();
  const { stdout } = await execa('docker', ['run', '--detach', image]);
  const elapsedMs = performance.now() - before;
  await execa('docker', ['rm', '--force', stdout.trim()]);
  return elapsedMs;
}
