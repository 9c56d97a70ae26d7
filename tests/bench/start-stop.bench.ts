import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench } from './measure/bench.ts';
import { atMost } from './measure/targets.ts';

const quiet = 'nothing happens';
const busy = '10 starts and stops';
const cycles = 10;
/** Between start and stop, and after it. */
const pauseMs = 1000;
const newConnections = 'new connections';
const kept = 'kept connections';
const name = 'bench-cycle';

export const bench: Bench = {
  name: 'start-stop',
  title: 'requests that fail over 10 starts and stops of a bridge of 3 replicas: 200/s over new connections, 100/s over 20 kept ones',
  metrics: [newConnections, kept].flatMap((kind) => [
    { name: `${kind}: failed`, unit: 'requests', better: 'lower' as const }, { name: `${kind}: sent`, unit: 'requests', better: 'higher' as const },
    { name: `${kind}: longest gap`, unit: 'ms', better: 'lower' as const },
  ]),
  baseline: quiet,
  targets: [atMost(busy, `${newConnections}: failed`, 0, ''), atMost(busy, `${kept}: failed`, 0, '')],
  async run({ rounds, progress, workloads, product }, record) {
    // By the Service's address: names would add the resolver's own losses.
    const { prober, address, echoImage } = await workloads();
    const { start, stop } = await product();
    const url = `http://${address.three}/`;
    const underLoad = async (caseName: string, action: () => Promise<void>): Promise<void> => {
      const limit = ['--duration', '10m'];
      const probes = [
        [newConnections, await prober.start('http', '--url', url, '--rate', '200', ...limit)],
        [kept, await prober.start('http', '--url', url, '--rate', '100', '--connections', '20', ...limit)],
      ] as const;
      try {
        await action();
      } finally {
        for (const [kind, probe] of probes) {
          const { failed, total, longestGapMs, firstError } = await probe.stop();
          record(caseName, `${kind}: failed`, failed);
          record(caseName, `${kind}: sent`, total);
          record(caseName, `${kind}: longest gap`, longestGapMs);
          if (firstError !== undefined) progress.note(`${caseName}, ${kind}: first failure ${firstError}\n  ${steps.join('\n  ')}`);
        }
      }
    };
    // To find out what a failure coincides with.
    const steps: string[] = [];
    const timed = async (words: string, action: () => Promise<unknown>): Promise<void> => {
      const from = new Date().toISOString();
      await action();
      steps.push(`${words} ${from.slice(11, 23)} to ${new Date().toISOString().slice(11, 23)}`);
    };
    for (let round = 0; round < rounds; round++) {
      steps.length = 0;
      const started = performance.now();
      await underLoad(busy, async () => {
        for (let cycle = 0; cycle < cycles; cycle++) {
          await timed('start', () => start(name, { target: 'deploy/three', image: echoImage, env: { WHO: 'local' } }));
          await sleep(pauseMs);
          await timed('stop ', () => stop(name));
          await sleep(pauseMs);
        }
      });
      await underLoad(quiet, () => sleep(performance.now() - started));
    }
  },
};
