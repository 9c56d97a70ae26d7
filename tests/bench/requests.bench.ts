import { until } from '../support/wait.ts';
import type { Bench } from './measure/bench.ts';
import { besideTheHub, throughTheTunnel } from './measure/endpoint.ts';
import type { Exec } from './measure/exec.ts';
import { wrk } from './measure/wrk.ts';
import { atLeastShare, atMostAbove } from './measure/targets.ts';

const direct = 'direct';
/** What is left of a bridge without agent and HAProxy: the floor of every bridged request. */
const tunnel = 'tunnel alone: hub pod to container';
const everything = 'bridged, no rule';
const matching = 'rule, matches';
const notMatching = 'rule, does not match';
const p50 = 'c=1 p50';
const rps = 'c=32 requests';
const mark = 'x-bridge: bench';
const busy = 32;
const settleLimitMs = 5000;

export const bench: Bench = {
  name: 'requests',
  title: 'HTTP requests between pods on two nodes, bridged to a container and not (wrk)',
  metrics: [
    { name: p50, unit: 'ms', better: 'lower' }, { name: 'c=1 p99', unit: 'ms', better: 'lower' },
    { name: rps, unit: '1/s', better: 'higher' }, { name: 'c=32 p50', unit: 'ms', better: 'lower' }, { name: 'c=32 p99', unit: 'ms', better: 'lower' },
  ],
  baseline: direct,
  targets: [
    atMostAbove(everything, p50, 0.35, 'ms'), atMostAbove(matching, p50, 0.35, 'ms'), atMostAbove(notMatching, p50, 0.08, 'ms'),
    atLeastShare(everything, rps, 1 / 6, 'at least 1/6 of the baseline'), atLeastShare(matching, rps, 1 / 6, 'at least 1/6 of the baseline'), atLeastShare(notMatching, rps, 0.55),
  ],
  async run({ rounds, seconds, workloads, product }, record) {
    const side = await workloads();
    const { loader, prober, address, echoImage } = side;
    const { start, stop } = await product();
    const hub = await besideTheHub(side);
    const url = `http://${address.one}:8080/healthz`;
    const measure = async (name: string, expected: string, headers: string[] = []): Promise<void> => {
      await mustBeAnsweredBy(expected, headers);
      await load(name, loader, url, headers);
      await mustBeAnsweredBy(expected, headers);
    };
    const mustBeAnsweredBy = async (expected: string, headers: string[]): Promise<void> => {
      await until(`answers of ${expected} only`, async () => {
        const { byWho } = await prober.run('http', '--url', url, '--count', '20', ...headers.flatMap((header) => ['--header', header]));
        return byWho[expected] === 20 ? true : undefined;
      }, settleLimitMs);
    };
    const load = async (name: string, from: Exec, to: string, headers: string[] = []): Promise<void> => {
      const alone = await wrk(from, to, 1, seconds, headers);
      const many = await wrk(from, to, busy, seconds, headers);
      record(name, p50, alone.p50Ms);
      record(name, 'c=1 p99', alone.p99Ms);
      record(name, rps, many.perSecond);
      record(name, 'c=32 p50', many.p50Ms);
      record(name, 'c=32 p99', many.p99Ms);
    };
    const local = { target: 'deploy/one', image: echoImage, env: { WHO: 'local' } };
    for (let round = 0; round < rounds; round++) {
      await measure(direct, 'original');
      await start('bench-all', local);
      await measure(everything, 'local');
      const { host, port } = await throughTheTunnel(side, 'bench-all');
      await load(tunnel, hub, `http://${host}:${port}/healthz`);
      await stop('bench-all');
      await start('bench-rule', { ...local, rule: ['--header', 'x-bridge=bench'] });
      await measure(matching, 'local', [mark]);
      await measure(notMatching, 'original');
      await stop('bench-rule');
    }
  },
};
